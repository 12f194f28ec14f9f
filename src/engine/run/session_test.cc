#include "engine/run/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backend/test_target.h"
#include "graph/builder.h"
#include "lasso/error.h"
#include "support/allocation_counter.h"
#include "support/errors.h"
#include "support/tensors.h"

namespace lasso::engine {
namespace {

using graph::Activation;
using graph::Binary;
using graph::BinaryKind;
using graph::Builder;
using graph::Dim;
using graph::kNoValue;
using graph::Linear;
using graph::Reshape;
using graph::Unary;
using graph::ValueId;
using test::random_values;

const Dim kRows = Dim::symbol("rows");
constexpr std::int64_t kWidth = 64;
constexpr std::int64_t kHidden = 128;
// Four products of up to 128 terms of unit variance, one after another: 4 * sqrt(128) * 2^-24, with
// a margin of 5.
constexpr double kTolerance = 5 * 4 * 11.3 * 6e-8;

// y = x + W2 relu(W1 x + b1), twice with the same weights; and the hidden layer as [rows * 128].
class ResidualMlp {
 public:
  ResidualMlp()
      : w1_(random_values(kHidden * kWidth, 1, 0.125F)),
        b1_(random_values(kHidden, 2)),
        w2_(random_values(kWidth * kHidden, 3, 0.088F)) {
    const Tensor w1 = make_tensor({kHidden, kWidth}, w1_);
    const Tensor b1 = make_tensor({kHidden}, b1_);
    const Tensor w2 = make_tensor({kWidth, kHidden}, w2_);
    for (const char* name : {"first", "second"}) {
      Builder b(name);
      const ValueId x = b.input("x", DType::kF32, {kRows, kWidth});
      ValueId y = x;
      ValueId h = kNoValue;
      for (int repeat = 0; repeat < 2; ++repeat) {
        h = b.add("h", Linear{}, {y, b.constant("w1", w1), b.constant("b1", b1)});
        h = b.add("a", Unary{Activation::kRelu}, {h});
        const ValueId o = b.add("o", Linear{}, {h, b.constant("w2", w2)});
        y = b.add("y", Binary{BinaryKind::kAdd}, {o, y});
      }
      b.output(y, "y");
      b.output(b.add("flat", Reshape{{kRows * kHidden}}, {h}), "hidden");
      b.output(x, "x_again");
      module_.programs.push_back(b.finish());
    }
  }

  std::shared_ptr<const CompiledModule> compiled(bool reference) const {
    CompileOptions options;
    options.reference = reference;
    options.target = backend::test_target(2);
    return compile(module_, options);
  }

  // In double precision.
  void expect(const std::vector<float>& x, const std::vector<float>& y,
              const std::vector<float>& hidden) const {
    for (std::size_t row = 0; row * kWidth < x.size(); ++row) {
      std::vector<double> state(x.begin() + row * kWidth, x.begin() + (row + 1) * kWidth);
      std::vector<double> h(kHidden);
      for (int repeat = 0; repeat < 2; ++repeat) {
        for (std::size_t j = 0; j < kHidden; ++j) {
          h[j] = b1_[j];
          for (std::size_t k = 0; k < kWidth; ++k) h[j] += w1_[j * kWidth + k] * state[k];
          h[j] = std::max(h[j], 0.0);
        }
        for (std::size_t j = 0; j < kWidth; ++j) {
          for (std::size_t k = 0; k < kHidden; ++k) state[j] += w2_[j * kHidden + k] * h[k];
        }
      }
      for (std::size_t j = 0; j < kWidth; ++j) {
        ASSERT_NEAR(y[row * kWidth + j], state[j], kTolerance * (1 + std::abs(state[j])));
      }
      for (std::size_t j = 0; j < kHidden; ++j) {
        ASSERT_NEAR(hidden[row * kHidden + j], h[j], kTolerance * (1 + std::abs(h[j])));
      }
    }
  }

 private:
  std::vector<float> w1_;
  std::vector<float> b1_;
  std::vector<float> w2_;
  graph::Module module_;
};

struct Buffers {
  explicit Buffers(std::int64_t rows)
      : symbols{rows},
        x(random_values(rows * kWidth, static_cast<unsigned>(rows))),
        y(x.size()),
        hidden(static_cast<std::size_t>(rows * kHidden)),
        x_again(x.size()),
        inputs{x.data()},
        outputs{y.data(), hidden.data(), x_again.data()} {}

