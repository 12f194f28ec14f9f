#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <new>
#include <utility>

#include "core/aligned_buffer.h"

namespace lasso {

namespace {

constexpr std::size_t kPage = 4096;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }
  // Leaves it to the caller, who closes it.
  int take() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  // O_NONBLOCK: a named pipe must not hang the caller before its type is known.
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  LASSO_CHECK(fd.get() >= 0, ErrorCode::kNotFound, "{}: {}", path, std::strerror(errno));
  struct stat status {};
  LASSO_CHECK(fstat(fd.get(), &status) == 0, ErrorCode::kNotFound, "{}: {}", path,
              std::strerror(errno));
  LASSO_CHECK(S_ISREG(status.st_mode), ErrorCode::kNotFound, "{}: not a regular file", path);
  std::shared_ptr<MappedFile> file(new MappedFile());
  file->path_ = path;
  file->size_ = static_cast<std::size_t>(status.st_size);
  if (file->size_ > 0) {
    void* data = mmap(nullptr, file->size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    LASSO_CHECK(data != MAP_FAILED, ErrorCode::kOutOfMemory, "{}: can't be mapped: {}", path,
                std::strerror(errno));
    file->data_ = static_cast<const std::byte*>(data);
  }
  file->device_ = status.st_dev;
  file->inode_ = status.st_ino;
  file->fd_ = fd.take();
  return file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
  if (size_now() != kUnknownSize) close(fd_);
}

std::uint64_t MappedFile::size_now() const {
  struct stat status {};
  const bool ours = fstat(fd_, &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
  return ours ? static_cast<std::uint64_t>(status.st_size) : kUnknownSize;
}

void MappedFile::check_size() const {
  const std::uint64_t size = size_now();
  LASSO_CHECK(size >= size_, ErrorCode::kCorruptFile,
              "{}: has {} bytes, and had {} when it was opened: it was cut short while in use",
              path_, size, size_);
}

void MappedFile::release(const std::byte* begin, std::size_t bytes) const {
  if (begin < data_ || bytes > size_ || begin > data_ + (size_ - bytes)) return;
  const auto offset = static_cast<std::size_t>(begin - data_);
  const std::size_t first = align_up(offset, kPage);
  const std::size_t last = (offset + bytes) / kPage * kPage;
  if (first < last) {
    madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED);
  }
}

std::string read_descriptor(int descriptor, const std::string& name, std::size_t most) {
  const auto check_size = [&](std::uint64_t bytes) {
    LASSO_CHECK(bytes <= most, ErrorCode::kUnsupported,
                "{}: has more than {} bytes, the limit for a file that is read at once", name,
                most);
  };
  struct stat status {};
  LASSO_CHECK(fstat(descriptor, &status) == 0, ErrorCode::kNotFound, "{}: {}", name,
              std::strerror(errno));
  LASSO_CHECK(!S_ISDIR(status.st_mode), ErrorCode::kNotFound, "{}: is a folder, expected a file",
              name);
  // Where the size is known, one byte more shows the end; pipes and devices may have no end.
  constexpr std::size_t kBlock = std::size_t{1} << 16;
  const bool regular = S_ISREG(status.st_mode);
  if (regular) check_size(static_cast<std::uint64_t>(status.st_size));
  const std::size_t expected = regular ? static_cast<std::size_t>(status.st_size) + 1 : 0;
  std::string content;
  std::size_t used = 0;
  try {
    content.resize(std::max(expected, kBlock));
    while (true) {
      if (used == content.size()) content.resize(std::min(2 * used, most + 1));
      const ssize_t bytes = ::read(descriptor, content.data() + used, content.size() - used);
      if (bytes < 0 && errno == EINTR) continue;
      LASSO_CHECK(bytes >= 0, ErrorCode::kNotFound, "{}: can't be read: {}", name,
                  std::strerror(errno));
      if (bytes == 0) break;
      used += static_cast<std::size_t>(bytes);
      check_size(used);
    }
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kOutOfMemory, "{}: no memory to read it", name);
  }
  content.resize(used);
  return content;
}

std::string read_file(const std::string& path, std::size_t most) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  LASSO_CHECK(fd.get() >= 0, ErrorCode::kNotFound, "{}: {}", path, std::strerror(errno));
  return read_descriptor(fd.get(), path, most);
}

std::string follow_links(const std::string& path) {
  constexpr int kMaxLinks = 40;  // as many as Linux follows
  std::error_code error;
  std::filesystem::path target = path;
  for (int i = 0; i < kMaxLinks; ++i) {
    if (!std::filesystem::is_symlink(std::filesystem::symlink_status(target, error))) break;
    const std::filesystem::path link = std::filesystem::read_symlink(target, error);
    if (error) break;
    target = target.parent_path() / link;  // an absolute link replaces all
  }
  return target.string();
}

void check_name_length(const std::string& path) {
  constexpr long kLongestName = 255;          // NAME_MAX of Linux
  constexpr std::size_t kLongestPath = 4095;  // PATH_MAX, without the zero at its end
  const std::filesystem::path file(path);
  const std::string name = file.filename().string();
  const std::string folder = file.parent_path().string();
  const long known = pathconf(folder.empty() ? "." : folder.c_str(), _PC_NAME_MAX);
  const auto most = static_cast<std::size_t>(known > 0 ? known : kLongestName);
  LASSO_CHECK(name.size() <= most, ErrorCode::kInvalidArgument,
              "{}: can't be written: the name has {} bytes, and the file system takes {}", path,
              name.size(), most);
  LASSO_CHECK(path.size() <= kLongestPath, ErrorCode::kInvalidArgument,
              "{}: can't be written: the path has {} bytes, and the system takes {}", path,
              path.size(), kLongestPath);
}

}  // namespace lasso
