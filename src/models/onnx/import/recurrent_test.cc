// Recurrent layers, against plain loops of their equations.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "models/onnx/import/import_test.h"
#include "support/errors.h"

namespace lasso::onnx {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
using Numbers = std::vector<float>;

constexpr int kLength = 4;
constexpr int kBatch = 2;
constexpr int kInputs = 3;
constexpr int kWidth = 2;
const std::vector<std::int64_t> kLengths{4, 2};

// An element by an index that is counted in int.
double element(const Numbers& values, int index) { return values[static_cast<std::size_t>(index)]; }
double element(const std::vector<double>& values, int index) {
  return values[static_cast<std::size_t>(index)];
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Numbers that differ, of a size that no gate saturates at.
Numbers numbers(std::int64_t count, double phase) {
  Numbers values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(0.9 * std::sin(phase + 1.7 * static_cast<double>(i))));
  }
  return values;
}

// A layer of two directions, over sequences of two lengths.
struct Layer {
  explicit Layer(int gates)
      : gates(gates),
        x(numbers(kLength * kBatch * kInputs, 0.1)),
        w(numbers(2 * gates * kWidth * kInputs, 0.2)),
        r(numbers(2 * gates * kWidth * kWidth, 0.3)),
        b(numbers(2 * 2 * gates * kWidth, 0.4)),
        h(numbers(2 * kBatch * kWidth, 0.5)),
        c(numbers(2 * kBatch * kWidth, 0.6)),
        p(numbers(2 * 3 * kWidth, 0.7)) {}

  std::vector<std::string> constants() const {
    return {onnx_raw_tensor("x", {kLength, kBatch, kInputs}, x),
            onnx_raw_tensor("w", {2, gates * kWidth, kInputs}, w),
            onnx_raw_tensor("r", {2, gates * kWidth, kWidth}, r),
            onnx_raw_tensor("b", {2, 2 * gates * kWidth}, b),
            onnx_raw_tensor("h", {2, kBatch, kWidth}, h),
            onnx_raw_tensor("c", {2, kBatch, kWidth}, c),
            onnx_raw_tensor("p", {2, 3 * kWidth}, p),
            integers("n", {kBatch}, kLengths, 6)};
  }

  // Element j of gate k of W x + Wb, and of R h + Rb.
  double of_input(int d, int t, int n, int k, int j) const {
    const int row = (d * gates + k) * kWidth + j;
    double sum = element(b, d * 2 * gates * kWidth + k * kWidth + j);
    for (int i = 0; i < kInputs; ++i) {
      sum += element(w, row * kInputs + i) * element(x, (t * kBatch + n) * kInputs + i);
    }
    return sum;
  }
  double of_state(int d, int k, int j, const std::vector<double>& state) const {
    const int row = (d * gates + k) * kWidth + j;
    double sum = element(b, d * 2 * gates * kWidth + (gates + k) * kWidth + j);
    for (int i = 0; i < kWidth; ++i) {
      sum += element(r, row * kWidth + i) * element(state, i);
    }
    return sum;
  }

  // Y, by a function that makes the state h (and the cell) of step t out of those before it.
  using Step =
      std::function<void(int d, int t, int n, std::vector<double>& h, std::vector<double>& c)>;
  Numbers expected(const Step& step) const {
    Numbers y(kLength * 2 * kBatch * kWidth, 0.0F);
    for (int d = 0; d < 2; ++d) {
      for (int n = 0; n < kBatch; ++n) {
        const auto first = (d * kBatch + n) * kWidth;
        std::vector<double> state(h.begin() + first, h.begin() + first + kWidth);
        std::vector<double> cell(c.begin() + first, c.begin() + first + kWidth);
        const auto length = static_cast<int>(kLengths[static_cast<std::size_t>(n)]);
        for (int i = 0; i < length; ++i) {
          const int t = d == 0 ? i : length - 1 - i;
          step(d, t, n, state, cell);
          for (int j = 0; j < kWidth; ++j) {
            const int index = ((t * 2 + d) * kBatch + n) * kWidth + j;
            y[static_cast<std::size_t>(index)] = static_cast<float>(element(state, j));
          }
        }
      }
    }
    return y;
  }

  int gates;
  Numbers x, w, r, b, h, c, p;
};

void expect_near(const Numbers& seen, const Numbers& expected) {
  ASSERT_EQ(seen.size(), expected.size());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_NEAR(seen[i], expected[i], 2e-6) << i;
}

