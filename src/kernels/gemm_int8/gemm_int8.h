// Linear layers with int8 weights and uint8 inputs, sums in int32.
#ifndef LASSO_KERNELS_GEMM_INT8_GEMM_INT8_H_
#define LASSO_KERNELS_GEMM_INT8_GEMM_INT8_H_

#include <cstdint>
#include <vector>

#include "core/dtype.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// y [m, n] = activation(scales[m] s[n] sum_k (x[m, k] - 128) Q[n, k] + b[n]) + r[m, n], where row n
// of W diag(gain) is s[n] Q[n, :], s[n] = max|row| / 127 and Q is rounded to the nearest.
// y is float32, bfloat16, or uint8 with scales of its own: then it is multiplied by output_gain and
// quantised by rows, as graph::Quantize does.
// Inputs x, W, b?, r?, scales, gain?, output_gain?; W, b, gain and output_gain are constants and
// packed. Outputs y, or q and scales. Outputs must not overlap the inputs.
// The most inputs of a layer: sums of 255 * 127 k must fit into 31 bits.
constexpr std::int64_t kInt8MostInputs = 65536;

struct LinearInt8Problem {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  bool bias = false;
  bool residual = false;
  bool gain = false;
  bool output_gain = false;
  graph::Activation activation = graph::Activation::kNone;
  DType output = DType::kF32;
};

LinearInt8Problem make_linear_int8_problem(const Call& call);

// Best first, reference last.
const std::vector<Kernel<LinearInt8Problem>>& linear_int8_kernels();

const Family& linear_int8_family();

// What the kernels pack: Q [n, k] and s [n] (quant/number_schemes.h), b [n] (zeros where absent)
// and output_gain [n] (ones where absent), from the constants W, b, gain and output_gain.
struct Int8Weights {
  std::vector<std::int8_t> q;
  std::vector<float> scales;
  std::vector<float> bias;
  std::vector<float> output_gain;
};
Int8Weights quantize_weights(const LinearInt8Problem& problem,
                             const std::vector<TensorView>& constants);

// The rows of the list.
extern const Kernel<LinearInt8Problem> kLinearInt8Avx512Vnni;
extern const Kernel<LinearInt8Problem> kLinearInt8AvxVnni;
extern const Kernel<LinearInt8Problem> kLinearInt8Avx2;
extern const Kernel<LinearInt8Problem> kLinearInt8Ref;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_GEMM_INT8_GEMM_INT8_H_
