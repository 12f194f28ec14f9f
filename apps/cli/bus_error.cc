#include "cli/bus_error.h"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cli/console.h"
#include "cli/exit_codes.h"

namespace lasso::app {

namespace {

std::atomic<bool> silent{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // as a signal handler needs it

// Everything below runs in a signal handler: it allocates nothing, takes no locks, and calls only
// what POSIX allows there.

// Goes through a line field by field.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

  std::string_view next() {
    skip_spaces();
    const std::size_t end = rest_.find(' ');
    const std::string_view field = rest_.substr(0, end);
    rest_.remove_prefix(field.size());
    return field;
  }
  std::string_view rest() {
    skip_spaces();
    return rest_;
  }

 private:
  void skip_spaces() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }

  std::string_view rest_;
};

std::uintptr_t hexadecimal(std::string_view digits) {
  std::uintptr_t value = 0;
  for (const char digit : digits) {
    const int nibble = digit >= 'a' ? digit - 'a' + 10 : digit - '0';
    value = value << 4 | static_cast<std::uintptr_t>(nibble & 15);
  }
  return value;
}

// The name of the file where a line of /proc/self/maps is about a private map of one, only to be
// read, that holds the address; empty otherwise.
std::string_view file_at(std::string_view line, std::uintptr_t address) {
  Fields fields(line);
  const std::string_view range = fields.next();
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return {};
  if (address < hexadecimal(range.substr(0, dash)) ||
      address >= hexadecimal(range.substr(dash + 1))) {
    return {};
  }
  if (fields.next() != "r--p") return {};
  for (int skipped = 0; skipped < 3; ++skipped) fields.next();  // offset, device, inode
  const std::string_view name = fields.rest();
  return !name.empty() && name.front() == '/' ? name : std::string_view();
}

// Lines of a file; what does not fit in one is cut off.
class Lines {
 public:
  explicit Lines(const char* path) : fd_(open(path, O_RDONLY | O_CLOEXEC)) {}
  ~Lines() {
    if (fd_ >= 0) close(fd_);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  bool next() {
    size_ = 0;
    char c = 0;
    while (take(&c)) {
      if (c == '\n') return true;
      if (size_ == line_.size()) continue;
      // Nothing that a terminal would obey.
      const bool control = static_cast<unsigned char>(c) < ' ' || c == 0x7f;
      line_[size_++] = control ? '?' : c;
    }
    return size_ > 0;
  }
  std::string_view line() const { return {line_.data(), size_}; }

 private:
  bool take(char* c) {
    if (position_ == filled_) {
      const ssize_t got = fd_ < 0 ? 0 : read(fd_, buffer_.data(), buffer_.size());
      if (got <= 0) return false;
      filled_ = static_cast<std::size_t>(got);
      position_ = 0;
    }
    *c = buffer_[position_++];
    return true;
  }

  int fd_;
  std::array<char, 1024> buffer_;
  std::size_t position_ = 0;
  std::size_t filled_ = 0;
  std::array<char, 4352> line_;  // a path of PATH_MAX bytes, and what stands before it
  std::size_t size_ = 0;
};

void on_bus_error(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  Lines maps("/proc/self/maps");
  while (info->si_code == BUS_ADRERR && maps.next()) {
    const std::string_view file = file_at(maps.line(), address);
    if (file.empty()) continue;
    // Several threads may read what is gone.
    static std::atomic_flag first = ATOMIC_FLAG_INIT;
    while (first.test_and_set()) pause();
    if (silent) _exit(static_cast<int>(Exit::kBadModel));
    leave({"error: ", file, ": can't be read any more: it was cut short while in use"},
          Exit::kBadModel);
  }
  // The same instruction raises it again; one that somebody sent must be sent again.
  signal(SIGBUS, SIG_DFL);
  if (info->si_code <= 0) raise(SIGBUS);
}

}  // namespace

void install_bus_error_handler() {
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

void silence_bus_errors() { silent = true; }

}  // namespace lasso::app
