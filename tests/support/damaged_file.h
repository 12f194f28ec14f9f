// Files that are damaged in place, and put right again.
#ifndef LASSO_TESTS_SUPPORT_DAMAGED_FILE_H_
#define LASSO_TESTS_SUPPORT_DAMAGED_FILE_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "core/random.h"
#include "formats/zip/zip_reader.h"
#include "lasso/error.h"

namespace lasso::test {

// Whether f() returns. If it throws, the error is about the file `path`, which stands first in it,
// and is one line of no great length.
template <typename F>
bool is_accepted(const std::string& path, const F& f) {
  try {
    f();
    return true;
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_TRUE(error.code() == ErrorCode::kCorruptFile || error.code() == ErrorCode::kUnsupported)
        << to_string(error.code()) << ": " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(message.find(path), 0U) << message;
    EXPECT_LT(message.size(), 2000U) << message;
    return false;
  }
}

// Changes bytes of a file in place and puts them back.
class Patch {
 public:
  Patch(int fd, std::size_t at, const std::string& bytes) : fd_(fd), at_(at), before_(bytes) {
    EXPECT_EQ(pread(fd_, before_.data(), before_.size(), static_cast<off_t>(at_)),
              static_cast<ssize_t>(before_.size()));
    write(bytes);
  }
  ~Patch() { write(before_); }
  Patch(const Patch&) = delete;
  Patch& operator=(const Patch&) = delete;

 private:
  void write(const std::string& bytes) const {
    EXPECT_EQ(pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at_)),
              static_cast<ssize_t>(bytes.size()));
  }
  int fd_;
  std::size_t at_;
  std::string before_;
};

class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDWR)) {}
  ~File() { close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

inline std::size_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

// Positions of everything in the archive but the tensors' data: the pickle, headers, the directory.
inline std::vector<std::size_t> structure_of(const std::string& bytes) {
  const ZipArchive zip(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), "archive");
  std::vector<bool> data(bytes.size(), false);
  for (const ZipEntry& entry : zip.entries()) {
    if (entry.name.find("/data/") == entry.name.npos) continue;
    std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(entry.offset), entry.size, true);
  }
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!data[i]) positions.push_back(i);
  }
  return positions;
}

// Bytes in the place of those at `at`: others, or, if `is_number`, ones that are large as a number.
inline std::string random_patch(SplitMix64& random, const std::string& bytes, std::size_t at,
                                bool is_number) {
  static const std::string numbers[] = {std::string(4, '\xff'), std::string(8, '\xff'),
                                        std::string(4, '\0'), std::string("\0\0\0\x80", 4),
                                        std::string(8, '\x7f')};
  if (is_number && at + 8 <= bytes.size()) return numbers[random.below(5)];
  return std::string(1, static_cast<char>(bytes[at] ^ static_cast<char>(1 + random.below(255))));
}

// The size to which truncation `i` of `count` cuts a file: the first and the last 50 bytes one by
// one, and places all over.
inline std::size_t truncated_size(std::size_t size, int i, int count) {
  if (i < 50) return static_cast<std::size_t>(i);
  if (i >= count - 50) return size - static_cast<std::size_t>(count - i);
  return size * static_cast<std::size_t>(i) / static_cast<std::size_t>(count);
}

// A piece of the file erased, repeated elsewhere, or put in another's place.
inline std::string with_moved_piece(SplitMix64& random, const std::string& bytes,
                                    const std::vector<std::size_t>& positions) {
  std::string changed = bytes;
  const std::size_t length = 1 + random.below(64);
  const std::size_t from = positions[random.below(positions.size())];
  const std::size_t to = positions[random.below(positions.size())];
  if (std::max(from, to) + length > bytes.size()) return changed;
  switch (random.below(3)) {
    case 0:
      return changed.erase(to, length);
    case 1:
      return changed.insert(to, bytes, from, length);
    default:
      return changed.replace(to, length, bytes, from, length);
  }
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_DAMAGED_FILE_H_
