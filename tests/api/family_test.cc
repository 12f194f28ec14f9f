// A model family that the library does not have: recognised, built, saved, loaded and run, with
// nothing but its own description; and what is said where a family is the wrong one.
#include "models/family.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "formats/safetensors/safetensors_writer.h"
#include "graph/builder.h"
#include "lasso/lasso.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

constexpr auto kUnsupported = ErrorCode::kUnsupported;

// y = x W^T + b, from the tensors toy.weight and toy.bias.
class ToyDescription final : public ModelDescription {
 public:
  explicit ToyDescription(const Weights& weights) : weights_(weights) {}

  engine::ModelRecord record() const override {
    engine::ModelRecord record;
    record.family = "toy";
    record.hash = weights_.fingerprint();
    record.description = R"({"inputs":3})";
    return record;
  }
  graph::Module programs() const override {
    graph::Builder b("toy");
    const auto x = b.input("x", DType::kF32, {graph::Dim::symbol("batch"), 3});
    const auto weight = b.constant("toy.weight", weights_.dense("toy.weight"));
    const auto bias = b.constant("toy.bias", weights_.dense("toy.bias"));
    b.output(b.add("product", graph::Linear{}, {x, weight, bias}), "y");
    graph::Module module;
    module.programs.push_back(b.finish());
    if (weights_.contains("toy.rows")) module.programs.push_back(rows());
    return module;
  }
  std::uint64_t build_memory(bool /*into_file*/) const override { return 1 << 20; }
  quant::PrecisionPlan precision_plan(Precision /*precision*/,
                                      const engine::CompileOptions& /*options*/) const override {
    return {};
  }

 private:
  // Rows of a table of any size, by indices that are reshaped, and their columns, also from the
  // end.
  static graph::Graph rows() {
    graph::Builder b("rows");
    const auto pairs = graph::Dim::symbol("pairs");
    const auto table = b.input("table", DType::kF32, {graph::Dim::symbol("size"), 2});
    const auto columns = b.input("columns", DType::kI32, {2});
    const auto index = b.input("index", DType::kI32, {pairs, 2});
    const auto flat = b.add("flat", graph::Reshape{{pairs * 2}}, {index});
    const auto rows = b.add("rows", graph::Gather{}, {table, flat});
    b.output(b.add("turned", graph::Gather{0, 1, true}, {rows, columns}), "rows");
    return b.finish();
  }

  Weights weights_;
};

class ToyFamily final : public Family {
 public:
  std::string name() const override { return "toy"; }
  Recognition recognise(const ModelSource& source) const override {
    return {source.is_checkpoint() && source.weights().contains("toy.weight"), ""};
  }
  std::unique_ptr<const ModelDescription> describe(const ModelSource& source,
                                                   const DescribeOptions&) const override {
    return std::make_unique<ToyDescription>(source.weights());
  }
  std::shared_ptr<const void> load(const engine::LoadedEngine& engine,
                                   const std::string&) const override {
    return std::make_shared<const std::string>(engine.model.description);
  }
  void info(const Model& model, EngineInfo& info) const override {
    info.model = "toy of " + *std::static_pointer_cast<const std::string>(model.state);
    info.parameters = 8;
  }
};

class FamilyTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    static const ToyFamily family;
    add_family(family);
  }

  FamilyTest() {
    const std::vector<float> weight{1, 2, 3, -1, 0.5F, 0};
    const std::vector<float> bias{10, 20};
    write_safetensors(path_, {{"toy.weight", {DType::kF32, {2, 3}, weight.data()}},
                              {"toy.bias", {DType::kF32, {2}, bias.data()}}});
  }

  test::TempDir folder_;
  const std::string path_ = folder_ / "toy.safetensors";
};

