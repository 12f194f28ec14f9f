// The specification of the elementwise operations.
#include <algorithm>
#include <cmath>

#include "core/threads.h"
#include "kernels/cpu/activation.h"
#include "kernels/elementwise/elementwise.h"

namespace lasso::kernels {

namespace {

float combine(graph::BinaryKind kind, float a, float b) {
  switch (kind) {
    case graph::BinaryKind::kAdd:
      return a + b;
    case graph::BinaryKind::kSub:
      return a - b;
    case graph::BinaryKind::kMul:
      return a * b;
    case graph::BinaryKind::kDiv:
      return a / b;
    case graph::BinaryKind::kMax:  // NaN wins
      return a > b || a != a ? a : b;
    case graph::BinaryKind::kMin:
      return a < b || a != a ? a : b;
    case graph::BinaryKind::kPow:
      return std::pow(a, b);
  }
  return a;
}

float apply(graph::UnaryKind kind, float x) {
  using graph::UnaryKind;
  switch (kind) {
    case UnaryKind::kIdentity:
      return x;
    case UnaryKind::kGelu:
      return activate(graph::Activation::kGelu, x);
    case UnaryKind::kRelu:
      return activate(graph::Activation::kRelu, x);
    case UnaryKind::kSigmoid:
      return activate(graph::Activation::kSigmoid, x);
    case UnaryKind::kAbs:
      return std::fabs(x);
    case UnaryKind::kNegate:
      return -x;
    case UnaryKind::kSign:
      return x > 0.0F ? 1.0F : x < 0.0F ? -1.0F : x;
    case UnaryKind::kExp:
      return std::exp(x);
    case UnaryKind::kLog:
      return std::log(x);
    case UnaryKind::kSqrt:
      return std::sqrt(x);
    case UnaryKind::kReciprocal:
      return 1.0F / x;
    case UnaryKind::kSin:
      return std::sin(x);
    case UnaryKind::kCos:
      return std::cos(x);
    case UnaryKind::kTanh:
      return std::tanh(x);
    case UnaryKind::kErf:
      return std::erf(x);
    case UnaryKind::kRound:
      return std::nearbyint(x);
    case UnaryKind::kFloor:
      return std::floor(x);
    case UnaryKind::kCeil:
      return std::ceil(x);
  }
  return x;
}

void run_binary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<BinaryProblem>&>(state).problem;
  const auto* a = static_cast<const float*>(args.inputs[0]);
  const auto* b = static_cast<const float*>(args.inputs[1]);
  auto* y = static_cast<float*>(args.outputs[0]);
  const BroadcastLoop inner = p.loops.back();
  parallel_ranges(p.count() / std::max<std::int64_t>(inner.count, 1), [&](std::int64_t begin,
                                                                          std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* a_row = a;
      const float* b_row = b;
      std::int64_t rest = row;
      for (std::size_t i = p.loops.size() - 1; i-- > 0;) {
        const std::int64_t position = rest % p.loops[i].count;
        rest /= p.loops[i].count;
        a_row += position * p.loops[i].a_stride;
        b_row += position * p.loops[i].b_stride;
      }
      float* y_row = y + row * inner.count;
      for (std::int64_t i = 0; i < inner.count; ++i) {
        const float value = combine(p.kind, a_row[i * inner.a_stride], b_row[i * inner.b_stride]);
        y_row[i] = activate(p.activation, value);
      }
    }
  });
}

void run_unary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<UnaryProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  parallel_ranges(p.count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = apply(p.kind, x[i]);
  });
}

// 2 pi is applied last, as in the models' training code: its rounding belongs to their positions.
void run_fourier(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<FourierFeaturesProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  const auto* m = static_cast<const float*>(args.inputs[1]);
  auto* y = static_cast<float*>(args.outputs[0]);
  constexpr auto kTwoPi = static_cast<float>(2 * 3.14159265358979323846);
  parallel_ranges(p.rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t f = 0; f < p.features; ++f) {
        float sum = 0.0F;
        for (std::int64_t d = 0; d < p.dims; ++d) {
          sum += (2.0F * x[row * p.dims + d] - 1.0F) * m[d * p.features + f];
        }
        const float t = kTwoPi * sum;
        y[row * 2 * p.features + f] = std::sin(t);
        y[row * 2 * p.features + p.features + f] = std::cos(t);
      }
    }
  });
}

template <typename Problem>
Offer offer_float(const Problem& p, const TargetInfo& /*target*/) {
  return p.float32 ? Offer{} : Offer::no("another type than float32");
}

}  // namespace

const Kernel<BinaryProblem> kBinaryRef{
    .name = "reference",
    .needs = {},
    .offer = offer_float<BinaryProblem>,
    .pack = nullptr,
    .create = create_problem_state<BinaryProblem>,
    .run = run_binary,
};

const Kernel<UnaryProblem> kUnaryRef{
    .name = "reference",
    .needs = {},
    .offer = offer_float<UnaryProblem>,
    .pack = nullptr,
    .create = create_problem_state<UnaryProblem>,
    .run = run_unary,
};

const Kernel<FourierFeaturesProblem> kFourierFeaturesRef{
    .name = "reference",
    .needs = {},
    .offer = always<FourierFeaturesProblem>,
    .pack = nullptr,
    .create = create_problem_state<FourierFeaturesProblem>,
    .run = run_fourier,
};

}  // namespace lasso::kernels
