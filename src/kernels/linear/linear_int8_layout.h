// The packed weights that the kernels of Linear in int8 share.
#ifndef LASSO_KERNELS_LINEAR_LINEAR_INT8_LAYOUT_H_
#define LASSO_KERNELS_LINEAR_LINEAR_INT8_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "kernels/cpu/int8_product.h"
#include "kernels/linear/linear.h"

namespace lasso::kernels {

// The weights, and then the columns' corrections, scales, biases and output gains, all padded with
// zeros to whole panels.
constexpr std::string_view kInt8LinearLayout =
    "int8 W [n/64, k/4, 64, 4], correction, s, b, output gain [n/64, 64]";

struct Int8LinearLayout : Int8Layout {
  explicit Int8LinearLayout(const LinearProblem& p) : Int8Layout(p.n, p.k) {}
  std::int64_t bytes() const { return weights() + columns * 4 * 4; }
};

struct PackedInt8Linear : Int8LinearLayout {
  PackedInt8Linear(const LinearProblem& p, const std::byte* bytes)
      : Int8LinearLayout(p),
        q(reinterpret_cast<const std::int8_t*>(bytes)),
        correction(reinterpret_cast<const std::int32_t*>(q + weights())),
        scales(reinterpret_cast<const float*>(correction + columns)),
        bias(scales + columns),
        output_gain(bias + columns) {}

  const std::int8_t* q;
  const std::int32_t* correction;
  const float* scales;
  const float* bias;
  const float* output_gain;
};

void pack_int8_linear(const LinearProblem& problem, const std::vector<TensorView>& constants,
                      std::byte* packed);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_LINEAR_LINEAR_INT8_LAYOUT_H_
