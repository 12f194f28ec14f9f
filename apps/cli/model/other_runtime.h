// What runs on another runtime than Lasso's own.
#ifndef LASSO_CLI_MODEL_OTHER_RUNTIME_H_
#define LASSO_CLI_MODEL_OTHER_RUNTIME_H_

#include <string>
#include <utility>
#include <vector>

#include "cli/options.h"
#include "common/json_text.h"

namespace lasso::app {

// Throws Failure(kUsage) for options of Lasso's own kernels, and a device and a provider that
// differ.
void refuse_kernel_options(const RunOptions& run);

// What --provider says, or --device.
std::string provider_of(const RunOptions& run);

// ModelRunner::settings(): {"runtime": "onnxruntime 1.32.0", "threads": "2", ...}, and for people
// "onnxruntime 1.32.0, provider cpu, threads 2, ...".
using RuntimeSettings = std::vector<std::pair<std::string, std::string>>;
OrderedJson settings_json(const RuntimeSettings& settings);
std::string settings_text(const RuntimeSettings& settings);
std::string settings_text(const OrderedJson& settings);  // of such JSON

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_OTHER_RUNTIME_H_
