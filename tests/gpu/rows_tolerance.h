// How far results of the GPU's rows may lie from those of the CPU's reference, element by element,
// where both add up products of the same factors.
#ifndef LASSO_TESTS_GPU_ROWS_TOLERANCE_H_
#define LASSO_TESTS_GPU_ROWS_TOLERANCE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "core/dtype.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel_test.h"

namespace lasso::test {

// The terms of a product's sums; empty for other ops.
inline std::optional<std::int64_t> terms(const kernels::Call& call) {
  const auto dims = [&](std::size_t i) -> const Dims& { return call.inputs.at(i).dims; };
  if (std::holds_alternative<graph::Linear>(call.op) ||
      std::holds_alternative<graph::MatMul>(call.op)) {
    return dims(1).back();
  }
  if (std::holds_alternative<graph::Conv2d>(call.op)) {
    return dims(1)[1] * dims(1)[2] * dims(1)[3];
  }
  if (const auto* op = std::get_if<graph::Deconv2d>(&call.op)) {
    return dims(1)[0] / op->groups * dims(1)[2] * dims(1)[3];
  }
  if (std::holds_alternative<graph::ConvTranspose2d>(call.op)) return dims(1)[0];
  if (std::holds_alternative<graph::UpscaledProduct>(call.op)) return dims(2)[0];
  return std::nullopt;
}

// The product alone, in float32: without activation and residual. Of the magnitudes of its
// operands, it gives the magnitudes that its sums are of.
inline kernels::Call only_product(kernels::Call call) {
  std::visit(
      [](auto& op) {
        if constexpr (requires { op.activation; }) op.activation = graph::Activation::kNone;
        if constexpr (requires { op.output; }) op.output = DType::kF32;
      },
      call.op);
  call.outputs.at(0).dtype = DType::kF32;
  const bool is_linear = std::holds_alternative<graph::Linear>(call.op);
  if (is_linear && call.inputs.size() > 3) call.inputs[3].present = false;
  return call;
}

// What a product is rounded by beside float32 sums.
struct ProductRounding {
  graph::Activation activation = graph::Activation::kNone;
  bool tanh_form = false;  // cuBLASLt's GELU, which rows with a half result may use
  bool tf32 = false;
  DType output = DType::kF32;
  double largest_bias = 0;  // rounded to the result's type if that is a half
};

inline ProductRounding rounding_of(const kernels::Call& call, bool tf32) {
  ProductRounding r;
  std::visit(
      [&](const auto& op) {
        if constexpr (requires { op.activation; }) r.activation = op.activation;
        r.tf32 = tf32;
        if constexpr (requires { op.weights; }) r.tf32 = tf32 && op.weights == DType::kF32;
      },
      call.op);
  r.output = call.outputs.at(0).dtype;
  r.tanh_form = r.activation == graph::Activation::kGelu && r.output != DType::kF32;
  return r;
}

// How far `y` may lie from the reference's, for magnitudes of its sum: both round all that they
// add up, the activation, and the result.
inline double product_tolerance(const ProductRounding& r, std::int64_t terms, double magnitudes,
                                double y) {
  using kernels::test::half_rounding;
  using kernels::test::half_tolerance;
  double tolerance = 2 * kernels::test::sum_tolerance(terms, magnitudes);
  if (r.tf32) tolerance += 0x1p-9 * magnitudes;  // two factors, 11 bits of each
  if (r.activation != graph::Activation::kNone) {
    tolerance = kernels::test::activation_tolerance(r.activation, tolerance, y) +
                kernels::test::activation_tolerance(r.activation, 0, y);
  }
  // cuBLASLt's other form of GELU lies up to 5e-4 beside it, and may be of a sum that was rounded
  // to the result's type: |x gelu'(x)| is at most 1.13 |gelu(x)| + 0.3.
  if (r.tanh_form) tolerance += 5e-4 + half_rounding(r.output) * (1.13 * std::abs(y) + 0.3);
  tolerance += 2 * kernels::test::kEpsilon * std::abs(y);  // of a residual's sum
  if (!is_half(r.output)) return tolerance;
  tolerance += 1.13 * half_rounding(r.output) * r.largest_bias;
  return half_tolerance(r.output, y, tolerance) + half_tolerance(r.output, y, 0);
}

// The same of products with the pixels of an upscaled image, of magnitudes that go through both.
inline double upscaled_tolerance(std::int64_t channels, std::int64_t filters, double magnitudes) {
  return 2 * 1.13 * kernels::test::sum_tolerance(channels, magnitudes) +
         2 * kernels::test::sum_tolerance(filters, magnitudes) +
         2 * 4e-7 * (static_cast<double>(filters) + magnitudes);
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_GPU_ROWS_TOLERANCE_H_
