// Passes and importer look at structure alone: a model whose values and nodes have other names, and
// whose nodes stand in another order, becomes the same operations and gives the same bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/random.h"
#include "engine/compile/compile.h"
#include "engine/run/session.h"
#include "formats/npy/npy.h"
#include "formats/onnx/check_onnx.h"
#include "formats/onnx/onnx_reader.h"
#include "models/onnx/import/importer.h"
#include "support/files.h"

namespace lasso::onnx {
namespace {

// Gives names that have nothing to do with those before, the same to the same.
class Names {
 public:
  explicit Names(std::uint64_t seed) : random_(seed) {}
  void change(std::string& name) {
    if (name.empty()) return;
    std::string& other = others_[name];
    if (other.empty()) other = fmt::format("{:08x}_{}", random_.below(1U << 30U), others_.size());
    name = other;
  }
  const std::string& of(const std::string& name) const { return others_.at(name); }

 private:
  SplitMix64 random_;
  std::map<std::string, std::string> others_;
};

template <typename T>
void shuffle(std::vector<T>& items, SplitMix64& random) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}

OnnxModel permuted(OnnxModel model, Names& names, std::uint64_t seed) {
  SplitMix64 random(seed);
  OnnxGraph& graph = model.graph;
  names.change(graph.name);
  for (OnnxTensor& tensor : graph.initializers) names.change(tensor.name);
  for (OnnxValueInfo& info : graph.inputs) names.change(info.name);
  for (OnnxValueInfo& info : graph.outputs) names.change(info.name);
  graph.value_infos.clear();
  for (OnnxNode& node : graph.nodes) {
    names.change(node.name);
    for (std::string& name : node.inputs) names.change(name);
    for (std::string& name : node.outputs) names.change(name);
    shuffle(node.attributes, random);
  }
  shuffle(graph.initializers, random);
  shuffle(graph.nodes, random);
  return check_onnx(std::move(model));
}

struct Outcome {
  std::vector<std::string> kinds;  // of operations, sorted
  std::vector<std::vector<std::byte>> results;
};

Outcome outcome(const OnnxModel& model, const FixedInputs& fixed) {
  graph::Module module;
  module.programs.push_back(import_model(model, fixed));
  engine::CompileOptions options;
  options.target.features = cpu_features("");
  const auto compiled = engine::compile(std::move(module), options);
  const engine::CompiledProgram& program = compiled->programs.front();
  const graph::Graph& graph = program.graph;
  Outcome outcome;
  for (const graph::Node& node : graph.nodes) outcome.kinds.emplace_back(graph::op_name(node.op));
  std::sort(outcome.kinds.begin(), outcome.kinds.end());

  graph::Bindings sizes = graph::least_sizes(graph);
  std::vector<std::int64_t> symbols;
  for (const std::string& name : program.symbols) {
    symbols.push_back(sizes.try_emplace(name, 2).first->second);
  }
  const auto bytes_of = [&](graph::ValueId id) {
    const graph::Value& value = graph.value(id);
    return static_cast<std::size_t>(element_count(graph::evaluate(value.shape, sizes))) *
           size_of(value.dtype);
  };
  std::vector<std::vector<float>> inputs;
  std::vector<engine::ConstTensorRef> from;
  SplitMix64 random(7);
  for (const graph::ValueId id : graph.inputs) {
    EXPECT_EQ(graph.value(id).dtype, DType::kF32);
    inputs.emplace_back(bytes_of(id) / sizeof(float));
    for (float& value : inputs.back()) value = random.uniform();
    from.emplace_back(inputs.back().data());
  }
  std::vector<engine::TensorRef> to;
  outcome.results.reserve(graph.outputs.size());
  for (const graph::ValueId id : graph.outputs) {
    outcome.results.emplace_back(bytes_of(id));
    to.emplace_back(outcome.results.back().data(), graph.value(id).dtype);
  }
  engine::SessionOptions session;
  session.threads = 2;
  engine::Session(compiled, session).run(0, symbols, from, to);
  // Behind the rows that count lies anything.
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const graph::Value& value = graph.value(graph.outputs[i]);
    if (!value.count) continue;
    const auto at = std::find(graph.outputs.begin(), graph.outputs.end(), *value.count);
    const auto index = static_cast<std::size_t>(at - graph.outputs.begin());
    const auto rows = *reinterpret_cast<const std::int32_t*>(outcome.results.at(index).data());
    const std::size_t row =
        outcome.results[i].size() / static_cast<std::size_t>(value.shape.front().evaluate(sizes));
    outcome.results[i].resize(row * static_cast<std::size_t>(rows));
  }
  return outcome;
}

class OnnxPermuted : public testing::TestWithParam<const char*> {};

TEST_P(OnnxPermuted, IsTheSame) {
  const std::string path = test::golden_path(GetParam());
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const OnnxModel model = check_onnx(read_onnx(path));
  FixedInputs fixed;
  for (const OnnxValueInfo& info : model.graph.inputs) {
    if (info.name != "orig_im_size") continue;
    fixed[info.name] = make_tensor({2}, std::vector<float>{30, 40});
  }
  const Outcome expected = outcome(model, fixed);
  EXPECT_FALSE(expected.results.empty());
  Names names(1);
  const OnnxModel other = permuted(model, names, 1);
  FixedInputs renamed;
  for (const auto& [name, tensor] : fixed) renamed[names.of(name)] = tensor;
  const Outcome seen = outcome(other, renamed);
  EXPECT_EQ(seen.kinds, expected.kinds);
  EXPECT_TRUE(seen.results == expected.results) << "other bits";
}

INSTANTIATE_TEST_SUITE_P(Golden, OnnxPermuted,
                         testing::Values("yolov7_micro/raw.onnx", "yolov7_micro/ort.onnx",
                                         "yolov7_tiny_micro/trt.onnx", "sam_micro/encoder.onnx",
                                         "sam_micro/decoder.onnx",
                                         "sam_micro_exports/encoder_op16_script.onnx",
                                         "sam_micro_exports/encoder_op18_dynamo.onnx",
                                         "sam_micro_exports/encoder_op20_dynamo.onnx",
                                         "sam_micro_exports/decoder_op17_script.onnx",
                                         "mobile_sam_micro/encoder_op18_dynamo.onnx"));

}  // namespace
}  // namespace lasso::onnx
