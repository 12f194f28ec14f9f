#include "cli/viewer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <spawn.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/options.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

constexpr const char* kOpener = "xdg-open";

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

// Whether execvp() would find the program.
bool is_in_path(const std::string& program) {
  const char* variable = std::getenv("PATH");
  std::string_view rest = variable == nullptr ? "/bin:/usr/bin" : variable;
  while (true) {
    const std::size_t colon = rest.find(':');
    const fs::path file = fs::path(rest.substr(0, colon)) / program;
    std::error_code ignored;
    if (fs::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0) return true;
    if (colon == std::string_view::npos) return false;
    rest.remove_prefix(colon + 1);
  }
}

// How the child differs from this process.
class Spawn {
 public:
  Spawn() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions_, STDIN_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, STDIN_FILENO, STDERR_FILENO);
    posix_spawnattr_init(&attributes_);
    // What this program ignores, others expect to end them.
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGPIPE, SIGXFSZ}) sigaddset(&signals, signal);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
  }
  ~Spawn() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;

  int run(std::string program, std::string argument) {
    char* const arguments[] = {program.data(), argument.data(), nullptr};
    pid_t child = 0;
    return posix_spawnp(&child, program.c_str(), &actions_, &attributes_, arguments, environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

void add_show_option(CLI::App* app, bool* show, const std::string& what, const std::string& group) {
  add_switch(app, "--show", show, "Open " + what + " in the desktop's viewer (xdg-open).", group);
}

void check_viewer() {
  if (!is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY")) {
    throw Failure(Exit::kUnsupported,
                  "--show: there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set");
  }
  if (!is_in_path(kOpener)) {
    throw Failure(Exit::kUnsupported,
                  fmt::format("--show: there is no {} in PATH; it is part of xdg-utils", kOpener));
  }
}

void show_file(const std::string& path) {
  std::error_code error;
  // A name may begin with a dash.
  const fs::path absolute = fs::absolute(path, error);
  const int failed = Spawn().run(kOpener, error ? path : absolute.string());
  if (failed != 0) {
    print_warning(
        fmt::format("--show {}: {} can't be started: {}", path, kOpener, std::strerror(failed)));
  }
}

}  // namespace lasso::app