  std::vector<std::int64_t> symbols;
  std::vector<float> x, y, hidden, x_again;
  std::vector<ConstTensorRef> inputs;
  std::vector<TensorRef> outputs;
};

SessionOptions unpoisoned() {
  SessionOptions options;
  options.threads = 2;
  options.poison = false;
  return options;
}

class SessionTest : public testing::TestWithParam<bool> {
 protected:
  ResidualMlp mlp_;
  std::shared_ptr<const CompiledModule> module_ = mlp_.compiled(GetParam());
};

TEST_P(SessionTest, ComputesAtEveryBindingWithPoisonedMemory) {
  SessionOptions options;
  options.threads = 2;
  options.poison = true;
  Session session(module_, options);
  for (const std::int64_t rows : {1, 7, 64, 7, 129}) {
    for (std::size_t program = 0; program < 2; ++program) {
      Buffers b(rows);
      session.run(program, b.symbols, b.inputs, b.outputs);
      mlp_.expect(b.x, b.y, b.hidden);
      EXPECT_EQ(b.x, b.x_again);
    }
  }
}

TEST_P(SessionTest, ProgramsShareWeights) {
  // Each of the three constants once; packing may pad.
  const std::size_t once = (kHidden * kWidth * 2 + kHidden) * sizeof(float);
  EXPECT_LT(module_->weights.size(), 2 * once);
}

// A plan that is kept is run without an allocation, and one that is not is made again.
TEST_P(SessionTest, KeepsTheLatestPlansInABoundedNumber) {
  SessionOptions options = unpoisoned();
  options.cached_plans = 3;
  Session session(module_, options);
  const auto allocates = [&](std::int64_t rows) {
    Buffers b(rows);
    const std::int64_t before = test::allocation_count();
    session.run(0, b.symbols, b.inputs, b.outputs);
    const bool result = test::allocation_count() > before;
    mlp_.expect(b.x, b.y, b.hidden);
    return result;
  };
  for (std::int64_t rows = 8; rows >= 1; --rows) EXPECT_TRUE(allocates(rows)) << rows;
  for (const std::int64_t rows : {3, 2, 1}) EXPECT_FALSE(allocates(rows)) << rows;
  EXPECT_TRUE(allocates(4));  // in the place of 3, which was used the longest ago
  for (const std::int64_t rows : {2, 1, 4}) EXPECT_FALSE(allocates(rows)) << rows;
  EXPECT_TRUE(allocates(3));
}

TEST_P(SessionTest, AllocatesNothingAfterTheFirstCall) {
  Session session(module_, unpoisoned());
  Buffers small(5);
  Buffers large(90);
  session.run(0, large.symbols, large.inputs, large.outputs);
  session.run(0, small.symbols, small.inputs, small.outputs);
  const std::int64_t before = test::allocation_count();
  for (int i = 0; i < 10; ++i) {
    session.run(0, large.symbols, large.inputs, large.outputs);
    session.run(0, small.symbols, small.inputs, small.outputs);
  }
  EXPECT_EQ(test::allocation_count() - before, 0);
}

TEST_P(SessionTest, TraceNamesEveryStep) {
  Session session(module_, SessionOptions{});
  std::vector<std::string> names;
  session.set_trace([&](const std::string& program, const std::string& name, const Dims& dims,
                        const float*,
                        double) { names.push_back(program + "/" + name + " " + to_string(dims)); });
  Buffers b(3);
  session.run(1, b.symbols, b.inputs, b.outputs);
  ASSERT_EQ(names.size(), 5U);
  EXPECT_EQ(names.front(), "second/a [3, 128]");
  EXPECT_EQ(names[3], "second/y [3, 64]");
}

// Numbers of one scheme, also where they were moved, as what they stand for.
TEST(Session, TraceShowsWhatNumbersOfASchemeStandFor) {
  Builder b("program");
  const ValueId x = b.input("x", DType::kF32, {1, 1, 2, 2});
  const ValueId q = b.add("q", graph::QuantizeTensor{{0.5F, 10}}, {x});
  b.output(b.add("largest", graph::Pool2d{graph::PoolKind::kMax, 1, 2, 1, 0}, {q}), "largest");
  graph::Module module;
  module.programs.push_back(b.finish());
  engine::CompileOptions options;
  options.reference = true;
  options.target.threads = 1;
  Session session(compile(std::move(module), options), unpoisoned());
  std::map<std::string, std::vector<float>> seen;
  session.set_trace([&](const std::string&, const std::string& name, const Dims& dims,
                        const float* data,
                        double) { seen[name].assign(data, data + element_count(dims)); });
  const std::vector<float> values{1.1F, -9.0F, 0.6F, 1000.0F};
  std::vector<std::uint8_t> result(2);
  const std::vector<ConstTensorRef> inputs{values.data()};
  const std::vector<TensorRef> outputs{{result.data(), DType::kU8}};
  session.run(0, {}, inputs, outputs);
  EXPECT_EQ(seen["q"], (std::vector<float>{1.0F, -5.0F, 0.5F, 122.5F}));
  EXPECT_EQ(seen["largest"], (std::vector<float>{1.0F, 122.5F}));
}

TEST_P(SessionTest, RefusesBadSizes) {
  Session session(module_, SessionOptions{});
  Buffers b(3);
  b.symbols[0] = 0;
  EXPECT_THROW(session.run(0, b.symbols, b.inputs, b.outputs), Error);
  b.symbols[0] = std::int64_t{1} << 60;
  EXPECT_THROW(session.run(0, b.symbols, b.inputs, b.outputs), Error);
  EXPECT_THROW(session.program("third"), Error);
}

TEST_P(SessionTest, SameBitsEveryRun) {
  Session session(module_, unpoisoned());
  Buffers first(100);
  session.run(0, first.symbols, first.inputs, first.outputs);
  for (int i = 0; i < 5; ++i) {
    Buffers again(100);
    session.run(0, again.symbols, again.inputs, again.outputs);
    ASSERT_EQ(first.y, again.y);
  }
}

// Sizes that are computed from symbols, in shapes and in an op's attributes.
TEST(Session, ComputesWithSymbolsAndWithinTheProfile) {
  Builder b("program");
  const Dim half = kRows.floor_divided_by(2);
  const ValueId x = b.input("x", DType::kF32, {kRows, 3});
  const ValueId first = b.add("first", graph::Slice{0, 0, half}, {x});
  const ValueId last = b.add("last", graph::Slice{0, kRows - half, kRows}, {x});
  b.output(b.add("sum", Binary{BinaryKind::kAdd}, {first, last}), "sum");
  graph::Module module;
  module.programs.push_back(b.finish());
  module.programs[0].profile = {{"rows", {2, 4, 7}}};
  Session session(compile(std::move(module), CompileOptions{}), SessionOptions{});
  const auto run = [&](std::int64_t rows) {
    const std::vector<float> in = random_values(rows * 3, 1);
    std::vector<float> out(static_cast<std::size_t>(rows / 2 * 3));
    const std::vector<std::int64_t> symbols{rows};
    const std::vector<ConstTensorRef> inputs{in.data()};
    const std::vector<TensorRef> outputs{out.data()};
    session.run(0, symbols, inputs, outputs);
    const std::size_t offset = in.size() - out.size();
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], in[i] + in[offset + i]);
  };
  for (const std::int64_t rows : {2, 3, 6, 7}) run(rows);
  EXPECT_THROW(run(1), Error);
  EXPECT_THROW(run(8), Error);
}

