// Other runtimes than Lasso's own. What needs one is skipped, and says so, where the build has
// none.
#include "lasso/runtime.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lasso/engine.h"
#include "lasso/error.h"
#include "lasso/runner.h"
#include "support/files.h"
#include "support/onnx_writer.h"

namespace lasso {
namespace {

std::string message_of(const std::function<void()>& f, ErrorCode code) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

bool has_onnxruntime() {
  try {
    runtime_info("onnxruntime");
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("script/setup-onnxruntime"), std::string::npos);
    return false;
  }
}

// y = Relu(x W + b) for x of [batch, 2].
std::string model() {
  return test::onnx_model(test::onnx_graph(
      {.nodes = {test::onnx_node("MatMul", {"x", "w"}, {"product"}),
                 test::onnx_node("Add", {"product", "b"}, {"sum"}),
                 test::onnx_node("Relu", {"sum"}, {"y"})},
       .initializers = {test::onnx_raw_tensor("w", {2, 3}, {1, 2, 3, 4, 5, 6}),
                        test::onnx_raw_tensor("b", {3}, {-10, 0, 1})},
       .inputs = {test::onnx_value("x", 1, {test::onnx_dim("batch"), test::onnx_dim(2)})},
       .outputs = {test::onnx_value("y", 1, {test::onnx_dim("batch"), test::onnx_dim(3)})}}));
}

std::vector<float> values(const HostTensor& tensor) {
  const float* begin = tensor.as<float>();
  return {begin, begin + tensor.bytes.size() / sizeof(float)};
}

TEST(Runtime, UnknownNamesAreRefused) {
  EXPECT_EQ(runtime_names(), std::vector<std::string>{"onnxruntime"});
  const std::string message = message_of([] { runtime_info("tvm"); }, ErrorCode::kInvalidArgument);
  EXPECT_EQ(message, "runtime \"tvm\": expected onnxruntime");
}

class OnnxRuntime : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_onnxruntime()) GTEST_SKIP() << "not run: this build has no ONNX Runtime";
    path_ = folder_ / "m.onnx";
    test::write_bytes(path_, model());
  }

  std::map<std::string, HostTensorView> inputs(const std::vector<float>& x) const {
    return {{"x", {ElementType::kFloat32, {static_cast<std::int64_t>(x.size() / 2), 2}, x.data()}}};
  }

  test::TempDir folder_;
  std::string path_;
};

