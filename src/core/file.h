// Files: read-only maps, atomic writes, and a reader that never leaves its bytes.
#ifndef LASSO_CORE_FILE_H_
#define LASSO_CORE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/check.h"

namespace lasso {

// A file mapped read-only. Pages come and go with use: release() gives those of a range back.
// Reading beyond the end of a file that was cut short meanwhile raises SIGBUS, and the rest of its
// last page reads as zeros: whoever reads a map calls check_size() before, and again before the
// results count.
class MappedFile {
 public:
  // Throws kNotFound (no such file, not a regular file, not readable).
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  const std::string& path() const { return path_; }

  // Takes the whole pages inside [begin, begin + bytes), which must lie in the file, out of the
  // resident set; they are read again from the file when used.
  void release(const std::byte* begin, std::size_t bytes) const;

  // Throws kCorruptFile if the file is shorter than it was when it was mapped. A file of another
  // content that took over its name does not matter. Nothing is known, and nothing thrown, where
  // the process has closed all its descriptors, as daemons do.
  void check_size() const;

 private:
  static constexpr std::uint64_t kUnknownSize = ~std::uint64_t{0};

  MappedFile() = default;
  std::uint64_t size_now() const;

  std::string path_;
  // Of the file that is mapped, whatever becomes of its name. The number may have been closed by
  // somebody else and belong to another file by now, which device and inode tell.
  int fd_ = -1;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// The limit for a file that is read into memory as a whole, where the caller has no other.
constexpr std::size_t kMostFileBytes = std::size_t{1} << 30;

// The whole of a file, which may be a pipe. Unlike in a map, a file that shrinks meanwhile is only
// shorter. Throws kNotFound (no such file, a folder, not readable), kUnsupported for more than
// `most` bytes, kOutOfMemory.
std::string read_file(const std::string& path, std::size_t most = kMostFileBytes);
// The rest of an open file or pipe, which stays open; `name` stands in messages.
std::string read_descriptor(int descriptor, const std::string& name,
                            std::size_t most = kMostFileBytes);

// The file that a write to `path` is to make or replace: a link's target, even one that does not
// exist yet. A link that leads in circles is left as one.
std::string follow_links(const std::string& path);

// Throws kInvalidArgument, with the limit, where the file's name is longer than its file system
// takes, or the whole path longer than the system does.
void check_name_length(const std::string& path);

// Calls write(temporary path), then renames the temporary file, which stands in the same folder, to
// `path`. On an exception the temporary file is removed and `path` stays as it was. If the process
// is killed `path` stays as it was, too, and nothing else is left where the file system has files
// without names. Throws kInvalidArgument where the folder can't be written, and what
// check_name_length does.
void write_atomically(const std::string& path,
                      const std::function<void(const std::string& temporary)>& write);
void write_file(const std::string& path, std::string_view content);

// Reads little-endian numbers from somebody else's bytes; throws kCorruptFile, with the file's name
// and the position, rather than leave them.
class ByteReader {
 public:
  ByteReader(const std::byte* data, std::size_t size, std::string name)
      : data_(data), size_(size), name_(std::move(name)) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return size_ - position_; }
  const std::string& name() const { return name_; }

  void seek(std::size_t position) {
    LASSO_CHECK(position <= size_, ErrorCode::kCorruptFile,
                "{}: offset {} lies outside its {} bytes", name_, position, size_);
    position_ = position;
  }
  const std::byte* take(std::size_t bytes) {
    LASSO_CHECK(bytes <= remaining(), ErrorCode::kCorruptFile,
                "{}: {} bytes are needed at offset {}, and {} are left", name_, bytes, position_,
                remaining());
    const std::byte* begin = data_ + position_;
    position_ += bytes;
    return begin;
  }
  template <typename T>
  T read() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }
  std::string_view text(std::size_t bytes) {
    return {reinterpret_cast<const char*>(take(bytes)), bytes};
  }

 private:
  const std::byte* data_;
  std::size_t size_;
  std::size_t position_ = 0;
  std::string name_;
};

}  // namespace lasso

#endif  // LASSO_CORE_FILE_H_
