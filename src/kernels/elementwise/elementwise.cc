#include "kernels/elementwise/elementwise.h"

#include <algorithm>

#include "core/check.h"

namespace lasso::kernels {

std::int64_t BinaryProblem::count() const {
  std::int64_t product = 1;
  for (const BroadcastLoop& loop : loops) product *= loop.count;
  return product;
}

BinaryProblem make_binary_problem(const graph::Binary& op, const Dims& a, const Dims& b) {
  BinaryProblem problem{.kind = op.kind, .activation = op.activation, .loops = {}, .float32 = true};
  const std::size_t rank = std::max(a.size(), b.size());
  std::int64_t a_stride = 1;
  std::int64_t b_stride = 1;
  std::vector<BroadcastLoop> inner_first;
  for (std::size_t i = 0; i < rank; ++i) {  // from the last dimension on
    const std::int64_t da = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t db = i < b.size() ? b[b.size() - 1 - i] : 1;
    LASSO_CHECK(da == db || da == 1 || db == 1, ErrorCode::kInternal, "{}: a {} and b {}",
                graph::to_string(op.kind), to_string(a), to_string(b));
    const BroadcastLoop loop{
        .count = da == 1 ? db : da,
        .a_stride = da == 1 ? 0 : a_stride,
        .b_stride = db == 1 ? 0 : b_stride,
    };
    a_stride *= da;
    b_stride *= db;
    if (loop.count == 1) continue;
    if (!inner_first.empty()) {
      BroadcastLoop& last = inner_first.back();
      if (loop.a_stride == last.a_stride * last.count &&
          loop.b_stride == last.b_stride * last.count) {
        last.count *= loop.count;
        continue;
      }
    }
    inner_first.push_back(loop);
  }
  if (inner_first.empty()) inner_first.push_back({.count = 1, .a_stride = 0, .b_stride = 0});
  problem.loops.assign(inner_first.rbegin(), inner_first.rend());
  return problem;
}

const std::vector<Kernel<BinaryProblem>>& binary_kernels() {
  static const std::vector<Kernel<BinaryProblem>> list{kBinaryAvx512, kBinaryAvx2, kBinaryRef};
  return list;
}

const std::vector<Kernel<UnaryProblem>>& unary_kernels() {
  static const std::vector<Kernel<UnaryProblem>> list{kUnaryAvx512, kUnaryAvx2, kUnaryRef};
  return list;
}

const std::vector<Kernel<FourierFeaturesProblem>>& fourier_features_kernels() {
  static const std::vector<Kernel<FourierFeaturesProblem>> list{kFourierFeaturesRef};
  return list;
}

const Family& binary_family() {
  static const ListFamily<BinaryProblem> family("binary", binary_kernels(), [](const Call& call) {
    BinaryProblem problem = make_binary_problem(std::get<graph::Binary>(call.op),
                                                call.inputs.at(0).dims, call.inputs.at(1).dims);
    problem.float32 = call.inputs[0].dtype == DType::kF32;
    return problem;
  });
  return family;
}

const Family& unary_family() {
  static const ListFamily<UnaryProblem> family("unary", unary_kernels(), [](const Call& call) {
    return UnaryProblem{.kind = std::get<graph::Unary>(call.op).kind,
                        .count = element_count(call.inputs.at(0).dims),
                        .float32 = call.inputs[0].dtype == DType::kF32};
  });
  return family;
}

const Family& fourier_features_family() {
  static const ListFamily<FourierFeaturesProblem> family(
      "fourier_features", fourier_features_kernels(), [](const Call& call) {
        const Dims& x = call.inputs.at(0).dims;
        const Dims& m = call.inputs.at(1).dims;
        LASSO_CHECK(!x.empty() && m.size() == 2 && x.back() == m[0] && m[0] > 0,
                    ErrorCode::kInternal, "fourier_features: x {} and M {}", to_string(x),
                    to_string(m));
        return FourierFeaturesProblem{
            .rows = element_count(x) / m[0], .dims = m[0], .features = m[1]};
      });
  return family;
}

}  // namespace lasso::kernels
