#include "common/file_guard.h"

#include <atomic>

namespace lasso::app {

namespace {

std::atomic<int> living{0};
static_assert(std::atomic<int>::is_always_lock_free);  // as a signal handler needs it
std::atomic<void (*)()> call_when_none{nullptr};

}  // namespace

FileGuard::FileGuard() { ++living; }

FileGuard::~FileGuard() {
  if (--living > 0) return;
  if (void (*const call)() = call_when_none) call();
}

int FileGuard::count() noexcept { return living; }

void FileGuard::when_none(void (*call)()) noexcept { call_when_none = call; }

}  // namespace lasso::app
