// MatMul: products of two matrices that are both computed.
#ifndef LASSO_KERNELS_MATMUL_MATMUL_H_
#define LASSO_KERNELS_MATMUL_MATMUL_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// A loop over matrices of a batch: how many elements A and B move with each of its turns.
struct BatchLoop {
  std::int64_t count = 1;
  std::int64_t a_stride = 0;
  std::int64_t b_stride = 0;

  bool operator==(const BatchLoop& other) const = default;
};

// y [..., m, n] = activation(A [..., m, k] B^T), B [..., n, k]; leading dimensions broadcast. For
// batch i of the result (row-major), A and B start at the offsets (in elements) a_offsets[i] and
// b_offsets[i], which is where `loops` (outermost first) have brought them.
struct MatMulProblem {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::int64_t batch = 1;
  std::vector<BatchLoop> loops;
  std::vector<std::int64_t> a_offsets;
  std::vector<std::int64_t> b_offsets;
  graph::Activation activation = graph::Activation::kNone;
};

MatMulProblem make_matmul_problem(const graph::MatMul& op, const Dims& a, const Dims& b);

// Multiplications and additions of all batches.
inline double operations(const MatMulProblem& p) {
  return 2.0 * static_cast<double>(p.batch) * static_cast<double>(p.m) * static_cast<double>(p.n) *
         static_cast<double>(p.k);
}

// Best first, reference last.
const std::vector<Kernel<MatMulProblem>>& matmul_kernels();

const Family& matmul_family();

// The rows of the list.
extern const Kernel<MatMulProblem> kMatMulOneDnn;
extern const Kernel<MatMulProblem> kMatMulProductAvx512;
extern const Kernel<MatMulProblem> kMatMulProductAvx2;
extern const Kernel<MatMulProblem> kMatMulRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_MATMUL_MATMUL_H_
