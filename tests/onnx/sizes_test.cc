// Sizes that a run's inputs decide, by values or in floats, and the profiles of sizes.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "onnx/onnx_run.h"
#include "support/capped.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/onnx_writer.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kInvalid = ErrorCode::kInvalidArgument;

using Views = std::map<std::string, HostTensorView>;

std::string ints(const std::string& name, const std::vector<std::int64_t>& values) {
  return onnx_tensor(name, 7, {static_cast<std::int64_t>(values.size())}) + wire_packed(7, values);
}

std::string attribute(const std::string& name, std::int64_t value) {
  return onnx_attribute(name, 2, wire_number(3, value));
}

// The model in a file of its own.
class SizesTest : public testing::Test {
 protected:
  std::string write(const OnnxGraphParts& parts) {
    const std::string path = folder_ / "m.onnx";
    std::ofstream(path, std::ios::binary) << onnx_model(onnx_graph(parts));
    return path;
  }

  TempDir folder_;
};

// As SAM's decoders end: masks [1, 2, 4, 4] are enlarged to 8 x 8, cut to the part that is no
// padding, floor(8 original / max(original) + 1/2), and resized to the size of the image.
OnnxGraphParts decoder() {
  const std::string linear = onnx_attribute("mode", 3, wire_bytes(4, "linear"));
  const std::string keepdims = attribute("keepdims", 0);
  const std::string to_int = attribute("to", 7);
  const std::string axis = attribute("axis", 0);
  return {.nodes = {onnx_node("Resize", {"x", "", "", "eight"}, {"large"}, "enlarge", {linear}),
                    onnx_node("ReduceMax", {"original"}, {"longest"}, "", {keepdims}),
                    onnx_node("Div", {"original", "longest"}, {"part"}),
                    onnx_node("Mul", {"part", "side"}, {"pixels"}),
                    onnx_node("Add", {"pixels", "half"}, {"more"}),
                    onnx_node("Floor", {"more"}, {"whole"}),
                    onnx_node("Cast", {"whole"}, {"cut"}, "", {to_int}),
                    onnx_node("Gather", {"cut", "zero"}, {"h"}, "", {axis}),
                    onnx_node("Gather", {"cut", "one"}, {"w"}, "", {axis}),
                    onnx_node("Slice", {"large", "zero", "h", "two"}, {"rows"}, "rows"),
                    onnx_node("Slice", {"rows", "zero", "w", "three"}, {"inside"}, "columns"),
                    onnx_node("Shape", {"inside"}, {"shape"}),
                    onnx_node("Slice", {"shape", "zero", "two", "zero"}, {"batch"}),
                    onnx_node("Cast", {"original"}, {"target"}, "", {to_int}),
                    onnx_node("Concat", {"batch", "target"}, {"sizes"}, "", {axis}),
                    onnx_node("Resize", {"inside", "", "", "sizes"}, {"y"}, "restore", {linear})},
          .initializers = {ints("eight", {1, 2, 8, 8}), ints("zero", {0}), ints("one", {1}),
                           ints("two", {2}), ints("three", {3}), onnx_raw_tensor("side", {}, {8}),
                           onnx_raw_tensor("half", {}, {0.5F})},
          .inputs = {onnx_value("x", 1, {onnx_dim(1), onnx_dim(2), onnx_dim(4), onnx_dim(4)}),
                     onnx_value("original", 1, {onnx_dim(2)})},
          .outputs = {onnx_value("y", 1, {})}};
}

std::vector<float> ramp(std::size_t count) {
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(i * 37 % 101) / 50.0F - 1.0F);
  }
  return values;
}

