// Runtimes besides Lasso's own: somebody else's library that runs an ONNX file, to compare with.
#ifndef LASSO_RUNTIME_H_
#define LASSO_RUNTIME_H_

#include <memory>
#include <string>
#include <vector>

#include "lasso/export.h"
#include "lasso/model_runner.h"
#include "lasso/runner.h"

namespace lasso {

struct RuntimeOptions {
  std::string runtime = "onnxruntime";  // one of runtime_names()
  // What the runtime computes with: one of RuntimeInfo::providers. Upper and lower case are the
  // same.
  std::string provider = "cpu";
  int threads = 0;  // 0: MachineInfo::threads
  // Values inside the model's graph, by name, that become outputs of it, behind its own. Where they
  // are in the way of what the runtime would do to its graph, it does less.
  std::vector<std::string> more_outputs;
};

struct RuntimeInfo {
  std::string name;                    // "onnxruntime"
  std::string title;                   // "ONNX Runtime"
  std::string version;                 // of its library
  std::string library;                 // the file
  std::vector<std::string> providers;  // "cpu", "cuda", ...: what the library offers
};

// The runtimes that Lasso knows, whether or not this build has them: "onnxruntime".
LASSO_EXPORT std::vector<std::string> runtime_names();

// Loads the runtime's library. Throws kInvalidArgument for a name that runtime_names() lacks, and
// kUnsupported where this build has no such runtime, with how to get one, or where its library is
// not found any more.
LASSO_EXPORT RuntimeInfo runtime_info(const std::string& runtime);

// Opens an ONNX file. Throws what runtime_info() does; kInvalidArgument for a number of threads out
// of range, and a name in more_outputs that the graph lacks; kNotFound and kCorruptFile for the
// file; kUnsupported for a file of another kind, a provider that the library does not offer, and a
// model that the runtime cannot run or that has arguments of other types than ElementType has. Runs
// throw kDevice for what fails in the runtime.
LASSO_EXPORT std::unique_ptr<ModelRunner> open_runtime(const std::string& path,
                                                       const RuntimeOptions& options = {});

}  // namespace lasso

#endif  // LASSO_RUNTIME_H_
