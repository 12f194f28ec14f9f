// For tests that compare two forms of a program: what reference kernels make of each.
#ifndef LASSO_ENGINE_RUN_PROGRAM_RESULTS_H_
#define LASSO_ENGINE_RUN_PROGRAM_RESULTS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "core/random.h"
#include "engine/run/session.h"
#include "graph/graph.h"

namespace lasso::test {

using graph::ValueId;

constexpr std::int64_t kImages = 2;  // what the symbol "batch" stands for

inline std::vector<float> random_values(std::int64_t count, unsigned seed) {
  SplitMix64 random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}

inline Tensor random_tensor(const Dims& dims, unsigned seed) {
  return make_tensor(dims, random_values(element_count(dims), seed));
}

// A program's results as bytes, one after another; its inputs are random, between -1 and 1.
inline std::vector<std::vector<std::byte>> results_of(const graph::Graph& graph) {
  graph::Module module;
  module.programs.push_back(graph);
  engine::CompileOptions options;
  options.reference = true;
  options.target.threads = 2;
  engine::SessionOptions session_options;
  session_options.threads = 2;
  engine::Session session(engine::compile(std::move(module), options), session_options);
  const graph::Bindings bindings{{"batch", kImages}};
  std::vector<std::vector<float>> inputs;
  std::vector<std::vector<std::byte>> outputs;
  std::vector<engine::ConstTensorRef> in;
  std::vector<engine::TensorRef> out;
  for (const ValueId id : graph.inputs) {
    const auto count = element_count(evaluate(graph.value(id).shape, bindings));
    inputs.push_back(random_values(count, static_cast<unsigned>(100 + inputs.size())));
  }
  for (const ValueId id : graph.outputs) {
    const graph::Value& value = graph.value(id);
    outputs.emplace_back(static_cast<std::size_t>(element_count(evaluate(value.shape, bindings))) *
                         size_of(value.dtype));
    out.emplace_back(outputs.back().data(), value.dtype);
  }
  for (const auto& values : inputs) in.emplace_back(values.data());
  const std::vector<std::int64_t> symbols(graph::symbols(graph).size(), kImages);
  session.run(0, symbols, in, out);
  return outputs;
}

// Both differ by `tolerance`; then values in bfloat16 by one more in the last of 8 bits, those in
// float16 in the last of 11, or of 2^-24, and integers by one.
inline void expect_near(DType dtype, const std::vector<std::byte>& a,
                        const std::vector<std::byte>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  const auto number = [&](const std::vector<std::byte>& bytes, std::size_t i) -> double {
    const std::byte* at = bytes.data() + i * size_of(dtype);
    if (dtype == DType::kU8) return static_cast<double>(*at);
    if (is_half(dtype)) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, at, sizeof(bits));
      return half_to_f32(dtype, bits);
    }
    float value = 0;
    std::memcpy(&value, at, sizeof(value));
    return value;
  };
  double largest = 0;
  for (std::size_t i = 0; i < a.size() / size_of(dtype); ++i) {
    const double x = number(a, i);
    const double y = number(b, i);
    double allowed = tolerance;
    if (dtype == DType::kBF16) allowed += 0x1p-7 * std::abs(x);
    if (dtype == DType::kF16) allowed += 0x1p-10 * std::abs(x) + 0x1p-24;
    if (dtype == DType::kU8) allowed = 1;
    ASSERT_LE(std::abs(x - y), allowed) << "element " << i << ": " << x << " and " << y;
    largest = std::max(largest, std::abs(x));
  }
  EXPECT_GT(largest, 0) << "nothing was computed";
}

}  // namespace lasso::test

#endif  // LASSO_ENGINE_RUN_PROGRAM_RESULTS_H_
