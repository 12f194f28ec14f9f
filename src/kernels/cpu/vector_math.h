// Exponential, GELU and the other activations on vectors of simd.h. The coefficients are minimax
// fits (Remez) in the norms given beside them.
#ifndef LASSO_KERNELS_CPU_VECTOR_MATH_H_
#define LASSO_KERNELS_CPU_VECTOR_MATH_H_

#include "graph/op.h"
#include "kernels/cpu/simd.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): internal linkage, as in simd.h

// e^x, relative error below 2e-7; x outside [-87, 88] is taken as the nearest end. NaN stays NaN.
template <typename V>
inline typename V::F vector_exp(typename V::F x) {
  // x = n ln 2 + r with |r| <= ln(2)/2; ln 2 in two parts, the first with few bits, so that n times
  // it is exact.
  x = V::max(V::set1(-87.0F), V::min(V::set1(88.0F), x));
  const auto n = V::round(V::mul(x, V::set1(1.44269504F)));
  auto r = V::fnma(n, V::set1(0.693359375F), x);
  r = V::fnma(n, V::set1(-2.12194440e-4F), r);
  // e^r, relative error 2e-9 before rounding.
  auto p = V::set1(0.0013836845755577087F);
  p = V::fma(p, r, V::set1(0.008374815806746483F));
  p = V::fma(p, r, V::set1(0.04166822507977486F));
  p = V::fma(p, r, V::set1(0.16666419804096222F));
  p = V::fma(p, r, V::set1(0.49999991059303284F));
  p = V::fma(p, r, V::set1(1.0F));
  p = V::fma(p, r, V::set1(1.0F));
  return V::mul(p, V::exp2_integer(n));
}

// x Phi(x), Phi the normal distribution's integral, as max(x, 0) - z Q(z) with z = |x| and the tail
// Q(z) = 1 - Phi(z) = e^(-z^2/2) R(z). z Q(z) is at most 0.17, and R is smooth, so that errors of
// the fit and of rounding stay below 1.2e-7 max(1, |x|).
template <typename V>
inline typename V::F vector_gelu(typename V::F x) {
  const auto z = V::min(V::set1(10.0F), V::abs(x));
  // |error of R| e^(-z^2/2) < 8.5e-8 on [0, 5.6]; beyond, Q < 1.1e-8 and the product stays as
  // small.
  auto r = V::set1(1.3792268873658031e-06F);
  r = V::fma(r, z, V::set1(-3.118380845990032e-05F));
  r = V::fma(r, z, V::set1(0.0003130676632281393F));
  r = V::fma(r, z, V::set1(-0.0018789336318150163F));
  r = V::fma(r, z, V::set1(0.007736643310636282F));
  r = V::fma(r, z, V::set1(-0.024054277688264847F));
  r = V::fma(r, z, V::set1(0.06095724552869797F));
  r = V::fma(r, z, V::set1(-0.13242943584918976F));
  r = V::fma(r, z, V::set1(0.24989892542362213F));
  r = V::fma(r, z, V::set1(-0.39893507957458496F));
  r = V::fma(r, z, V::set1(0.49999991059303284F));
  const auto tail = V::mul(r, vector_exp<V>(V::mul(V::mul(z, z), V::set1(-0.5F))));
  return V::fnma(z, tail, V::max(x, V::zero()));
}

// GELU as x (1/2 + erf(x / sqrt 2) / 2), where the second term is c P(c^2) with c = x within [-4.6,
// 4.6]; the error is below 2.1e-6 max(1, |x|): for results that are rounded to bfloat16 or uint8,
// at less than half of vector_gelu's cost. P is in powers of c^2 - 4.6^2 / 2, since its powers of
// c^2 cancel each other; the fit's norm is |error of x c P|.
template <typename V>
inline typename V::F vector_gelu_narrow(typename V::F x) {
  const auto c = V::max(V::set1(-4.6F), V::min(V::set1(4.6F), x));
  const auto t = V::fma(c, c, V::set1(-10.58F));
  auto p = V::set1(4.999803739427766e-14F);
  p = V::fma(p, t, V::set1(-1.6260924898259255e-12F));
  p = V::fma(p, t, V::set1(2.531440855546574e-11F));
  p = V::fma(p, t, V::set1(-4.226171634869047e-10F));
  p = V::fma(p, t, V::set1(8.533666218113467e-09F));
  p = V::fma(p, t, V::set1(-1.505822098124554e-07F));
  p = V::fma(p, t, V::set1(2.3377228899335023e-06F));
  p = V::fma(p, t, V::set1(-3.41245140589308e-05F));
  p = V::fma(p, t, V::set1(0.0004837876476813108F));
  p = V::fma(p, t, V::set1(-0.007161341607570648F));
  p = V::fma(p, t, V::set1(0.15354330837726593F));
  return V::mul(x, V::fma(p, c, V::set1(0.5F)));
}

