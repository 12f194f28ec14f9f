// The specification of the elementwise operations.
#include <cmath>
#include <cstdint>

#include "core/threads.h"
#include "kernels/cpu/activation.h"
#include "kernels/elementwise/broadcast_run.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/integers.h"

namespace lasso::kernels {

namespace {

// What is left of the floored quotient, of b's sign.
float modulo(float a, float b) {
  const float rest = std::fmod(a, b);
  if (rest == 0.0F) return std::copysign(0.0F, b);
  return (rest < 0.0F) != (b < 0.0F) ? rest + b : rest;
}

// Exact where the exponent is one that programs write instead of a product or a root.
float power(float a, float b) {
  if (b == 1.0F) return a;
  if (b == 2.0F) return a * a;
  if (b == 0.5F && a > 0.0F) return std::sqrt(a);
  return std::pow(a, b);
}

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
      return power(a, b);
    case graph::BinaryKind::kMod:
      return modulo(a, b);
    case graph::BinaryKind::kFmod:
      return std::fmod(a, b);
    case graph::BinaryKind::kAnd:  // those of truth values
    case graph::BinaryKind::kOr:
    case graph::BinaryKind::kXor:
      break;
  }
  return a;
}

// The library's float functions of some kinds are off by more than one in the last place.
float in_double(double (*function)(double), float x) {
  return static_cast<float>(function(static_cast<double>(x)));
}

// max(x, 0) + log(1 + exp(-|x|)): nothing overflows.
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

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
    case UnaryKind::kSilu:
      return activate(graph::Activation::kSilu, x);
    case UnaryKind::kTan:
      return in_double(std::tan, x);
    case UnaryKind::kAsin:
      return in_double(std::asin, x);
    case UnaryKind::kAcos:
      return in_double(std::acos, x);
    case UnaryKind::kAtan:
      return in_double(std::atan, x);
    case UnaryKind::kSinh:
      return in_double(std::sinh, x);
    case UnaryKind::kCosh:
      return in_double(std::cosh, x);
    case UnaryKind::kAsinh:
      return in_double(std::asinh, x);
    case UnaryKind::kAcosh:
      return in_double(std::acosh, x);
    case UnaryKind::kAtanh:
      return in_double(std::atanh, x);
    case UnaryKind::kSoftplus:
      return in_double(softplus, x);
    case UnaryKind::kNot:  // those whose results are bool
    case UnaryKind::kIsNan:
    case UnaryKind::kIsInf:
      break;
  }
  return x;
}

std::uint8_t is_true(graph::UnaryKind kind, float x) {
  return (kind == graph::UnaryKind::kIsNan ? std::isnan(x) : std::isinf(x)) ? 1 : 0;
}

// y = f(a, b), over runs within the inner loop.
template <typename T, typename F>
void combine_each(const BinaryProblem& p, const KernelArgs& args, const F& f) {
  const auto* a = static_cast<const T*>(args.inputs[0]);
  const auto* b = static_cast<const T*>(args.inputs[1]);
  auto* y = static_cast<T*>(args.outputs[0]);
  const Places strides = p.loops.back().strides;
  for_each_run(p.loops, [&](const Places& at, std::int64_t begin, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      y[begin + i] = f(a[at[0] + i * strides[0]], b[at[1] + i * strides[1]]);
    }
  });
}

void run_binary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<BinaryProblem>&>(state).problem;
  if (p.dtype == DType::kF32) {
    combine_each<float>(
        p, args, [&](float a, float b) { return activate(p.activation, combine(p.kind, a, b)); });
  } else if (p.dtype == DType::kI32) {
    combine_each<std::int32_t>(
        p, args, [&](std::int32_t a, std::int32_t b) { return integers::combine(p.kind, a, b); });
  } else {
    combine_each<std::uint8_t>(
        p, args, [&](std::uint8_t a, std::uint8_t b) { return combine_truths(p.kind, a, b); });
  }
}

// y = f(x).
template <typename From, typename To, typename F>
void apply_each(std::int64_t count, const KernelArgs& args, const F& f) {
  const auto* x = static_cast<const From*>(args.inputs[0]);
  auto* y = static_cast<To*>(args.outputs[0]);
  parallel_ranges(count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
  });
}

void run_unary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<UnaryProblem>&>(state).problem;
  if (p.kind == graph::UnaryKind::kNot) {
    apply_each<std::uint8_t, std::uint8_t>(
        p.count, args, [](std::uint8_t x) { return static_cast<std::uint8_t>(x == 0 ? 1 : 0); });
  } else if (is_predicate(p.kind)) {
    apply_each<float, std::uint8_t>(p.count, args, [&](float x) { return is_true(p.kind, x); });
  } else if (p.dtype == DType::kI32) {
    apply_each<std::int32_t, std::int32_t>(
        p.count, args, [&](std::int32_t x) { return integers::apply(p.kind, x); });
  } else {
    apply_each<float, float>(p.count, args, [&](float x) { return apply(p.kind, x); });
  }
}

void run_leaky_relu(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<LeakyReluProblem>&>(state).problem;
  apply_each<float, float>(p.count, args, [&](float x) { return x > 0.0F ? x : p.slope * x; });
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
Offer offer_known(const Problem& p, const TargetInfo& /*target*/) {
  return is_known(p) ? Offer{} : Offer::no("another type than float32 or int32");
}

}  // namespace

const Kernel<BinaryProblem> kBinaryRef{
    .name = "reference",
    .needs = {},
    .offer = offer_known<BinaryProblem>,
    .pack = nullptr,
    .create = create_problem_state<BinaryProblem>,
    .run = run_binary,
};

const Kernel<UnaryProblem> kUnaryRef{
    .name = "reference",
    .needs = {},
    .offer = offer_known<UnaryProblem>,
    .pack = nullptr,
    .create = create_problem_state<UnaryProblem>,
    .run = run_unary,
};

const Kernel<LeakyReluProblem> kLeakyReluRef{
    .name = "reference",
    .needs = {},
    .offer = always<LeakyReluProblem>,
    .pack = nullptr,
    .create = create_problem_state<LeakyReluProblem>,
    .run = run_leaky_relu,
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
