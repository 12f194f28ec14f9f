// What the kernels of convolutions in int8 pack.
#ifndef LASSO_KERNELS_CONV_CONV_INT8_H_
#define LASSO_KERNELS_CONV_CONV_INT8_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "kernels/conv/conv.h"

namespace lasso::kernels {

// The numbers in a sum.
inline std::int64_t window_inputs(const Conv2dProblem& p) {
  return p.kernel_h * p.kernel_w * p.channels;
}

// Q [N, C, kh, kw] and s [N] of the filters (quant/number_schemes.h), and b [N], zeros where there
// is none, of a convolution of one group.
struct Int8Filters {
  Int8Filters(const Conv2dProblem& problem, const std::vector<TensorView>& constants);

  std::vector<std::int8_t> q;
  std::vector<float> scales;
  std::vector<float> bias;
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_CONV_INT8_H_
