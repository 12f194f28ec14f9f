// ONNX Runtime's library and its interface in C, which later releases keep.
#ifndef LASSO_RUNTIMES_ONNXRUNTIME_LIBRARY_H_
#define LASSO_RUNTIMES_ONNXRUNTIME_LIBRARY_H_

#include <onnxruntime_c_api.h>

#include <memory>
#include <string>
#include <vector>

#include "core/check.h"

namespace lasso::runtimes::onnxruntime {

class Library {
 public:
  // Loads it the first time. Throws kUnsupported where it is not found, or older than the headers.
  static const Library& get();

  const OrtApi& api() const { return *api_; }
  const OrtEnv& env() const { return *env_; }
  const std::string& version() const { return version_; }
  const std::string& file() const { return file_; }
  // As the library calls them: "CPUExecutionProvider", the fastest first.
  const std::vector<std::string>& providers() const { return providers_; }

  // Throws with a code that `code_of` makes of the library's where the status is one of failure,
  // which is freed. `what` stands before the message.
  void check(OrtStatus* status, ErrorCode (*code_of)(OrtErrorCode), const std::string& what) const;
  // The same where nothing but memory and the library itself can be at fault.
  void check(OrtStatus* status) const;

 private:
  Library();

  const OrtApi* api_ = nullptr;
  OrtEnv* env_ = nullptr;  // lives as long as the process
  std::string version_;
  std::string file_;
  std::vector<std::string> providers_;
};

// Frees an object of the library, of the type T that its interface has a release function for.
template <typename T, void (*OrtApi::*Release)(T*)>
struct Releaser {
  void operator()(T* object) const { (Library::get().api().*Release)(object); }
};
using Session = std::unique_ptr<OrtSession, Releaser<OrtSession, &OrtApi::ReleaseSession>>;
using SessionOptions =
    std::unique_ptr<OrtSessionOptions, Releaser<OrtSessionOptions, &OrtApi::ReleaseSessionOptions>>;
using Value = std::unique_ptr<OrtValue, Releaser<OrtValue, &OrtApi::ReleaseValue>>;
using TypeInfo = std::unique_ptr<OrtTypeInfo, Releaser<OrtTypeInfo, &OrtApi::ReleaseTypeInfo>>;
using TensorInfo =
    std::unique_ptr<OrtTensorTypeAndShapeInfo,
                    Releaser<OrtTensorTypeAndShapeInfo, &OrtApi::ReleaseTensorTypeAndShapeInfo>>;
using MemoryInfo =
    std::unique_ptr<OrtMemoryInfo, Releaser<OrtMemoryInfo, &OrtApi::ReleaseMemoryInfo>>;

}  // namespace lasso::runtimes::onnxruntime

#endif  // LASSO_RUNTIMES_ONNXRUNTIME_LIBRARY_H_
