// Matrix products: Linear (constant weights, packed) and MatMul (both operands computed).
#ifndef LASSO_KERNELS_GEMM_GEMM_H_
#define LASSO_KERNELS_GEMM_GEMM_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// y [m, n] = activation(x [m, k] W^T + b) + r, with W [n, k].
// Inputs x, W, b?, r?; W and b are packed. The output must not overlap the inputs.
struct LinearProblem {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  bool bias = false;
  bool residual = false;
  graph::Activation activation = graph::Activation::kNone;
  // W and b are constants, so that pack() has them; otherwise they come with the other inputs.
  bool packed = true;
};

// y [..., m, n] = activation(A [..., m, k] B^T), B [..., n, k]; leading dimensions broadcast. For
// batch i of the result (row-major), A and B start at the offsets (in elements) a_offsets[i] and
// b_offsets[i].
struct MatMulProblem {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::int64_t batch = 1;
  std::vector<std::int64_t> a_offsets;
  std::vector<std::int64_t> b_offsets;
  graph::Activation activation = graph::Activation::kNone;
};

LinearProblem make_linear_problem(const Call& call);
MatMulProblem make_matmul_problem(const graph::MatMul& op, const Dims& a, const Dims& b);

// Best first, reference last.
const std::vector<Kernel<LinearProblem>>& linear_kernels();
const std::vector<Kernel<MatMulProblem>>& matmul_kernels();

const Family& linear_family();
const Family& matmul_family();

// The rows of the lists.
extern const Kernel<LinearProblem> kLinearOneDnn;
extern const Kernel<LinearProblem> kLinearProductAvx512;
extern const Kernel<LinearProblem> kLinearProductAvx2;
extern const Kernel<LinearProblem> kLinearRef;
extern const Kernel<MatMulProblem> kMatMulOneDnn;
extern const Kernel<MatMulProblem> kMatMulProductAvx512;
extern const Kernel<MatMulProblem> kMatMulProductAvx2;
extern const Kernel<MatMulProblem> kMatMulRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_GEMM_GEMM_H_