// GELU for a result that will be rounded to bfloat16, as max(x, 0) - z Q(z) with z = |x| and the
// normal distribution's tail Q(z) = 2^P(z). P is a minimax polynomial on [0, 5.5] (Q's relative
// error 2.5e-4), and so is 2^r on [-1/2, 1/2] (7.5e-5); beyond, z Q(z) is below 1.1e-7. Together
// below 2^-11 |y| + 1.1e-7.
template <typename V>
inline typename V::F vector_gelu_half(typename V::F x) {
  const auto z = V::min(V::set1(5.5F), V::abs(x));
  auto p = V::set1(-0.00023325109341385287F);
  p = V::fma(p, z, V::set1(0.00486977034619692F));
  p = V::fma(p, z, V::set1(-0.04459899348571174F));
  p = V::fma(p, z, V::set1(-0.4696811333469908F));
  p = V::fma(p, z, V::set1(-1.1462607609046238F));
  p = V::fma(p, z, V::set1(-1.000359102957209F));
  const auto n = V::add(p, V::set1(kRounding));
  const auto r = V::sub(p, V::sub(n, V::set1(kRounding)));
  auto e = V::set1(0.0551716649302992F);
  e = V::fma(e, r, V::set1(0.24261112187715417F));
  e = V::fma(e, r, V::set1(0.693260986222539F));
  e = V::fma(e, r, V::set1(0.9999280735783096F));
  return V::fnma(z, V::times_exp2(e, n), V::max(x, V::zero()));
}

template <typename V>
inline typename V::F vector_sigmoid(typename V::F x) {
  const auto one = V::set1(1.0F);
  return V::div(one, V::add(one, vector_exp<V>(V::sub(V::zero(), x))));
}

// x sigmoid(x). Below -88 it is as good as 0, and taken where x = -88, so that -infinity has a
// value.
template <typename V>
inline typename V::F vector_silu(typename V::F x) {
  x = V::max(V::set1(-88.0F), x);
  return V::div(x, V::add(V::set1(1.0F), vector_exp<V>(V::sub(V::zero(), x))));
}

// SiLU of several vectors for results that are rounded to bfloat16 or uint8: within 8e-5 of itself,
// or of 0 below -87. Steps of all stand beside each other: one alone would wait for most of its
// time. e^-x is 2^n 2^r with |r| <= 1/2, and 2^r a minimax polynomial (relative error 7.5e-5).
template <typename V, int kCount>
inline void vector_silu_narrow(typename V::F (&x)[kCount]) {
  using F = typename V::F;
  F n[kCount];
  F r[kCount];
  F p[kCount];
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) x[i] = V::max(V::set1(-87.0F), x[i]);
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) {
    r[i] = V::mul(V::min(x[i], V::set1(87.0F)), V::set1(-1.44269504F));
  }
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) n[i] = V::add(r[i], V::set1(kRounding));
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) r[i] = V::sub(r[i], V::sub(n[i], V::set1(kRounding)));
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) {
    p[i] = V::fma(V::set1(0.0551716649302992F), r[i], V::set1(0.24261112187715417F));
  }
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) p[i] = V::fma(p[i], r[i], V::set1(0.693260986222539F));
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) p[i] = V::fma(p[i], r[i], V::set1(0.9999280735783096F));
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) p[i] = V::add(V::times_exp2(p[i], n[i]), V::set1(1.0F));
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) x[i] = V::div(x[i], p[i]);
}

// NaN stays: of max(a, b), where one is NaN, the instructions take b.
template <typename V>
inline typename V::F vector_relu(typename V::F x) {
  return V::max(V::zero(), x);
}

// The greater of x and a part of it; NaN stays, as above.
template <typename V>
inline typename V::F vector_leaky_relu(typename V::F x) {
  return V::max(V::mul(V::set1(graph::kLeakySlope), x), x);
}

template <typename V, graph::Activation kActivation>
inline typename V::F vector_activate(typename V::F x) {
  if constexpr (kActivation == graph::Activation::kGelu) return vector_gelu<V>(x);
  if constexpr (kActivation == graph::Activation::kRelu) return vector_relu<V>(x);
  if constexpr (kActivation == graph::Activation::kSigmoid) return vector_sigmoid<V>(x);
  if constexpr (kActivation == graph::Activation::kSilu) return vector_silu<V>(x);
  if constexpr (kActivation == graph::Activation::kLeakyRelu) return vector_leaky_relu<V>(x);
  return x;
}

// The same with the choice at run time; the branch is the same for a whole tensor.
template <typename V>
inline typename V::F vector_activate(graph::Activation activation, typename V::F x) {
  switch (activation) {
    case graph::Activation::kNone:
      return x;
    case graph::Activation::kGelu:
      return vector_gelu<V>(x);
    case graph::Activation::kRelu:
      return vector_relu<V>(x);
    case graph::Activation::kSigmoid:
      return vector_sigmoid<V>(x);
    case graph::Activation::kSilu:
      return vector_silu<V>(x);
    case graph::Activation::kLeakyRelu:
      return vector_leaky_relu<V>(x);
  }
  return x;
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_VECTOR_MATH_H_
