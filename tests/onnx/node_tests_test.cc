// ONNX's own single-node tests (folder onnx_node_tests of the reference data): those that Lasso
// runs must give ONNX's results, and node_tests.txt says of all others why not. After a change,
// LASSO_WRITE_NODE_TESTS=FILE writes what the table must say now.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "formats/onnx/check_onnx.h"
#include "formats/onnx/onnx_reader.h"
#include "onnx/onnx_run.h"
#include "support/capped.h"
#include "support/files.h"

namespace lasso {
namespace {

namespace fs = std::filesystem;

HostTensor host_tensor(const Tensor& tensor) {
  const auto* bytes = static_cast<const std::byte*>(tensor.data.get());
  return {element_type(tensor.dtype), tensor.dims, {bytes, bytes + tensor.bytes()}};
}

// The tests give as inputs what models have as constants: axes, sizes, weights of transposed
// convolutions.
bool is_of_shapes(const std::string& op_type, std::size_t input) {
  static const std::map<std::string, std::set<std::size_t>> inputs{
      {"BatchNormalization", {1, 2, 3, 4}},
      {"ConstantOfShape", {0}},
      {"ConvTranspose", {1, 2}},
      {"CumSum", {1}},
      {"Expand", {1}},
      {"NonMaxSuppression", {2, 3, 4}},
      {"OneHot", {1}},
      {"Pad", {1, 2, 3}},
      {"Range", {0, 1, 2}},
      {"Reshape", {1}},
      {"Resize", {1, 2, 3}},
      {"Slice", {1, 2, 3, 4}},
      {"Split", {1}},
      {"Squeeze", {1}},
      {"Tile", {1}},
      {"TopK", {1}},
      {"Trilu", {1}},
      {"Unsqueeze", {1}},
      {"Upsample", {1}}};
  if (op_type.rfind("Reduce", 0) == 0) return input == 1;
  const auto entry = inputs.find(op_type);
  return entry != inputs.end() && entry->second.count(input) > 0;
}

std::map<std::string, HostTensor> inputs_of_shapes(const OnnxModel& model, const fs::path& data) {
  std::map<std::string, HostTensor> fixed;
  const auto& inputs = model.graph.inputs;
  for (const OnnxNode& node : model.graph.nodes) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (!is_of_shapes(node.op_type, i)) continue;
      for (std::size_t k = 0; k < inputs.size(); ++k) {
        if (inputs[k].name != node.inputs[i]) continue;
        const OnnxTensor tensor = read_onnx_tensor(data / fmt::format("input_{}.pb", k));
        fixed[inputs[k].name] = host_tensor(to_tensor(tensor));
      }
    }
  }
  return fixed;
}

// What became of a test: "pass", or why it was not run, or how it failed.
std::string outcome(const fs::path& folder) {
  const std::string path = folder / "model.onnx";
  const OnnxModel model = read_onnx(path);
  try {
    EngineOptions options = test::capped();
    options.fixed_inputs = inputs_of_shapes(model, folder / "test_data_set_0");
    Runner runner(Engine::build(path, options));
    for (int set = 0; fs::exists(folder / fmt::format("test_data_set_{}", set)); ++set) {
      const fs::path data = folder / fmt::format("test_data_set_{}", set);
      std::vector<Tensor> inputs;
      for (std::size_t i = 0; i < model.graph.inputs.size(); ++i) {
        if (options.fixed_inputs.count(model.graph.inputs[i].name) > 0) continue;
        inputs.push_back(to_tensor(read_onnx_tensor(data / fmt::format("input_{}.pb", i))));
      }
      const auto results = test::run(runner, inputs);
      for (std::size_t i = 0; i < model.graph.outputs.size(); ++i) {
        const Tensor expected = to_tensor(read_onnx_tensor(data / fmt::format("output_{}.pb", i)));
        const HostTensor& result = results.at(model.graph.outputs[i].name);
        if (result.shape != expected.dims) {
          return fmt::format("wrong: output {} is {}, not {}", i, to_string(result.shape),
                             to_string(expected.dims));
        }
        if (dtype_of(result.type) != expected.dtype) {
          return fmt::format("wrong: output {} is {}, not {}", i, to_string(result.type),
                             to_string(expected.dtype));
        }
        const std::vector<double> a = test::numbers(result);
        const std::vector<double> b = test::numbers(expected);
        // ONNX's own tolerance; float16 is computed in float32 here, and rounded once.
        const double relative = is_half(expected.dtype) ? 4e-3 : 1e-3;
        for (std::size_t k = 0; k < b.size(); ++k) {
          const bool same = a[k] == b[k] || (std::isnan(a[k]) && std::isnan(b[k])) ||
                            std::abs(a[k] - b[k]) <= 1e-6 + relative * std::abs(b[k]);
          if (!same) {
            return fmt::format("wrong: output {}, element {} is {}, not {}", i, k, a[k], b[k]);
          }
        }
      }
    }
    return "pass";
  } catch (const Error& error) {
    std::string what = error.what();
    const std::string file = path + ": ";
    if (what.rfind(file, 0) == 0) what = what.substr(file.size());
    return fmt::format("{}: {}", error.code() == ErrorCode::kUnsupported ? "unsupported" : "wrong",
                       what);
  }
}

std::map<std::string, std::string> table() {
  std::map<std::string, std::string> outcomes;
  std::ifstream in(test::source_dir() + "/tests/onnx/node_tests.txt");
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string name;
    std::string opset;
    words >> name >> opset;
    std::getline(words >> std::ws, outcomes[name]);
  }
  return outcomes;
}

TEST(OnnxNodeTests, AreAsTheTableSays) {
  const fs::path all = test::golden_path("onnx_node_tests");
  if (!fs::exists(all)) GTEST_SKIP() << all << " is not there";
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(all)) {
    if (entry.is_directory()) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  ASSERT_EQ(folders.size(), 849U);
  const std::map<std::string, std::string> expected = table();
  std::ofstream out;
  if (const char* file = std::getenv("LASSO_WRITE_NODE_TESTS")) out.open(file);
  std::size_t passed = 0;
  for (const fs::path& folder : folders) {
    const std::string name = folder.filename();
    const std::string seen = outcome(folder);
    passed += seen == "pass" ? 1 : 0;
    if (out.is_open()) {
      const OnnxModel model = read_onnx(folder / "model.onnx");
      out << name << ' ' << model.opset_imports.at(0).version << ' ' << seen << '\n';
      continue;
    }
    const auto entry = expected.find(name);
    if (entry == expected.end()) {
      ADD_FAILURE() << name << " is not in the table: " << seen;
    } else {
      EXPECT_EQ(seen, entry->second) << name;
    }
  }
  RecordProperty("passed", static_cast<int>(passed));
}

}  // namespace
}  // namespace lasso
