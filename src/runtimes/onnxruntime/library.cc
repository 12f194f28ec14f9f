#include "runtimes/onnxruntime/library.h"

#include <dlfcn.h>

#include <algorithm>

#include "core/log.h"

namespace lasso::runtimes::onnxruntime {

namespace {

// Where the build found it, and what the system knows by its name: an installed Lasso may be on
// another machine.
constexpr const char* kFiles[] = {LASSO_ONNXRUNTIME_LIBRARY, "libonnxruntime.so.1",
                                  "libonnxruntime.so"};

void* load() {
  std::string problems;
  for (const char* file : kFiles) {
    if (void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL)) return library;
    problems += (problems.empty() ? "" : "; ") + std::string(dlerror());
  }
  fail(ErrorCode::kUnsupported, "ONNX Runtime's library is not found: {}", problems);
}

std::string file_of(const void* function) {
  Dl_info info{};
  return dladdr(function, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : kFiles[0];
}

void ORT_API_CALL log_message(void* /*param*/, OrtLoggingLevel severity, const char* /*category*/,
                              const char* /*logid*/, const char* /*code_location*/,
                              const char* message) {
  const bool warning = severity >= ORT_LOGGING_LEVEL_ERROR;
  log(warning ? LogLevel::kWarning : LogLevel::kInfo, "ONNX Runtime: " + std::string(message));
}

}  // namespace

const Library& Library::get() {
  static const Library library;
  return library;
}

Library::Library() {
  void* library = load();
  using Base = const OrtApiBase*(ORT_API_CALL*)();
  const auto base = reinterpret_cast<Base>(dlsym(library, "OrtGetApiBase"));
  LASSO_CHECK(base != nullptr, ErrorCode::kUnsupported,
              "ONNX Runtime's library has no OrtGetApiBase");
  file_ = file_of(reinterpret_cast<const void*>(base));
  version_ = base()->GetVersionString();
  api_ = base()->GetApi(ORT_API_VERSION);
  LASSO_CHECK(api_ != nullptr, ErrorCode::kUnsupported,
              "{}: ONNX Runtime {}, and 1.{} or later is needed, as the headers have that this "
              "Lasso was built with",
              file_, version_, ORT_API_VERSION);
  check(api_->CreateEnvWithCustomLogger(log_message, nullptr, ORT_LOGGING_LEVEL_WARNING, "lasso",
                                        &env_));
  char** names = nullptr;
  int count = 0;
  check(api_->GetAvailableProviders(&names, &count));
  for (int i = 0; i < count; ++i) providers_.emplace_back(names[i]);
  check(api_->ReleaseAvailableProviders(names, count));
}

void Library::check(OrtStatus* status, ErrorCode (*code_of)(OrtErrorCode),
                    const std::string& what) const {
  if (status == nullptr) return;
  const ErrorCode code = code_of(api_->GetErrorCode(status));
  std::string message = api_->GetErrorMessage(status);
  api_->ReleaseStatus(status);
  std::replace(message.begin(), message.end(), '\n', ' ');
  fail(code, "{}ONNX Runtime: {}", what, message);
}

void Library::check(OrtStatus* status) const {
  check(
      status, [](OrtErrorCode) { return ErrorCode::kDevice; }, "");
}

}  // namespace lasso::runtimes::onnxruntime
