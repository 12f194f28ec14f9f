// Element by element: Binary with broadcasting, Unary, and the Fourier features of coordinates.
#ifndef LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_H_
#define LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// One loop of a broadcast operation; a stride (in elements) is 0 where the operand is repeated.
struct BroadcastLoop {
  std::int64_t count = 1;
  std::int64_t a_stride = 0;
  std::int64_t b_stride = 0;
};

// y = activation(a op b). Outermost loop first; neighbours that run through a and b alike are
// merged, so that equal shapes make one loop. There is at least one loop, and the inner one has
// strides of 0 or 1. y may be an operand that is not repeated.
struct BinaryProblem {
  graph::BinaryKind kind = graph::BinaryKind::kAdd;
  graph::Activation activation = graph::Activation::kNone;
  std::vector<BroadcastLoop> loops;
  bool float32 = true;  // or another type, which no kernel takes

  std::int64_t count() const;  // of the result's elements
};

// y = f(x). y may be x.
struct UnaryProblem {
  graph::UnaryKind kind = graph::UnaryKind::kIdentity;
  std::int64_t count = 0;
  bool float32 = true;  // or another type, which no kernel takes
};

// t = 2 pi (2 x - 1) M, y = [sin t, cos t]; x [rows, dims], M [dims, features], y [rows,
// 2*features].
struct FourierFeaturesProblem {
  std::int64_t rows = 0;
  std::int64_t dims = 0;
  std::int64_t features = 0;
};

BinaryProblem make_binary_problem(const graph::Binary& op, const Dims& a, const Dims& b);

// Best first, reference last.
const std::vector<Kernel<BinaryProblem>>& binary_kernels();
const std::vector<Kernel<UnaryProblem>>& unary_kernels();
const std::vector<Kernel<FourierFeaturesProblem>>& fourier_features_kernels();

const Family& binary_family();
const Family& unary_family();
const Family& fourier_features_family();

// The rows of the lists.
extern const Kernel<BinaryProblem> kBinaryAvx512;
extern const Kernel<BinaryProblem> kBinaryAvx2;
extern const Kernel<BinaryProblem> kBinaryRef;
extern const Kernel<UnaryProblem> kUnaryAvx512;
extern const Kernel<UnaryProblem> kUnaryAvx2;
extern const Kernel<UnaryProblem> kUnaryRef;
extern const Kernel<FourierFeaturesProblem> kFourierFeaturesRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_H_
