#include "cli/model/child.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "cli/console.h"
#include "cli/exit_codes.h"

namespace lasso::app {

namespace {

// What stands before every record's text and values.
struct Header {
  std::uint32_t kind;
  std::uint32_t text_size;
  std::uint64_t bytes;
};

// False if the other end has gone.
bool write_all(int socket, const void* data, std::size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = write(socket, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool read_all(int socket, void* data, std::size_t size) {
  char* bytes = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = read(socket, bytes, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_record(int socket, RecordKind kind, const OrderedJson& meta, const void* data,
                  std::uint64_t bytes) {
  const std::string text = json_line(meta);
  const Header header{static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(text.size()),
                      bytes};
  return write_all(socket, &header, sizeof(header)) &&
         write_all(socket, text.data(), text.size()) && write_all(socket, data, bytes);
}

[[noreturn]] void run_child(const std::function<void(Parent*)>& work, int socket) {
  restore_handlers();
  Parent parent(socket);
  try {
    work(&parent);
  } catch (...) {
    const Described error = describe(std::current_exception());
    parent.send(RecordKind::kError,
                {{"exit", static_cast<int>(error.exit)}, {"message", error.message}});
  }
  _exit(0);
}

}  // namespace

std::string Record::key() const {
  return meta.at("program").get<std::string>() + "/" + meta.at("name").get<std::string>();
}

void Parent::send(RecordKind kind, const OrderedJson& meta, const void* data, std::uint64_t bytes) {
  if (!write_record(socket_, kind, meta, data, bytes)) _exit(static_cast<int>(Exit::kDone));
}

Record Parent::receive() {
  Header header{};
  if (!read_all(socket_, &header, sizeof(header))) _exit(static_cast<int>(Exit::kDone));
  std::string text(header.text_size, '\0');
  if (!read_all(socket_, text.data(), text.size())) _exit(static_cast<int>(Exit::kDone));
  return {static_cast<RecordKind>(header.kind), OrderedJson::parse(text), header.bytes};
}

Child::Child(std::string name, const std::function<void(Parent*)>& work) : name_(std::move(name)) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw Failure(Exit::kDeviceOrMemory, fmt::format("no socket: {}", std::strerror(errno)));
  }
  child_ = fork();
  if (child_ == 0) {
    close(ends[0]);
    run_child(work, ends[1]);
  }
  close(ends[1]);
  socket_ = ends[0];
  if (child_ < 0) {
    throw Failure(Exit::kDeviceOrMemory, fmt::format("no process: {}", std::strerror(errno)));
  }
}

Child::~Child() {
  close(socket_);
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
}

// The other end has gone: says why.
void Child::fail() {
  int status = 0;
  waitpid(child_, &status, 0);
  child_ = -1;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    throw Failure(Exit::kDeviceOrMemory,
                  fmt::format("{}: was killed, most likely for want of memory", name_));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(Exit::kBadModel)) {
    // As bus_error.h ends it.
    throw Failure(Exit::kBadModel, fmt::format("{}: the file was cut short while in use", name_));
  }
  throw Failure(Exit::kInternal,
                fmt::format("{}: ended early ({})", name_,
                            WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no signal"));
}

void Child::send(RecordKind kind, const OrderedJson& meta) {
  if (!write_record(socket_, kind, meta, nullptr, 0)) fail();
}

void Child::read_exactly(void* data, std::size_t size) {
  if (!read_all(socket_, data, size)) fail();
}

const Record& Child::next() {
  std::array<char, 16384> passed_over{};
  while (unread_ > 0) {
    read_bytes(passed_over.data(), std::min<std::uint64_t>(unread_, passed_over.size()));
  }
  Header header{};
  read_exactly(&header, sizeof(header));
  std::string text(header.text_size, '\0');
  read_exactly(text.data(), text.size());
  record_ = {static_cast<RecordKind>(header.kind), OrderedJson::parse(text), header.bytes};
  unread_ = header.bytes;
  if (record_.kind == RecordKind::kError) {
    throw Failure(static_cast<Exit>(record_.meta.at("exit").get<int>()),
                  record_.meta.at("message").get<std::string>());
  }
  return record_;
}

void Child::read_bytes(void* data, std::size_t bytes) {
  read_exactly(data, bytes);
  unread_ -= bytes;
}

}  // namespace lasso::app