TEST(ImportRecurrent, LstmWithPeepholesAndLengths) {
  const Layer layer(4);
  const auto results =
      computed({onnx_node("LSTM", {"x", "w", "r", "b", "n", "h", "c", "p"}, {"y0", "y1", "y2"}, "",
                          {text_attribute("direction", "bidirectional")})},
               layer.constants(), {1, 1, 1});
  const auto expected = layer.expected([&](int d, int t, int n, auto& h, auto& c) {
    const auto h0 = h;
    const auto c0 = c;
    for (int j = 0; j < kWidth; ++j) {
      const auto at = static_cast<std::size_t>(j);
      const auto gate = [&](int k) {
        return layer.of_input(d, t, n, k, j) + layer.of_state(d, k, j, h0);
      };
      const auto peep = [&](int k) { return element(layer.p, (d * 3 + k) * kWidth + j); };
      const double in = sigmoid(gate(0) + peep(0) * c0[at]);
      const double kept = sigmoid(gate(2) + peep(2) * c0[at]);
      c[at] = kept * c0[at] + in * std::tanh(gate(3));
      h[at] = sigmoid(gate(1) + peep(1) * c[at]) * std::tanh(c[at]);
    }
  });
  expect_near(results[0], expected);
  // The last state of the longer sequence, forwards, is its last row; backwards its first one.
  EXPECT_EQ(results[1].at(0), results[0].at(3 * 2 * kBatch * kWidth));
  EXPECT_EQ(results[1].at(kBatch * kWidth), results[0].at(kBatch * kWidth));
}

TEST(ImportRecurrent, GruInBothForms) {
  const Layer layer(3);
  for (const bool linear : {false, true}) {
    const auto results =
        computed({onnx_node("GRU", {"x", "w", "r", "b", "n", "h"}, {"y0"}, "",
                            {text_attribute("direction", "bidirectional"),
                             integer_attribute("linear_before_reset", linear ? 1 : 0)})},
                 layer.constants());
    const auto expected = layer.expected([&](int d, int t, int n, auto& h, auto&) {
      const auto h0 = h;
      const auto gate = [&](int k, int j) {
        return layer.of_input(d, t, n, k, j) + layer.of_state(d, k, j, h0);
      };
      std::vector<double> reset(kWidth);
      for (int j = 0; j < kWidth; ++j) {
        reset[static_cast<std::size_t>(j)] =
            sigmoid(gate(1, j)) * (linear ? 1 : h0[static_cast<std::size_t>(j)]);
      }
      for (int j = 0; j < kWidth; ++j) {
        const auto at = static_cast<std::size_t>(j);
        const double inner =
            linear ? reset[at] * layer.of_state(d, 2, j, h0) : layer.of_state(d, 2, j, reset);
        const double z = sigmoid(gate(0, j));
        h[at] = (1 - z) * std::tanh(layer.of_input(d, t, n, 2, j) + inner) + z * h0[at];
      }
    });
    expect_near(results[0], expected);
  }
}

TEST(ImportRecurrent, RnnWithAnotherActivation) {
  const Layer layer(1);
  const std::string activations =
      onnx_attribute("activations", 8, wire_bytes(9, "Relu") + wire_bytes(9, "Tanh"));
  const auto results =
      computed({onnx_node("RNN", {"x", "w", "r", "b", "n", "h"}, {"y0"}, "",
                          {text_attribute("direction", "bidirectional"), activations})},
               layer.constants());
  const auto expected = layer.expected([&](int d, int t, int n, auto& h, auto&) {
    const auto h0 = h;
    for (int j = 0; j < kWidth; ++j) {
      const double sum = layer.of_input(d, t, n, 0, j) + layer.of_state(d, 0, j, h0);
      h[static_cast<std::size_t>(j)] = d == 0 ? std::max(0.0, sum) : std::tanh(sum);
    }
  });
  expect_near(results[0], expected);
}

TEST(ImportRecurrent, NeedsToKnowTheLength) {
  const auto model = [](const std::string& first) {
    return onnx_model(
        onnx_graph({.nodes = {onnx_node("RNN", {"x", "w", "r"}, {"y"}, "rnn")},
                    .initializers = {onnx_raw_tensor("w", {1, 1, 1}, {1}),
                                     onnx_raw_tensor("r", {1, 1, 1}, {1})},
                    .inputs = {onnx_value("x", 1, {onnx_dim(first), onnx_dim("?"), onnx_dim(1)})},
                    .outputs = {onnx_value("y", 1, {})}}));
  };
  EXPECT_ERROR(imported(model("t")), ErrorCode::kUnsupported,
               "node 0 (rnn, RNN): a sequence of the open length t; some of it may be once open "
               "sizes are fixed (--fixed-size, EngineOptions::fixed_sizes), which are t, x_1");
  const graph::Graph graph = imported(model("t"), {}, {{"t", 5}});
  EXPECT_EQ(to_string(graph.value(graph.outputs[0]).shape), "[5, 1, x_1, 1]");
  EXPECT_EQ(to_string(graph.value(graph.inputs[0]).shape), "[5, x_1, 1]");
  EXPECT_ERROR(imported(model("t"), {}, {{"u", 5}}), ErrorCode::kInvalidArgument,
               "no input has an open size \"u\", which is to be 5; open are t, x_1");
  EXPECT_ERROR(imported(model("t"), {}, {{"t", 0}}), ErrorCode::kInvalidArgument,
               "size \"t\" is to be 0, expected 1 to");
}

}  // namespace
}  // namespace lasso::onnx
