// Element by element: Binary with broadcasting, Unary, LeakyRelu, and the Fourier features of
// coordinates.
#ifndef LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_H_
#define LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "core/tensor.h"
#include "graph/op.h"
#include "kernels/elementwise/broadcast.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// y = activation(a op b). y may be an operand that is not repeated.
struct BinaryProblem {
  graph::BinaryKind kind = graph::BinaryKind::kAdd;
  graph::Activation activation = graph::Activation::kNone;
  std::vector<BroadcastLoop> loops;  // over a and b
  DType dtype = DType::kF32;         // or int32; of truth values bool or uint8

  std::int64_t count() const { return count_of(loops); }  // of the result's elements
};

// y = f(x). y may be x where both are of one type.
struct UnaryProblem {
  graph::UnaryKind kind = graph::UnaryKind::kIdentity;
  std::int64_t count = 0;
  DType dtype = DType::kF32;  // of x; or int32, or bool
};

// y = x if x > 0, else slope x. y may be x.
struct LeakyReluProblem {
  std::int64_t count = 0;
  float slope = 0.0F;
};

// t = 2 pi (2 x - 1) M, y = [sin t, cos t]; x [rows, dims], M [dims, features], y [rows,
// 2*features].
struct FourierFeaturesProblem {
  std::int64_t rows = 0;
  std::int64_t dims = 0;
  std::int64_t features = 0;
};

BinaryProblem make_binary_problem(const graph::Binary& op, const Dims& a, const Dims& b);

// What the problem's type has: the reference takes it.
constexpr bool is_known(const BinaryProblem& p) {
  if (graph::is_logical(p.kind)) return p.dtype == DType::kBool || p.dtype == DType::kU8;
  return p.dtype == DType::kF32 || p.dtype == DType::kI32;
}
constexpr bool is_known(const UnaryProblem& p) {
  if (p.kind == graph::UnaryKind::kNot) return p.dtype == DType::kBool;
  const bool is_of_integers =
      p.kind == graph::UnaryKind::kIdentity || p.kind == graph::UnaryKind::kAbs ||
      p.kind == graph::UnaryKind::kNegate || p.kind == graph::UnaryKind::kSign;
  return p.dtype == DType::kF32 || (p.dtype == DType::kI32 && is_of_integers);
}
// Of kinds whose results are bool.
constexpr bool is_predicate(graph::UnaryKind kind) {
  return kind == graph::UnaryKind::kNot || kind == graph::UnaryKind::kIsNan ||
         kind == graph::UnaryKind::kIsInf;
}

// Best first, reference last.
const std::vector<Kernel<BinaryProblem>>& binary_kernels();
const std::vector<Kernel<UnaryProblem>>& unary_kernels();
const std::vector<Kernel<LeakyReluProblem>>& leaky_relu_kernels();
const std::vector<Kernel<FourierFeaturesProblem>>& fourier_features_kernels();

const Family& binary_family();
const Family& unary_family();
const Family& leaky_relu_family();
const Family& fourier_features_family();

// The rows of the lists.
extern const Kernel<BinaryProblem> kBinaryAvx512;
extern const Kernel<BinaryProblem> kBinaryAvx2;
extern const Kernel<BinaryProblem> kBinaryLoops;
extern const Kernel<BinaryProblem> kBinaryRef;
extern const Kernel<UnaryProblem> kUnaryAvx512;
extern const Kernel<UnaryProblem> kUnaryAvx2;
extern const Kernel<UnaryProblem> kUnaryRef;
extern const Kernel<LeakyReluProblem> kLeakyReluAvx512;
extern const Kernel<LeakyReluProblem> kLeakyReluAvx2;
extern const Kernel<LeakyReluProblem> kLeakyReluRef;
extern const Kernel<FourierFeaturesProblem> kFourierFeaturesRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_H_
