// Runs of elements, written once for all instruction sets. Internal linkage, as in simd.h.
#ifndef LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_RUN_H_
#define LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_RUN_H_

#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/elementwise/elementwise_isa.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

// y = f(i) for vectors of elements from i on; load(p, mask) and store see to the last, partial one.
template <typename V, typename F>
void for_vectors(float* y, std::int64_t count, const F& f) {
  std::int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) {
    V::store(y + i, f([i](const float* p) { return V::load(p + i); }));
  }
  if (i < count) {
    const auto mask = V::first(count - i);
    V::store(y + i, mask, f([i, mask](const float* p) { return V::load(p + i, mask); }));
  }
}

template <typename V, graph::BinaryKind kKind, graph::Activation kActivation>
void run_binary(const BinaryRun& r) {
  const auto combine = [](auto a, auto b) {
    auto value = V::add(a, b);
    if constexpr (kKind == graph::BinaryKind::kSub) value = V::sub(a, b);
    if constexpr (kKind == graph::BinaryKind::kMul) value = V::mul(a, b);
    if constexpr (kKind == graph::BinaryKind::kDiv) value = V::div(a, b);
    // The instructions take b where one is NaN.
    if constexpr (kKind == graph::BinaryKind::kMax) value = V::if_nan(a, a, V::max(a, b));
    if constexpr (kKind == graph::BinaryKind::kMin) value = V::if_nan(a, a, V::min(a, b));
    return vector_activate<V, kActivation>(value);
  };
  if (r.count == 0) return;
  if (r.repeat_a) {
    const auto a = V::set1(*r.a);
    if (r.repeat_b) {
      const auto b = V::set1(*r.b);
      return for_vectors<V>(r.y, r.count, [&](auto /*load*/) { return combine(a, b); });
    }
    return for_vectors<V>(r.y, r.count, [&](auto load) { return combine(a, load(r.b)); });
  }
  if (r.repeat_b) {
    const auto b = V::set1(*r.b);
    return for_vectors<V>(r.y, r.count, [&](auto load) { return combine(load(r.a), b); });
  }
  for_vectors<V>(r.y, r.count, [&](auto load) { return combine(load(r.a), load(r.b)); });
}

template <typename V, graph::BinaryKind kKind>
void run_binary(const BinaryRun& r) {
  switch (r.activation) {
    case graph::Activation::kNone:
      return run_binary<V, kKind, graph::Activation::kNone>(r);
    case graph::Activation::kGelu:
      return run_binary<V, kKind, graph::Activation::kGelu>(r);
    case graph::Activation::kRelu:
      return run_binary<V, kKind, graph::Activation::kRelu>(r);
    case graph::Activation::kSigmoid:
      return run_binary<V, kKind, graph::Activation::kSigmoid>(r);
    case graph::Activation::kSilu:
      return run_binary<V, kKind, graph::Activation::kSilu>(r);
    case graph::Activation::kLeakyRelu:
      return run_binary<V, kKind, graph::Activation::kLeakyRelu>(r);
  }
}

template <typename V>
void run_binary(const BinaryRun& r) {
  switch (r.kind) {
    case graph::BinaryKind::kAdd:
      return run_binary<V, graph::BinaryKind::kAdd>(r);
    case graph::BinaryKind::kSub:
      return run_binary<V, graph::BinaryKind::kSub>(r);
    case graph::BinaryKind::kMul:
      return run_binary<V, graph::BinaryKind::kMul>(r);
    case graph::BinaryKind::kDiv:
      return run_binary<V, graph::BinaryKind::kDiv>(r);
    case graph::BinaryKind::kMax:
      return run_binary<V, graph::BinaryKind::kMax>(r);
    case graph::BinaryKind::kMin:
      return run_binary<V, graph::BinaryKind::kMin>(r);
    default:  // the offer refuses them
      return;
  }
}

template <typename V, graph::Activation kActivation>
void run_unary(const UnaryRun& r) {
  for_vectors<V>(r.y, r.count,
                 [&](auto load) { return vector_activate<V, kActivation>(load(r.x)); });
}

template <typename V>
void run_unary(const UnaryRun& r) {
  switch (r.activation) {
    case graph::Activation::kNone:
      return run_unary<V, graph::Activation::kNone>(r);
    case graph::Activation::kGelu:
      return run_unary<V, graph::Activation::kGelu>(r);
    case graph::Activation::kRelu:
      return run_unary<V, graph::Activation::kRelu>(r);
    case graph::Activation::kSigmoid:
      return run_unary<V, graph::Activation::kSigmoid>(r);
    case graph::Activation::kSilu:
      return run_unary<V, graph::Activation::kSilu>(r);
    case graph::Activation::kLeakyRelu:
      return run_unary<V, graph::Activation::kLeakyRelu>(r);
  }
}

template <typename V>
void run_leaky_relu(const LeakyReluRun& r) {
  const auto slope = V::set1(r.slope);
  for_vectors<V>(r.y, r.count, [&](auto load) {
    const auto x = load(r.x);
    return V::if_positive(x, x, V::mul(slope, x));
  });
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ELEMENTWISE_ELEMENTWISE_RUN_H_