TEST_F(OnnxRuntime, RunsWhatLassoRuns) {
  RuntimeOptions options;
  options.threads = 1;
  const std::unique_ptr<ModelRunner> other = open_runtime(path_, options);
  Runner own(Engine::build(path_));
  ASSERT_EQ(other->inputs().size(), 1U);
  EXPECT_EQ(other->inputs()[0].name, own.inputs()[0].name);
  EXPECT_EQ(other->inputs()[0].shape, own.inputs()[0].shape);
  EXPECT_EQ(other->outputs()[0].type, ElementType::kFloat32);
  EXPECT_EQ(other->typical_sizes(), (std::map<std::string, std::int64_t>{{"batch", 1}}));
  EXPECT_EQ(other->threads(), 1);
  EXPECT_EQ(other->settings()[1], (std::pair<std::string, std::string>{"provider", "cpu"}));
  EXPECT_EQ(other->last_run_ms(), 0);
  const std::vector<float> x = {1, 1, -2, 3};
  std::map<std::string, HostTensor> outputs;
  other->run(inputs(x), &outputs);
  EXPECT_GT(other->last_run_ms(), 0);
  const std::vector<float> expected = {0, 7, 10, 0, 11, 13};
  EXPECT_EQ(outputs.at("y").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(values(outputs.at("y")), expected);
  EXPECT_EQ(values(own.run(inputs(x)).at("y")), expected);
}

TEST_F(OnnxRuntime, ValuesInsideBecomeOutputs) {
  RuntimeOptions options;
  options.more_outputs = {"sum", "y"};
  const std::unique_ptr<ModelRunner> runner = open_runtime(path_, options);
  ASSERT_EQ(runner->outputs().size(), 2U);
  std::map<std::string, HostTensor> outputs;
  runner->run(inputs({1, 1}), &outputs);
  EXPECT_EQ(values(outputs.at("sum")), (std::vector<float>{-5, 7, 10}));
  EXPECT_EQ(values(outputs.at("y")), (std::vector<float>{0, 7, 10}));
  options.more_outputs = {"b"};
  EXPECT_NE(message_of([&] { open_runtime(path_, options); }, ErrorCode::kInvalidArgument)
                .find("no node computes the value \"b\""),
            std::string::npos);
}

TEST_F(OnnxRuntime, SaysWhatIsWrong) {
  const RuntimeInfo info = runtime_info("onnxruntime");
  EXPECT_EQ(std::count(info.providers.begin(), info.providers.end(), "cpu"), 1);
  RuntimeOptions options;
  options.provider = "abacus";
  EXPECT_NE(message_of([&] { open_runtime(path_, options); }, ErrorCode::kUnsupported).find("cpu"),
            std::string::npos);
  message_of([] { open_runtime("none.onnx"); }, ErrorCode::kNotFound);
  test::write_bytes(path_, model().substr(0, 60));
  EXPECT_NE(message_of([&] { open_runtime(path_); }, ErrorCode::kCorruptFile).find(path_),
            std::string::npos);
  test::write_bytes(path_, "LASSO");
  EXPECT_NE(message_of([&] { open_runtime(path_); }, ErrorCode::kUnsupported).find("no ONNX model"),
            std::string::npos);
  test::write_bytes(path_, model());
  const std::unique_ptr<ModelRunner> runner = open_runtime(path_);
  const std::vector<float> x = {1, 2, 3};
  const auto run = [&](const std::map<std::string, HostTensorView>& tensors) {
    return message_of(
        [&] {
          std::map<std::string, HostTensor> outputs;
          runner->run(tensors, &outputs);
        },
        ErrorCode::kInvalidArgument);
  };
  EXPECT_EQ(run({}), "input \"x\" is missing: expected x");
  EXPECT_EQ(run({{"z", {ElementType::kFloat32, {1, 2}, x.data()}}}),
            "the model has no input \"z\": expected x");
  EXPECT_EQ(run({{"x", {ElementType::kFloat32, {1, 3}, x.data()}}}),
            "input \"x\" is [1, 3], and [batch, 2] is expected");
  EXPECT_EQ(run({{"x", {ElementType::kInt32, {1, 2}, x.data()}}}),
            "input \"x\" is int32, and float32 is expected");
  EXPECT_EQ(run({{"x", {ElementType::kFloat32, {1, 2}, nullptr}}}), "input \"x\" has no data");
}

TEST(Runner, TracesEveryLayer) {
  const test::TempDir folder;
  test::write_bytes(folder / "m.onnx", model());
  EngineOptions options;
  options.kernels = Kernels::kReference;
  Runner runner(Engine::build(folder / "m.onnx", options));
  std::vector<float> last;
  std::size_t layers = 0;
  runner.set_trace([&](const std::string&, const std::vector<std::int64_t>& shape,
                       const float* data, double ms) {
    ++layers;
    EXPECT_GE(ms, 0);
    last.assign(data, data + shape[0] * shape[1]);
  });
  const std::vector<float> x = {1, 1};
  runner.run({{"x", {ElementType::kFloat32, {1, 2}, x.data()}}});
  EXPECT_EQ(last, (std::vector<float>{0, 7, 10}));
  std::size_t known = 0;
  for (const LayerInfo& layer : runner.engine().info().programs.front().layers) {
    known += layer.kernel == "alias" ? 0 : 1;
  }
  EXPECT_EQ(layers, known);
  runner.set_trace({});
  runner.run({{"x", {ElementType::kFloat32, {1, 2}, x.data()}}});
  EXPECT_EQ(layers, known);
}

}  // namespace
}  // namespace lasso