TEST(Session, GoesOnAfterRunningOutOfMemory) {
  constexpr std::int64_t kWidth = 1 << 20;
  Builder b("program");
  const ValueId x = b.input("x", DType::kF32, {kRows, kWidth});
  const ValueId two = b.add("two", Binary{BinaryKind::kAdd}, {x, x});
  const ValueId four = b.add("four", Binary{BinaryKind::kAdd}, {two, two});
  b.output(b.add("six", Binary{BinaryKind::kAdd}, {two, four}), "six");
  graph::Module module;
  module.programs.push_back(b.finish());
  Session session(compile(std::move(module), CompileOptions{}), SessionOptions{});
  const std::vector<float> in = random_values(kWidth, 1);
  std::vector<float> out(kWidth);
  const std::vector<std::int64_t> one{1};
  const std::vector<std::int64_t> huge{graph::kMaxSymbol};  // two values of 64 TiB
  const std::vector<ConstTensorRef> inputs{in.data()};
  const std::vector<TensorRef> outputs{out.data()};
  session.run(0, one, inputs, outputs);
  EXPECT_ERROR(session.run(0, huge, inputs, outputs), ErrorCode::kOutOfMemory, "");
  session.run(0, one, inputs, outputs);
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], 6 * in[i]);
}

TEST(Session, ReshapedConstantsAreOperandsAndOutputs) {
  const std::vector<float> values = random_values(6, 1);
  Builder b("program");
  const ValueId x = b.input("x", DType::kF32, {kRows, 6});
  const ValueId row = b.add("row", Reshape{{6}}, {b.constant("c", make_tensor({2, 3}, values))});
  b.output(b.add("sum", Binary{BinaryKind::kAdd}, {x, row}), "sum");
  b.output(row, "row");
  graph::Module module;
  module.programs.push_back(b.finish());
  Session session(compile(std::move(module), CompileOptions{}), SessionOptions{});
  const std::vector<float> in = random_values(12, 2);
  std::vector<float> sum(12);
  std::vector<float> out(6);
  const std::vector<std::int64_t> symbols{2};
  const std::vector<ConstTensorRef> inputs{in.data()};
  const std::vector<TensorRef> outputs{sum.data(), out.data()};
  session.run(0, symbols, inputs, outputs);
  EXPECT_EQ(out, values);
  for (std::size_t i = 0; i < sum.size(); ++i) EXPECT_EQ(sum[i], in[i] + values[i % 6]);
}