HostTensor tensor_of(const std::vector<float>& values, std::vector<std::int64_t> shape) {
  HostTensor tensor{ElementType::kFloat32, std::move(shape), {}};
  tensor.bytes.resize(values.size() * sizeof(float));
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

// Two sizes in one runner, of the engine and of its file, are what engines for each of them give.
TEST_F(SizesTest, ValuesOfInputsDecideSizes) {
  const std::string path = write(decoder());
  const HostTensor x = tensor_of(ramp(32), {1, 2, 4, 4});
  const Engine engine = Engine::build(path, capped());
  const std::string file = folder_ / "m.lasso";
  engine.save(file);
  Runner built(engine);
  Runner loaded(Engine::load(file));
  ASSERT_EQ(built.inputs().size(), 2U);
  EXPECT_EQ(built.inputs()[1].role, ArgumentRole::kSizes);
  EXPECT_EQ(built.outputs()[0].shape,
            (std::vector<std::string>{"1", "2", "original_0", "original_1"}));
  for (const std::vector<float>& values : {std::vector<float>{3, 6}, {11, 5}, {3, 6}}) {
    const HostTensor size = tensor_of(values, {2});
    EngineOptions fixed = capped();
    fixed.fixed_inputs["original"] = size;
    Runner expected(Engine::build(path, fixed));
    const HostTensor y = expected.run({{"x", x.view()}}).at("y");
    EXPECT_EQ(y.shape, (std::vector<std::int64_t>{1, 2, static_cast<std::int64_t>(values[0]),
                                                  static_cast<std::int64_t>(values[1])}));
    for (Runner* runner : {&built, &loaded}) {
      const auto results = runner->run({{"x", x.view()}, {"original", size.view()}});
      EXPECT_EQ(results.at("y").shape, y.shape);
      EXPECT_EQ(results.at("y").bytes, y.bytes);
      const auto in_order = runner->run_in_order({x.view(), size.view()});
      ASSERT_EQ(in_order.size(), 1U);
      EXPECT_EQ(in_order[0].bytes, y.bytes);
    }
  }
}

TEST_F(SizesTest, SizesOutOfRangeAreNamed) {
  EngineOptions options = capped();
  options.profiles = {{"original_0", 2, 4, 9}, {"original_1", 2, 4, 9}};
  Runner runner(Engine::build(write(decoder()), options));
  const HostTensor x = tensor_of(ramp(32), {1, 2, 4, 4});
  const ArgumentInfo& y = runner.outputs()[0];
  ASSERT_EQ(y.profile.size(), 2U);
  EXPECT_EQ(y.profile[1].symbol, "original_1");
  EXPECT_EQ(y.profile[1].max, 9);
  EXPECT_EQ(y.bytes, 2U * 4 * 4 * sizeof(float));
  const auto run = [&](const std::vector<float>& values) {
    const HostTensor size = tensor_of(values, {2});
    runner.run({{"x", x.view()}, {"original", size.view()}});
  };
  run({9, 2});
  EXPECT_ERROR(run({10, 2}), kInvalid, "input \"original\": original_0 is 10");
  EXPECT_ERROR(run({10, 2}), kInvalid, "and 2 to 9 is expected");
  EXPECT_ERROR(run({-3, 2}), kInvalid, "input \"original\": ");
  EXPECT_ERROR(run({NAN, 2}), kInvalid, "input \"original\": ");
  EXPECT_ERROR(runner.run_in_order({x.view()}), kInvalid,
               "takes 2 inputs, and 1 are given: expected x, original");
}

// Sizes that exporters compute in floats, from sizes alone.
TEST_F(SizesTest, SizesAreComputedInFloats) {
  const std::string nearest = onnx_attribute("mode", 3, wire_bytes(4, "nearest"));
  const std::string floor = onnx_attribute("nearest_mode", 3, wire_bytes(4, "floor"));
  const std::string asymmetric =
      onnx_attribute("coordinate_transformation_mode", 3, wire_bytes(4, "asymmetric"));
  const std::string path = write(
      {.nodes = {onnx_node("Shape", {"x"}, {"shape"}),
                 onnx_node("Slice", {"shape", "two", "four", "zero"}, {"pixels"}),
                 onnx_node("Cast", {"pixels"}, {"floats"}, "", {attribute("to", 1)}),
                 onnx_node("Mul", {"floats", "scale"}, {"scaled"}),
                 onnx_node("Floor", {"scaled"}, {"whole"}),
                 onnx_node("Cast", {"whole"}, {"target"}, "", {attribute("to", 7)}),
                 onnx_node("Concat", {"ones", "target"}, {"sizes"}, "", {attribute("axis", 0)}),
                 onnx_node("Resize", {"x", "", "", "sizes"}, {"y"}, "",
                           {nearest, floor, asymmetric})},
       .initializers = {ints("zero", {0}), ints("two", {2}), ints("four", {4}),
                        ints("ones", {1, 1}), onnx_raw_tensor("scale", {}, {1.5F})},
       .inputs = {onnx_value("x", 1, {onnx_dim(1), onnx_dim(1), onnx_dim("h"), onnx_dim("w")})},
       .outputs = {onnx_value("y", 1, {})}});
  Runner runner(Engine::build(path, capped()));
  EXPECT_EQ(runner.inputs()[0].role, ArgumentRole::kInput);
  const HostTensor x = tensor_of({1, 2, 3}, {1, 1, 1, 3});
  const HostTensor y = runner.run({{"x", x.view()}}).at("y");
  EXPECT_EQ(y.shape, (std::vector<std::int64_t>{1, 1, 1, 4}));  // floor(4.5)
  EXPECT_EQ(numbers(y), (std::vector<double>{1, 1, 2, 3}));
}

// Rows up to a size of another input: more than there are is an error, and no result of fewer rows.
TEST_F(SizesTest, SlicesBeyondAnInputAreNamed) {
  const std::string path =
      write({.nodes = {onnx_node("Shape", {"z"}, {"shape"}),
                       onnx_node("Slice", {"x", "zero", "shape", "zero"}, {"y"})},
             .initializers = {ints("zero", {0})},
             .inputs = {onnx_value("x", 1, {onnx_dim("n"), onnx_dim(2)}),
                        onnx_value("z", 1, {onnx_dim("m")})},
             .outputs = {onnx_value("y", 1, {})}});
  const Engine engine = Engine::build(path, capped());
  engine.save(folder_ / "m.lasso");
  const HostTensor x = tensor_of(ramp(6), {3, 2});
  for (const Engine& one : {engine, Engine::load(folder_ / "m.lasso")}) {
    Runner runner(one);
    const auto run = [&](std::int64_t rows) {
      const HostTensor z = tensor_of(ramp(static_cast<std::size_t>(rows)), {rows});
      return runner.run({{"x", x.view()}, {"z", z.view()}}).at("y");
    };
    EXPECT_EQ(numbers(run(2)),
              (std::vector<double>{numbers(x)[0], numbers(x)[1], numbers(x)[2], numbers(x)[3]}));
    EXPECT_ERROR(run(4), kInvalid, "value \"y\" is 0:4 of the 3 of \"x\"");
  }
}

// Where a slice begins and how much is padded may be 0 in a run.
TEST_F(SizesTest, ValuesOfInputsMayBeZeroWhereNoSizeIs) {
  const std::string path = write(
      {.nodes = {onnx_node("Slice", {"x", "begin", "far", "one"}, {"y"}),
                 onnx_node("Pad", {"x", "pads"}, {"z"})},
       .initializers = {ints("far", {INT32_MAX}), ints("one", {1})},
       .inputs = {onnx_value("x", 1, {onnx_dim(2), onnx_dim(3)}),
                  onnx_value("begin", 7, {onnx_dim(1)}), onnx_value("pads", 7, {onnx_dim(4)})},
       .outputs = {onnx_value("y", 1, {}), onnx_value("z", 1, {})}});
  const Engine engine = Engine::build(path, capped());
  engine.save(folder_ / "m.lasso");
  const HostTensor x = tensor_of({1, 2, 3, 4, 5, 6}, {2, 3});
  for (const Engine& one : {engine, Engine::load(folder_ / "m.lasso")}) {
    Runner runner(one);
    const auto run = [&](std::int64_t begin, const std::vector<std::int64_t>& pads) {
      return runner.run({{"x", x.view()},
                         {"begin", {ElementType::kInt64, {1}, &begin}},
                         {"pads", {ElementType::kInt64, {4}, pads.data()}}});
    };
    auto results = run(0, {0, 0, 0, 0});
    EXPECT_EQ(numbers(results.at("y")), numbers(x));
    EXPECT_EQ(numbers(results.at("z")), numbers(x));
    results = run(2, {0, 1, 1, 0});
    EXPECT_EQ(results.at("y").shape, (std::vector<std::int64_t>{2, 1}));
    EXPECT_EQ(numbers(results.at("y")), (std::vector<double>{3, 6}));
    EXPECT_EQ(results.at("z").shape, (std::vector<std::int64_t>{3, 4}));
    EXPECT_EQ(numbers(results.at("z")), (std::vector<double>{0, 1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0}));
    EXPECT_ERROR(run(3, {0, 0, 0, 0}), kInvalid, "begin_0_plus_1 is 4");
    EXPECT_ERROR(run(0, {-1, 0, 0, 0}), kInvalid, "pads_0_plus_1 is 0");
  }
}

TEST_F(SizesTest, ProfilesBoundSizes) {
  const std::string path = write({.nodes = {onnx_node("Relu", {"x"}, {"y"})},
                                  .inputs = {onnx_value("x", 1, {onnx_dim("n"), onnx_dim(4)})},
                                  .outputs = {onnx_value("y", 1, {})}});
  EngineOptions options = capped();
  options.profiles = {{"n", 2, 3, 5}};
  const Engine engine = Engine::build(path, options);
  engine.save(folder_ / "m.lasso");
  for (const Engine& one : {engine, Engine::load(folder_ / "m.lasso")}) {
    Runner runner(one);
    ASSERT_EQ(runner.inputs()[0].profile.size(), 1U);
    EXPECT_EQ(runner.inputs()[0].profile[0].opt, 3);
    EXPECT_EQ(runner.inputs()[0].bytes, 3U * 4 * sizeof(float));
    const HostTensor fits = tensor_of(ramp(20), {5, 4});
    EXPECT_EQ(runner.run({{"x", fits.view()}}).at("y").shape, fits.shape);
    for (const std::int64_t rows : {1, 6}) {
      const HostTensor x = tensor_of(ramp(static_cast<std::size_t>(rows) * 4), {rows, 4});
      EXPECT_ERROR(runner.run({{"x", x.view()}}), kInvalid, "input \"x\" is [");
      EXPECT_ERROR(runner.run({{"x", x.view()}}), kInvalid, ": n is ");
      EXPECT_ERROR(runner.run({{"x", x.view()}}), kInvalid, "2 to 5 is expected");
    }
  }
  const auto error = [&](const std::vector<SizeRange>& profiles, const char* what) {
    EngineOptions wrong = capped();
    wrong.profiles = profiles;
    EXPECT_ERROR(Engine::build(path, wrong), kInvalid, what);
  };
  error({{"m", 1, 1, 2}}, "profile m=1:1:2: the model has no such size: expected one of n");
  error({{"n", 2, 1, 2}}, "profile n=2:1:2: 1 <= min <= opt <= max");
  error({{"n", 1, 1, 2}, {"n", 5, 4, 6}}, "profile n=5:4:6: 1 <= min <= opt <= max");
  error(std::vector<SizeRange>(65, {"n", 1, 1, 2}), "a size has at most 64 profiles");
  EXPECT_ERROR(Engine::open(folder_ / "m.lasso", options), kInvalid, "holds its profiles");
}

// Of one symbol: a size is in one of them, and what is typical is the first one's.
TEST_F(SizesTest, SeveralProfilesOfOneSize) {
  const std::string path = write({.nodes = {onnx_node("Relu", {"x"}, {"y"})},
                                  .inputs = {onnx_value("x", 1, {onnx_dim("n"), onnx_dim(4)})},
                                  .outputs = {onnx_value("y", 1, {})}});
  EngineOptions options = capped();
  options.profiles = {{"n", 7, 8, 9}, {"n", 1, 2, 3}};
  const Engine engine = Engine::build(path, options);
  engine.save(folder_ / "m.lasso");
  for (const Engine& one : {engine, Engine::load(folder_ / "m.lasso")}) {
    Runner runner(one);
    const std::vector<SizeRange>& profile = runner.inputs()[0].profile;
    ASSERT_EQ(profile.size(), 2U);
    EXPECT_EQ(profile[0].min, 7);
    EXPECT_EQ(profile[0].opt, 8);
    EXPECT_EQ(profile[1].symbol, "n");
    EXPECT_EQ(profile[1].opt, 2);
    EXPECT_EQ(profile[1].max, 3);
    EXPECT_EQ(runner.inputs()[0].bytes, 8U * 4 * sizeof(float));
    EXPECT_EQ(one.info().programs[0].sizes.size(), 2U);
    for (std::int64_t rows = 1; rows <= 10; ++rows) {
      const HostTensor x = tensor_of(ramp(static_cast<std::size_t>(rows) * 4), {rows, 4});
      const bool fits = rows <= 3 || (rows >= 7 && rows <= 9);
      if (fits) {
        EXPECT_EQ(runner.run({{"x", x.view()}}).at("y").shape, x.shape);
      } else {
        EXPECT_ERROR(runner.run({{"x", x.view()}}), kInvalid, "7 to 9 or 1 to 3 is expected");
      }
    }
  }
}

// What keeps a model from running is told, all of it, and what runs is told without its weights.
TEST_F(SizesTest, PreviewsTellWhatWouldRun) {
  const std::string path = write(decoder());
  const EnginePreview preview = Engine::preview(path, capped());
  EXPECT_TRUE(preview.unsupported.empty());
  const Engine engine = Engine::build(path, capped());
  ASSERT_EQ(preview.info.programs.size(), 1U);
  EXPECT_EQ(preview.info.programs[0].layers.size(), engine.info().programs[0].layers.size());
  EXPECT_EQ(preview.info.weight_bytes, engine.info().weight_bytes);
  EXPECT_EQ(preview.arena_bytes, engine.arena_bytes());
  ASSERT_EQ(preview.info.programs[0].arguments.size(), 3U);
  EXPECT_EQ(preview.info.programs[0].arguments[2].role, ArgumentRole::kOutput);

  OnnxGraphParts parts = decoder();
  for (int i = 0; i < 30; ++i) {
    parts.nodes.push_back(onnx_node("Blur", {"x"}, {"b" + std::to_string(i)}));
  }
  EXPECT_EQ(Engine::preview(write(parts), capped()).unsupported.size(), 30U);
}

// Indices that come as inputs, in whatever type and shape.
TEST_F(SizesTest, IndicesBeyondTheirTablesAreNamed) {
  const auto check = [&](const std::string& node, const std::vector<std::int64_t>& shape,
                         const std::vector<std::int64_t>& right,
                         const std::vector<std::int64_t>& wrong, const char* what) {
    std::vector<std::string> dims;
    for (const std::int64_t size : shape) dims.push_back(onnx_dim(size));
    const std::string path =
        write({.nodes = {onnx_node("Identity", {"i"}, {"index"}), node},
               .initializers = {onnx_raw_tensor("u", {2, 2}, {1, 2, 3, 4})},
               .inputs = {onnx_value("x", 1, {onnx_dim(3), onnx_dim(2)}), onnx_value("i", 7, dims)},
               .outputs = {onnx_value("y", 1, {})}});
    Runner runner(Engine::build(path, capped()));
    const HostTensor x = tensor_of(ramp(6), {3, 2});
    const auto run = [&](const std::vector<std::int64_t>& values) {
      runner.run({{"x", x.view()}, {"i", {ElementType::kInt64, shape, values.data()}}});
    };
    run(right);
    EXPECT_ERROR(run(wrong), kInvalid, what);
  };
  check(onnx_node("Gather", {"x", "index"}, {"y"}), {2}, {-3, 2}, {0, 3},
        "input \"i\" has the value 3, and -3 to 2 are expected");
  check(onnx_node("GatherElements", {"x", "index"}, {"y"}, "", {attribute("axis", 1)}), {3, 1},
        {0, 1, -2}, {0, 2, 0}, "input \"i\" has the value 2, and -2 to 1 are expected");
  check(onnx_node("GatherND", {"x", "index"}, {"y"}), {1, 2}, {2, 1}, {1, 2},
        "input \"i\" has the value 2, and -2 to 1 are expected");
  check(onnx_node("ScatterND", {"x", "index", "u"}, {"y"}), {2, 1}, {2, -3}, {2, -4},
        "input \"i\" has the value -4, and -3 to 2 are expected");
  check(onnx_node("ScatterElements", {"x", "index", "u"}, {"y"}), {2, 2}, {0, 1, 2, 0},
        {0, 1, 3, 0}, "input \"i\" has the value 3, and -3 to 2 are expected");
}

}  // namespace
}  // namespace lasso
