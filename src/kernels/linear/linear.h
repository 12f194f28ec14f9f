// Linear: products with constant, packed weights.
#ifndef LASSO_KERNELS_LINEAR_LINEAR_H_
#define LASSO_KERNELS_LINEAR_LINEAR_H_

#include <cstdint>
#include <vector>

#include "core/dtype.h"
#include "core/tensor.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// y [m, n] = activation(x [m, k] W^T + b) + r, with W [n, k].
// Inputs x, W, b?, r?, scales?, gain?, output_gain?; W, b, gain and output_gain are packed. Outputs
// y, or q and scales. Outputs must not overlap the inputs. By the type of the weights:
// - float32: everything is float32.
// - bfloat16 or float16: x is of that type, or float32 and rounded to it; W is rounded to it; b, r
//   and sums are float32; y is float32 or of that type.
// - int8: y = activation(scales[m] s[n] sum_k (x[m, k] - 128) Q[n, k] + b[n]) + r[m, n] for x of
//   uint8, where row n of W diag(gain) is s[n] Q[n, :], s[n] = max|row| / 127, and Q is rounded to
//   the nearest. y is float32, bfloat16, or uint8 with scales of its own: then it is multiplied by
//   output_gain and quantised by rows, as graph::Quantize does.
struct LinearProblem {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  bool bias = false;
  bool residual = false;
  bool gain = false;  // of int8, as is output_gain
  bool output_gain = false;
  graph::Activation activation = graph::Activation::kNone;
  DType weights = DType::kF32;
  DType input = DType::kF32;
  DType output = DType::kF32;
  // W and b are constants, so that pack() has them; otherwise they come with the other inputs,
  // which only float32 allows.
  bool packed = true;
};

LinearProblem make_linear_problem(const Call& call);

// Best first, reference last.
const std::vector<Kernel<LinearProblem>>& linear_kernels();

const Family& linear_family();

// What kernels in int8 pack: Q [n, k] and s [n] (quant/number_schemes.h), b [n] (zeros where
// absent) and output_gain [n] (ones where absent), from the constants W, b, gain and output_gain.
struct Int8Constants {
  std::vector<std::int8_t> q;
  std::vector<float> scales;
  std::vector<float> bias;
  std::vector<float> output_gain;
};
Int8Constants int8_constants(const LinearProblem& problem,
                             const std::vector<TensorView>& constants);

// Multiplications and additions of the product.
inline double operations(const LinearProblem& p) {
  return 2.0 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
}

// The rows of the list.
extern const Kernel<LinearProblem> kLinearOneDnn;
extern const Kernel<LinearProblem> kLinearProductAvx512;
extern const Kernel<LinearProblem> kLinearProductAvx2;
extern const Kernel<LinearProblem> kLinearBf16Amx;
extern const Kernel<LinearProblem> kLinearBf16OneDnn;
extern const Kernel<LinearProblem> kLinearBf16Product;
extern const Kernel<LinearProblem> kLinearBf16WidenedAvx512;
extern const Kernel<LinearProblem> kLinearBf16WidenedAvx2;
extern const Kernel<LinearProblem> kLinearInt8Amx;
extern const Kernel<LinearProblem> kLinearInt8Avx512Vnni;
extern const Kernel<LinearProblem> kLinearInt8AvxVnni;
extern const Kernel<LinearProblem> kLinearInt8Avx2;
extern const Kernel<LinearProblem> kLinearRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_LINEAR_LINEAR_H_
