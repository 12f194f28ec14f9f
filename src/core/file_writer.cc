#include "core/file_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/check.h"

namespace lasso {

FileWriter::FileWriter(const std::string& file, std::string name)
    : name_(std::move(name)),
      fd_(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  check(fd_ >= 0);
}

FileWriter::~FileWriter() {
  if (fd_ >= 0) ::close(fd_);
}

void FileWriter::check(bool condition) const {
  LASSO_CHECK(condition, ErrorCode::kInvalidArgument, "{}: can't be written: {}", name_,
              std::strerror(errno));
}

void FileWriter::append(const void* data, std::size_t bytes) {
  const auto* from = static_cast<const std::byte*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(fd_, from, bytes);
    if (written < 0 && errno == EINTR) continue;
    check(written > 0);
    from += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void FileWriter::close() {
  const int fd = std::exchange(fd_, -1);
  // Interrupted or not, Linux has closed the file.
  check(::close(fd) == 0 || errno == EINTR);
}

}  // namespace lasso