// Sizes that would make a value empty are refused when a program is compiled, as when it is loaded.
TEST(Session, ProgramsWithEmptyValuesAreRefused) {
  Builder b("program");
  const ValueId x = b.input("x", DType::kF32, {1, kRows, 8, 1});
  const ValueId w = b.constant("w", make_tensor({1, 1, 3, 3}, random_values(9, 1)));
  b.output(b.add("y", graph::Conv2d{.kernel_h = 3, .kernel_w = 3, .stride = 2}, {x, w}), "y");
  graph::Module module;
  module.programs.push_back(b.finish());
  EXPECT_ERROR(compile(std::move(module), CompileOptions{}), ErrorCode::kUnsupported,
               "in \"y\", which is less than 1 for sizes that it takes");
}

// Two tensors of a checkpoint may begin at one address: they are not the same constant.
TEST(Session, ConstantsAreToldApartByShape) {
  const Tensor large = make_tensor({4, 8}, random_values(32, 1));
  Tensor small = large;
  small.dims = Dims{8};
  Builder b("program");
  const ValueId x = b.input("x", DType::kF32, {kRows, 4, 8});
  const ValueId y = b.add("y", Binary{BinaryKind::kAdd}, {x, b.constant("small", small)});
  b.output(b.add("z", Binary{BinaryKind::kAdd}, {y, b.constant("large", large)}), "z");
  graph::Module module;
  module.programs.push_back(b.finish());
  Session session(compile(std::move(module), CompileOptions{}), SessionOptions{});
  const std::vector<float> in(32, 0.0F);
  std::vector<float> z(32);
  const std::vector<std::int64_t> symbols{1};
  const std::vector<ConstTensorRef> inputs{in.data()};
  const std::vector<TensorRef> outputs{z.data()};
  session.run(0, symbols, inputs, outputs);
  const auto* c = static_cast<const float*>(large.data.get());
  for (std::size_t i = 0; i < z.size(); ++i) EXPECT_EQ(z[i], c[i % 8] + c[i]);
}

// The kernel that is best for one row need not be able to do a thousand, and the other way round.
TEST(Session, KernelsAreChosenForTheSizesOfEveryBinding) {
  constexpr std::int64_t kSide = 768;
  for (const std::int64_t typical : {1, 1024}) {
    Builder b("program");
    const ValueId x = b.input("x", DType::kF32, {kRows, kSide});
    const Tensor w = make_tensor({kSide, kSide}, random_values(kSide * kSide, 1, 0.036F));
    b.output(b.add("y", Linear{}, {x, b.constant("w", w)}), "y");
    graph::Module module;
    module.programs.push_back(b.finish());
    module.programs[0].typical = {{"rows", typical}};
    CompileOptions options;
    options.target = backend::test_target(1);
    Session session(compile(std::move(module), options), SessionOptions{});
    for (const std::int64_t rows : {1, 3, 100, 2000}) {
      const std::vector<float> in = random_values(rows * kSide, 2);
      std::vector<float> out(in.size());
      const std::vector<std::int64_t> symbols{rows};
      const std::vector<ConstTensorRef> inputs{in.data()};
      const std::vector<TensorRef> outputs{out.data()};
      session.run(0, symbols, inputs, outputs);
      double expected = 0;  // the last element
      const auto* weights = static_cast<const float*>(w.data.get());
      for (std::int64_t k = 0; k < kSide; ++k) {
        expected += double{in[static_cast<std::size_t>((rows - 1) * kSide + k)]} *
                    weights[(kSide - 1) * kSide + k];
      }
      EXPECT_NEAR(out.back(), expected, 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, SessionTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Reference" : "Fast"; });

}  // namespace
}  // namespace lasso::engine
