#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <new>
#include <random>
#include <utility>

#include "core/aligned_buffer.h"
#include "core/file_writer.h"

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

namespace {

// Calls make(name) with new names beside `path` until it returns true, and returns that name. It is
// no longer than the file's own: that one fits wherever the file does. It is ASCII, since a name
// that is cut may be one that the file system refuses.
template <typename Make>
std::string make_temporary(const std::string& path, Make&& make) {
  constexpr std::string_view kPrefix = ".lasso-";
  constexpr std::string_view kCharacters = "0123456789abcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kRandomCharacters = 9;
  const std::filesystem::path target(path);
  const std::size_t most = target.filename().string().size();
  std::random_device random;
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string name(most >= kPrefix.size() + kRandomCharacters ? kPrefix : "");
    const std::size_t size = name.size() + std::min(kRandomCharacters, most);
    while (name.size() < size) name += kCharacters[random() % kCharacters.size()];
    std::string file = (target.parent_path() / name).string();
    if (make(file)) return file;
    if (errno != EEXIST) break;
  }
  fail(ErrorCode::kInvalidArgument, "{}: can't be written: {}", path, std::strerror(errno));
}

// Gives `target` the file that was written under `temporary`, or removes that.
void rename_or_remove(const std::string& temporary, const std::string& target) {
  if (std::rename(temporary.c_str(), target.c_str()) == 0) return;
  const int error = errno;
  unlink(temporary.c_str());
  fail(ErrorCode::kInvalidArgument, "{}: can't be written: {}", target, std::strerror(error));
}

// Through a file without a name, of which nothing is left if the process is killed. False where the
// file system has none.
bool write_unnamed(const std::string& target,
                   const std::function<void(const std::string& temporary)>& write) {
  std::string folder = std::filesystem::path(target).parent_path().string();
  if (folder.empty()) folder = ".";
  // With the permissions of an ordinary new file.
  const FileDescriptor fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666));
  if (fd.get() < 0) return false;
  const std::string unnamed = fmt::format("/proc/self/fd/{}", fd.get());
  if (access(unnamed.c_str(), W_OK) != 0) return false;  // no /proc
  write(unnamed);
  // A link replaces no file, and a renaming does.
  const std::string name = make_temporary(target, [&](const std::string& candidate) {
    return linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, candidate.c_str(), AT_SYMLINK_FOLLOW) == 0;
  });
  rename_or_remove(name, target);
  return true;
}

void write_named(const std::string& target,
                 const std::function<void(const std::string& temporary)>& write) {
  const std::string temporary = make_temporary(target, [](const std::string& name) {
    return FileDescriptor(::open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666))
               .get() >= 0;
  });
  try {
    write(temporary);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
  rename_or_remove(temporary, target);
}

}  // namespace

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

void write_atomically(const std::string& path,
                      const std::function<void(const std::string& temporary)>& write) {
  const std::string target = follow_links(path);
  // Anything but a file, such as a device or a link in circles, must not be renamed over.
  std::error_code ignored;
  const auto status = std::filesystem::symlink_status(target, ignored);
  LASSO_CHECK(!std::filesystem::exists(status) || std::filesystem::is_regular_file(status),
              ErrorCode::kInvalidArgument, "{}: can't be written: not a regular file", path);
  check_name_length(target);
  if (!write_unnamed(target, write)) write_named(target, write);
}

void write_file(const std::string& path, std::string_view content) {
  write_atomically(path, [&](const std::string& temporary) {
    FileWriter out(temporary, path);
    out.append(content);
    out.close();
  });
}

}  // namespace lasso
