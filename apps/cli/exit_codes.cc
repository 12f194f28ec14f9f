#include "cli/exit_codes.h"

#include <new>

namespace lasso::app {

bool cpu_is_supported() {
  __builtin_cpu_init();
  // Of x86-64-v3, which the library is built for: what both GCC 12 and Clang 14 can ask about.
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
         __builtin_cpu_supports("bmi") != 0 && __builtin_cpu_supports("bmi2") != 0;
}

Exit exit_for(const lasso::Error& error, Stage stage) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return Exit::kUsage;
    case ErrorCode::kNotFound:
    case ErrorCode::kCorruptFile:
      return stage == Stage::kOther ? Exit::kSomeFailed : Exit::kBadModel;
    case ErrorCode::kUnsupported:
      return stage == Stage::kModel && cpu_is_supported() ? Exit::kBadModel : Exit::kUnsupported;
    case ErrorCode::kOutOfMemory:
    case ErrorCode::kDevice:
      return Exit::kDeviceOrMemory;
    case ErrorCode::kInternal:
      return Exit::kInternal;
  }
  return Exit::kInternal;
}

namespace {

std::string please_report(const std::string& message) {
  return message + " (this is a bug in Lasso: please report it with the command line)";
}

}  // namespace

Described describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Failure& failure) {
    const bool bug = failure.exit() == Exit::kInternal;
    return {failure.exit(), bug ? please_report(failure.what()) : failure.what()};
  } catch (const OutputError& e) {
    return {Exit::kSomeFailed, e.what()};
  } catch (const lasso::Error& e) {
    const Exit exit = exit_for(e, Stage::kOther);
    return {exit, exit == Exit::kInternal ? please_report(e.what()) : e.what()};
  } catch (const std::bad_alloc&) {
    return {Exit::kDeviceOrMemory, "out of memory"};
  } catch (const std::exception& e) {
    return {Exit::kInternal, please_report(e.what())};
  } catch (...) {
    return {Exit::kInternal, please_report("unknown exception")};
  }
}

}  // namespace lasso::app