void expect_toy(const Engine& engine) {
  const EngineInfo& info = engine.info();
  EXPECT_EQ(info.family, "toy");
  EXPECT_EQ(info.model, R"(toy of {"inputs":3})");
  EXPECT_EQ(info.model_hash.size(), 32U);
  EXPECT_EQ(info.preprocess, "");
  EXPECT_FALSE(info.sam.has_value());
  ASSERT_EQ(info.programs.size(), 1U);

  Runner runner(engine);
  EXPECT_EQ(runner.program(), "toy");
  EXPECT_EQ(runner.inputs().front().shape, (std::vector<std::string>{"batch", "3"}));
  const std::vector<float> x{1, 1, 1, 0, 2, 0};
  const auto outputs = runner.run({{"x", {ElementType::kFloat32, {2, 3}, x.data()}}});
  const HostTensor& y = outputs.at("y");
  EXPECT_EQ(y.shape, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(std::vector<float>(y.as<float>(), y.as<float>() + 4),
            (std::vector<float>{16, 19.5F, 14, 21}));
}

TEST_F(FamilyTest, IsRecognisedBuiltSavedLoadedAndRun) {
  const Engine built = Engine::open(path_);
  expect_toy(built);
  built.save(folder_ / "saved.lasso");
  expect_toy(Engine::build_file(path_, folder_ / "built.lasso"));
  EXPECT_EQ(test::read_bytes(folder_ / "saved.lasso"), test::read_bytes(folder_ / "built.lasso"));
  expect_toy(Engine::load(folder_ / "saved.lasso", {true}));
  expect_toy(Engine::open(folder_ / "built.lasso"));
}

TEST_F(FamilyTest, AnotherFamilyIsRefusedByName) {
  const Engine toy = Engine::open(path_);
  EXPECT_ERROR(Segmenter(toy), kUnsupported,
               "of the family \"toy\", and lasso::Segmenter runs \"sam\" only; give a SAM "
               "checkpoint or its engine file, or run this model's tensors with lasso::Runner");
  EXPECT_ERROR(calibrate(path_, {}, {}), kUnsupported,
               "toy.safetensors: a model of the family \"toy\" that is no detector (it takes \"x\" "
               "float32 [batch, 3]: a batch of images, float [batch, 3, height, width], is "
               "expected), and calibration needs one of \"sam\" or a detector");
}

TEST_F(FamilyTest, FilesOfNoFamilyAreNamed) {
  const std::vector<float> values{1};
  write_safetensors(path_, {{"another.weight", {DType::kF32, {1}, values.data()}}});
  EXPECT_ERROR(Engine::open(path_), kUnsupported,
               "toy.safetensors: not a SAM checkpoint: none of its 1 tensors");
  test::write_bytes(path_, "\x89PNG");
  EXPECT_ERROR(Engine::open(path_), kUnsupported, "an image, not a checkpoint");
}

TEST_F(FamilyTest, IndicesOutsideOfATableAreNamed) {
  const std::vector<float> zeros(6);
  write_safetensors(path_, {{"toy.weight", {DType::kF32, {2, 3}, zeros.data()}},
                            {"toy.bias", {DType::kF32, {2}, zeros.data()}},
                            {"toy.rows", {DType::kF32, {1}, zeros.data()}}});
  Runner runner(Engine::open(path_), {.program = "rows"});
  const std::vector<float> table{5, 50, 6, 60, 7, 70};
  std::vector<std::int32_t> columns{-1, 0};
  std::vector<std::int32_t> index{2, 0, 1, 2};
  const std::map<std::string, HostTensorView> inputs{
      {"table", {ElementType::kFloat32, {3, 2}, table.data()}},
      {"columns", {ElementType::kInt32, {2}, columns.data()}},
      {"index", {ElementType::kInt32, {2, 2}, index.data()}}};
  const auto rows = runner.run(inputs).at("rows");
  EXPECT_EQ(std::vector<float>(rows.as<float>(), rows.as<float>() + 8),
            (std::vector<float>{70, 7, 50, 5, 60, 6, 70, 7}));
  index[1] = 3;
  EXPECT_ERROR(runner.run(inputs), ErrorCode::kInvalidArgument,
               "\"index\" has the value 3, and 0 to 2 are expected");
  index[1] = 0;
  columns[0] = -3;
  EXPECT_ERROR(runner.run(inputs), ErrorCode::kInvalidArgument,
               "\"columns\" has the value -3, and -2 to 1 are expected");
}

TEST_F(FamilyTest, NamesAreUnique) {
  static const ToyFamily again;
  EXPECT_ERROR(add_family(again), ErrorCode::kInvalidArgument, "\"toy\" already");
}

TEST_F(FamilyTest, ArchitecturesAreThoseThatSomeFamilyHas) {
  EXPECT_ERROR(Engine::random("vit_x"), ErrorCode::kInvalidArgument, "vit_b, vit_l, vit_h");
  EngineOptions options;
  options.memory_limit = 1 << 20;
  EXPECT_ERROR(Engine::random("vit_b", 1, options), ErrorCode::kOutOfMemory, "building needs");
  options.memory_limit = 0;
  options.config_path = "config.json";
  EXPECT_ERROR(Engine::random("vit_b", 1, options), ErrorCode::kInvalidArgument, "config.json");
  EXPECT_ERROR(families().back()->random("vit_b", 1, {}), ErrorCode::kInvalidArgument, "\"toy\"");
}

}  // namespace
}  // namespace lasso
