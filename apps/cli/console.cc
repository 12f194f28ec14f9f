#include "cli/console.h"

#include <fmt/format.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

#include "cli/bus_error.h"
#include "cli/exit_codes.h"
#include "common/file_guard.h"
#include "common/text.h"
#include "core/stopwatch.h"
#include "lasso/log.h"

namespace lasso::app {

namespace {

struct Settings {
  bool quiet = false;
  bool verbose = false;
};

Settings& settings() {
  static Settings instance;
  return instance;
}

// Guards both streams, so that a progress line never mixes with another.
std::mutex& stream_mutex() {
  static std::mutex instance;
  return instance;
}

// Read by the signal handler, hence atomic.
std::atomic<bool> progress_shown{false};
std::atomic<bool> interrupted{false};

bool terminal_with_color(int fd) {
  const char* term = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  return isatty(fd) != 0 && (no_color == nullptr || *no_color == '\0') &&
         (term == nullptr || std::strcmp(term, "dumb") != 0);
}

void clear_progress() {
  if (progress_shown.exchange(false)) std::fputs("\r\033[K", stderr);
}

void print_message(const char* kind, const char* color, std::string_view message) {
  const std::lock_guard lock(stream_mutex());
  clear_progress();
  const bool colored = terminal_with_color(STDERR_FILENO);
  fmt::print(stderr, "lasso: {}{}:{} {}\n", colored ? color : "", kind, colored ? "\033[0m" : "",
             printable(message));
}

void leave_interrupted() { leave({"interrupted"}, Exit::kInterrupted); }

void on_interrupt(int) {
  if (FileGuard::count() > 0) {
    interrupted = true;
  } else {
    leave_interrupted();
  }
}

std::terminate_handler terminate_before = nullptr;

// A destructor that asks for memory and gets none ends the process; those of nested JSON do.
void on_terminate() {
  if (std::current_exception() != nullptr) {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      leave({"error: out of memory"}, Exit::kDeviceOrMemory);
    } catch (...) {
      // Said by the handler before.
    }
  }
  terminate_before();
}

}  // namespace

void leave(std::initializer_list<std::string_view> words, Exit exit) noexcept {
  const auto tell = [](std::string_view text) {
    (void)!write(STDERR_FILENO, text.data(), text.size());
  };
  if (progress_shown) tell("\r\033[K");
  tell("lasso: ");
  for (const std::string_view word : words) tell(word);
  tell("\n");
  _exit(static_cast<int>(exit));
}

void configure_console(bool quiet, bool verbose) {
  settings() = {quiet, verbose};
  set_log_callback([](LogLevel level, const std::string& message) {
    if (level == LogLevel::kWarning) {
      print_warning(message);
    } else {
      print_note(message);
    }
  });
}

bool quiet() { return settings().quiet; }

void print(std::string_view line) {
  const std::lock_guard lock(stream_mutex());
  clear_progress();
  const bool written = std::fwrite(line.data(), 1, line.size(), stdout) == line.size() &&
                       std::fputc('\n', stdout) != EOF && std::fflush(stdout) == 0;
  if (written) return;
  if (errno == EPIPE) _exit(static_cast<int>(Exit::kSomeFailed));  // the reader has seen enough
  throw Failure(Exit::kSomeFailed,
                fmt::format("cannot write to standard output: {}", std::strerror(errno)));
}

void print_error(std::string_view message) { print_message("error", "\033[1;31m", message); }

void print_warning(std::string_view message) {
  if (!settings().quiet) print_message("warning", "\033[1;33m", message);
}

void print_note(std::string_view message) {
  if (settings().verbose) print_message("note", "\033[2m", message);
}

std::string styled(Style style, std::string_view text) {
  static const bool colored = terminal_with_color(STDOUT_FILENO);
  const char* code = nullptr;
  switch (style) {
    case Style::kPlain:
      break;
    case Style::kBold:
      code = "1";
      break;
    case Style::kDim:
      code = "2";
      break;
    case Style::kRed:
      code = "1;31";
      break;
    case Style::kGreen:
      code = "32";
      break;
    case Style::kYellow:
      code = "33";
      break;
    case Style::kCyan:
      code = "36";
      break;
  }
  if (!colored || code == nullptr) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

const char* arrow() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const bool utf8 = std::strstr(value, "UTF-8") != nullptr ||
                      std::strstr(value, "utf8") != nullptr ||
                      std::strstr(value, "utf-8") != nullptr;
    return utf8 ? "\u2192" : "->";
  }
  return "->";
}

struct Progress::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::string what;
  bool done = false;
  std::thread thread;

  void run() {
    const Stopwatch watch;
    std::unique_lock lock(mutex);
    auto pause = std::chrono::milliseconds(1000);
    while (!changed.wait_for(lock, pause, [this] { return done; })) {
      pause = std::chrono::milliseconds(100);
      const std::lock_guard stream_lock(stream_mutex());
      progress_shown = true;
      fmt::print(stderr, "\r\033[K{}... {:.1f} s", printable(what), watch.seconds());
      std::fflush(stderr);
    }
    const std::lock_guard stream_lock(stream_mutex());
    clear_progress();
    std::fflush(stderr);
  }
};

Progress::Progress(const std::string& what) {
  if (settings().quiet || isatty(STDERR_FILENO) == 0) return;
  state_ = std::make_unique<State>();
  state_->what = what;
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Progress::~Progress() {
  if (!state_) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->done = true;
  }
  state_->changed.notify_one();
  state_->thread.join();
}

void Progress::set(const std::string& what) {
  if (!state_) return;
  const std::lock_guard lock(state_->mutex);
  state_->what = what;
}

void install_handlers() {
  terminate_before = std::set_terminate(on_terminate);
  FileGuard::when_none([] {
    if (interrupted) leave_interrupted();
  });
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  action.sa_handler = SIG_IGN;  // print() sees EPIPE instead, who writes a file EFBIG
  sigaction(SIGPIPE, &action, nullptr);
  sigaction(SIGXFSZ, &action, nullptr);
  install_bus_error_handler();
}

void restore_handlers() {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(SIGINT, &action, nullptr);
  silence_bus_errors();
}

}  // namespace lasso::app
