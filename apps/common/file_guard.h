// Files that are being written are finished, even if the program is asked to end.
#ifndef LASSO_COMMON_FILE_GUARD_H_
#define LASSO_COMMON_FILE_GUARD_H_

namespace lasso::app {

// While one lives, a file is being written.
class FileGuard {
 public:
  FileGuard();
  ~FileGuard();
  FileGuard(const FileGuard&) = delete;
  FileGuard& operator=(const FileGuard&) = delete;

  // How many live. May be asked in a signal handler.
  static int count() noexcept;
  // `call` is called whenever the last one has ended, in its thread. Set it before threads start.
  static void when_none(void (*call)()) noexcept;
};

}  // namespace lasso::app

#endif  // LASSO_COMMON_FILE_GUARD_H_
