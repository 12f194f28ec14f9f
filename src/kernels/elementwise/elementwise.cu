// Element by element. Operations over peak: less than 0.1, but for GELU, whose erff() takes some 40
// instructions: 0.6. Bytes over bandwidth on an H200: image embeddings for 64 prompts,
// [64, 4096, 256] + [1, 4096, 256] in float32, are 268 MB read and as many written, 125 us at
// 4.3 TB/s.
#include <cmath>

#include "kernels/cuda/nest.cuh"
#include "kernels/elementwise/elementwise_cuda.h"

namespace lasso::kernels {

namespace {

using gpu::Index;
using graph::Activation;
using graph::BinaryKind;
using graph::UnaryKind;

constexpr int kThreads = 256;
constexpr int kWidth = 4;  // elements of 16 bytes

// y[i] = f(y[i], b[i]).
template <int kCount, typename F>
__device__ void combine_each(float (&y)[kCount], const float (&b)[kCount], const F& f) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) y[i] = f(y[i], b[i]);
}

// y[i] = f(y[i]).
template <int kCount, typename F>
__device__ void apply_each(float (&y)[kCount], const F& f) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) y[i] = f(y[i]);
}

template <int kCount>
__device__ void activate_each(Activation activation, float (&y)[kCount]) {
  switch (activation) {
    case Activation::kNone:
      return;
    case Activation::kGelu:
      return apply_each(y, [](float x) { return gpu::activate(Activation::kGelu, x); });
    case Activation::kRelu:
      return apply_each(y, [](float x) { return gpu::activate(Activation::kRelu, x); });
    case Activation::kSigmoid:
      return apply_each(y, [](float x) { return gpu::activate(Activation::kSigmoid, x); });
    case Activation::kSilu:
      return apply_each(y, [](float x) { return gpu::activate(Activation::kSilu, x); });
    case Activation::kLeakyRelu:
      return apply_each(y, [](float x) { return gpu::activate(Activation::kLeakyRelu, x); });
  }
}

// powf() is off by up to 4 units in the last place. Exact where the exponent is one that programs
// write instead of a product or a root.
__device__ __noinline__ float power(float a, float b) {
  if (b == 1.0F) return a;
  if (b == 2.0F) return a * a;
  if (b == 0.5F && a > 0.0F) return sqrtf(a);
  return static_cast<float>(pow(static_cast<double>(a), static_cast<double>(b)));
}

// What is left of the floored quotient, of b's sign.
__device__ __noinline__ float modulo(float a, float b) {
  const float rest = fmodf(a, b);
  if (rest == 0.0F) return copysignf(0.0F, b);
  return (rest < 0.0F) != (b < 0.0F) ? rest + b : rest;
}

template <int kCount>
__device__ void combine_all(BinaryKind kind, float (&y)[kCount], const float (&b)[kCount]) {
  switch (kind) {
    case BinaryKind::kAdd:
      return combine_each(y, b, [](float p, float q) { return p + q; });
    case BinaryKind::kSub:
      return combine_each(y, b, [](float p, float q) { return p - q; });
    case BinaryKind::kMul:
      return combine_each(y, b, [](float p, float q) { return p * q; });
    case BinaryKind::kDiv:
      return combine_each(y, b, [](float p, float q) { return p / q; });
    case BinaryKind::kMax:  // NaN wins
      return combine_each(y, b, [](float p, float q) { return p > q || p != p ? p : q; });
    case BinaryKind::kMin:
      return combine_each(y, b, [](float p, float q) { return p < q || p != p ? p : q; });
    case BinaryKind::kPow:
      return combine_each(y, b, power);
    case BinaryKind::kMod:
      return combine_each(y, b, modulo);
    case BinaryKind::kFmod:
      return combine_each(y, b, [](float p, float q) { return fmodf(p, q); });
    case BinaryKind::kAnd:  // those of truth values
    case BinaryKind::kOr:
    case BinaryKind::kXor:
      return;
  }
}

// `count` elements of an operand from x on, or one of them for all.
template <int kCount>
__device__ void load_operand(const float* x, bool repeated, int count, float (&values)[kCount]) {
  if (repeated) {
    const float value = *x;
#pragma unroll
    for (int i = 0; i < kCount; ++i) values[i] = value;
  } else if (count == kCount) {
    const auto vector = gpu::load_vector<kCount>(x);
#pragma unroll
    for (int i = 0; i < kCount; ++i) values[i] = vector.values[i];
  } else {
#pragma unroll
    for (int i = 0; i < kCount; ++i) values[i] = i < count ? x[i] : 1.0F;
  }
}

template <int kCount>
__device__ void store_result(float* y, int count, const float (&values)[kCount]) {
  if (count == kCount) {
    gpu::Vector<float, kCount> vector;
#pragma unroll
    for (int i = 0; i < kCount; ++i) vector.values[i] = values[i];
    gpu::store_vector(y, vector);
  } else {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (i < count) y[i] = values[i];
    }
  }
}

struct BinaryOperands {
  const float* a = nullptr;
  const float* b = nullptr;
  float* y = nullptr;  // may be a or b
  bool a_repeated = false;
  bool b_repeated = false;
};

// kCount elements of the result at each position of the nest; the very last ones may be fewer.
template <int kCount, typename T>
__global__ void binary(BinaryKind kind, Activation activation, const BinaryOperands operands,
                       const __grid_constant__ gpu::Nest<T> nest, T positions, Index count) {
  for (T i = gpu::first_position<T>(); i < positions; i += gpu::position_step<T>()) {
    Index a = 0;
    Index b = 0;
    nest.move(i, a, b);
    const Index at = static_cast<Index>(i) * kCount;
    const int elements = count - at < kCount ? static_cast<int>(count - at) : kCount;
    float y[kCount];
    float other[kCount];
    load_operand(operands.a + a, operands.a_repeated, elements, y);
    load_operand(operands.b + b, operands.b_repeated, elements, other);
    combine_all(kind, y, other);
    activate_each(activation, y);
    store_result(operands.y + at, elements, y);
  }
}

// Whether kWidth elements of the inner loop can be taken at a time: each row begins at a multiple
// of them in the result, and in operands that are not repeated along it.
bool is_aligned(const BinaryProblem& p) {
  if (p.loops.size() == 1) return true;
  const BroadcastLoop& inner = p.loops.back();
  bool aligned = inner.count % kWidth == 0;
  for (std::size_t i = 0; i + 1 < p.loops.size(); ++i) {
    for (const std::size_t k : {0, 1}) {
      aligned = aligned && (inner.strides[k] == 0 || p.loops[i].strides[k] % kWidth == 0);
    }
  }
  return aligned;
}

// Over positions of `width` elements.
template <int kCount>
std::vector<gpu::Loop> loops_of(const BinaryProblem& p) {
  std::vector<gpu::Loop> loops;
  for (const BroadcastLoop& loop : p.loops) {
    loops.push_back({loop.count, {loop.strides[0], loop.strides[1]}});
  }
  gpu::Loop& inner = loops.back();
  inner = {(inner.count + kCount - 1) / kCount,
           {inner.strides[0] * kCount, inner.strides[1] * kCount}};
  return loops;
}

template <int kCount>
void run_binary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<BinaryProblem>&>(state).problem;
  const std::vector<gpu::Loop> all = loops_of<kCount>(p);
  if (gpu::positions(all) == 0) return;
  const BroadcastLoop& inner = p.loops.back();
  BinaryOperands operands{.a = static_cast<const float*>(args.inputs[0]),
                          .b = static_cast<const float*>(args.inputs[1]),
                          .y = static_cast<float*>(args.outputs[0]),
                          .a_repeated = inner.strides[0] == 0,
                          .b_repeated = inner.strides[1] == 0};
  gpu::for_each_nest(all, 0, 0, [&](auto loops, Index a, Index b) {
    const Index positions = gpu::positions(loops);
    const Index count = p.loops.size() == 1 ? inner.count : positions * kCount;
    BinaryOperands part = operands;
    part.a += a;
    part.b += b;
    gpu::with_position_type(positions, [&](auto zero) {
      using T = decltype(zero);
      gpu::launch("binary", binary<kCount, T>, gpu::blocks_for(positions, kThreads), kThreads, 0,
                  args, p.kind, p.activation, part, gpu::Nest<T>(loops), static_cast<T>(positions),
                  count);
    });
    operands.y += count;
  });
}

// The library's float functions of these kinds are off by up to 2 units in the last place.
template <typename F>
__device__ float in_double(float x, const F& f) {
  return static_cast<float>(f(static_cast<double>(x)));
}

// Which kinds these are. All kinds stand here, because the host's compiler, which warns of one that
// is missing, sees no code of the GPU alone.
__host__ __device__ constexpr bool is_in_double(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::kExp:
    case UnaryKind::kLog:
    case UnaryKind::kSin:
    case UnaryKind::kCos:
    case UnaryKind::kTanh:
    case UnaryKind::kErf:
    case UnaryKind::kTan:
    case UnaryKind::kAsin:
    case UnaryKind::kAcos:
    case UnaryKind::kAtan:
    case UnaryKind::kSinh:
    case UnaryKind::kCosh:
    case UnaryKind::kAsinh:
    case UnaryKind::kAcosh:
    case UnaryKind::kAtanh:
    case UnaryKind::kSoftplus:
      return true;
    case UnaryKind::kIdentity:
    case UnaryKind::kGelu:
    case UnaryKind::kRelu:
    case UnaryKind::kSigmoid:
    case UnaryKind::kAbs:
    case UnaryKind::kNegate:
    case UnaryKind::kSign:
    case UnaryKind::kSqrt:
    case UnaryKind::kReciprocal:
    case UnaryKind::kRound:
    case UnaryKind::kFloor:
    case UnaryKind::kCeil:
    case UnaryKind::kSilu:
    case UnaryKind::kNot:
    case UnaryKind::kIsNan:
    case UnaryKind::kIsInf:
      return false;
  }
  return false;
}

__device__ __noinline__ float other_function(UnaryKind kind, float x) {
  switch (kind) {
    case UnaryKind::kLog:
      return in_double(x, [](double z) { return log(z); });
    case UnaryKind::kSin:
      return in_double(x, [](double z) { return sin(z); });
    case UnaryKind::kCos:
      return in_double(x, [](double z) { return cos(z); });
    case UnaryKind::kTanh:
      return in_double(x, [](double z) { return tanh(z); });
    case UnaryKind::kErf:
      return in_double(x, [](double z) { return erf(z); });
    case UnaryKind::kExp:
      return in_double(x, [](double z) { return exp(z); });
    case UnaryKind::kTan:
      return in_double(x, [](double z) { return tan(z); });
    case UnaryKind::kAsin:
      return in_double(x, [](double z) { return asin(z); });
    case UnaryKind::kAcos:
      return in_double(x, [](double z) { return acos(z); });
    case UnaryKind::kAtan:
      return in_double(x, [](double z) { return atan(z); });
    case UnaryKind::kSinh:
      return in_double(x, [](double z) { return sinh(z); });
    case UnaryKind::kCosh:
      return in_double(x, [](double z) { return cosh(z); });
    case UnaryKind::kAsinh:
      return in_double(x, [](double z) { return asinh(z); });
    case UnaryKind::kAcosh:
      return in_double(x, [](double z) { return acosh(z); });
    case UnaryKind::kAtanh:
      return in_double(x, [](double z) { return atanh(z); });
    case UnaryKind::kSoftplus:  // nothing overflows
      return in_double(x, [](double z) { return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z)); });
    default:  // of the kinds that unary_all() has
      return x;
  }
}

template <int kCount>
__device__ void unary_all(UnaryKind kind, float (&y)[kCount]) {
  if (is_in_double(kind)) {
    return apply_each(y, [kind](float x) { return other_function(kind, x); });
  }
  switch (kind) {
    default:
      return;  // the identity
    case UnaryKind::kGelu:
      return activate_each(Activation::kGelu, y);
    case UnaryKind::kRelu:
      return activate_each(Activation::kRelu, y);
    case UnaryKind::kSigmoid:
      return activate_each(Activation::kSigmoid, y);
    case UnaryKind::kSilu:
      return activate_each(Activation::kSilu, y);
    case UnaryKind::kAbs:
      return apply_each(y, [](float x) { return fabsf(x); });
    case UnaryKind::kNegate:
      return apply_each(y, [](float x) { return -x; });
    case UnaryKind::kSign:
      return apply_each(y, [](float x) { return x > 0.0F ? 1.0F : x < 0.0F ? -1.0F : x; });
    case UnaryKind::kSqrt:
      return apply_each(y, [](float x) { return sqrtf(x); });
    case UnaryKind::kReciprocal:
      return apply_each(y, [](float x) { return 1.0F / x; });
    case UnaryKind::kRound:
      return apply_each(y, [](float x) { return rintf(x); });
    case UnaryKind::kFloor:
      return apply_each(y, [](float x) { return floorf(x); });
    case UnaryKind::kCeil:
      return apply_each(y, [](float x) { return ceilf(x); });
  }
}

// y may be x.
__global__ void unary(UnaryKind kind, const float* x, float* y, Index count) {
  const Index step = gpu::position_step<Index>() * kWidth;
  for (Index i = gpu::first_position<Index>() * kWidth; i < count; i += step) {
    const int elements = count - i < kWidth ? static_cast<int>(count - i) : kWidth;
    float values[kWidth];
    load_operand(x + i, false, elements, values);
    unary_all(kind, values);
    store_result(y + i, elements, values);
  }
}

void run_unary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<UnaryProblem>&>(state).problem;
  gpu::launch("unary", unary, gpu::blocks_for((p.count + kWidth - 1) / kWidth, kThreads), kThreads,
              0, args, p.kind, static_cast<const float*>(args.inputs[0]),
              static_cast<float*>(args.outputs[0]), p.count);
}

// y may be x.
__global__ void leaky_relu(float slope, const float* x, float* y, Index count) {
  const Index step = gpu::position_step<Index>() * kWidth;
  for (Index i = gpu::first_position<Index>() * kWidth; i < count; i += step) {
    const int elements = count - i < kWidth ? static_cast<int>(count - i) : kWidth;
    float values[kWidth];
    load_operand(x + i, false, elements, values);
    apply_each(values, [slope](float z) { return z > 0.0F ? z : slope * z; });
    store_result(y + i, elements, values);
  }
}

void run_leaky_relu(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<LeakyReluProblem>&>(state).problem;
  gpu::launch("leaky_relu", leaky_relu, gpu::blocks_for((p.count + kWidth - 1) / kWidth, kThreads),
              kThreads, 0, args, p.slope, static_cast<const float*>(args.inputs[0]),
              static_cast<float*>(args.outputs[0]), p.count);
}

// 2 pi is applied last, as in the models' training code: its rounding belongs to their positions.
__global__ void fourier_features(const float* __restrict__ x, const float* __restrict__ m,
                                 float* __restrict__ y, Index rows, Index dims, Index features) {
  constexpr auto kTwoPi = static_cast<float>(2 * 3.14159265358979323846);
  const Index count = rows * features;
  for (Index i = gpu::first_position<Index>(); i < count; i += gpu::position_step<Index>()) {
    const Index row = i / features;
    const Index f = i % features;
    float sum = 0.0F;
    for (Index d = 0; d < dims; ++d) {
      sum += (2.0F * x[row * dims + d] - 1.0F) * m[d * features + f];
    }
    float sine = 0;
    float cosine = 0;
    sincosf(kTwoPi * sum, &sine, &cosine);
    y[row * 2 * features + f] = sine;
    y[row * 2 * features + features + f] = cosine;
  }
}

void run_fourier_features(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<FourierFeaturesProblem>&>(state).problem;
  gpu::launch("fourier_features", fourier_features, gpu::blocks_for(p.rows * p.features, kThreads),
              kThreads, 0, args, static_cast<const float*>(args.inputs[0]),
              static_cast<const float*>(args.inputs[1]), static_cast<float*>(args.outputs[0]),
              p.rows, p.dims, p.features);
}

Offer offer_float(const BinaryProblem& p, const TargetInfo& /*target*/) {
  return p.dtype == DType::kF32 && is_known(p) ? Offer{} : Offer::no("another type than float32");
}

Offer offer_unary(const UnaryProblem& p, const TargetInfo& /*target*/) {
  if (is_predicate(p.kind)) return Offer::no("a result that is no float32");
  return p.dtype == DType::kF32 ? Offer{} : Offer::no("another type than float32");
}

Offer offer_vectors(const BinaryProblem& p, const TargetInfo& target) {
  if (!is_aligned(p)) return Offer::no("rows that are not multiples of 4 elements");
  return offer_float(p, target);
}

}  // namespace

const std::vector<Kernel<BinaryProblem>>& binary_cuda_kernels() {
  static const std::vector<Kernel<BinaryProblem>> list{
      {"vectors", Needs::gpu(), offer_vectors, nullptr, create_problem_state<BinaryProblem>,
       run_binary<kWidth>},
      {"plain", Needs::gpu(), offer_float, nullptr, create_problem_state<BinaryProblem>,
       run_binary<1>},
      kBinaryIntegersCuda};
  return list;
}

const std::vector<Kernel<UnaryProblem>>& unary_cuda_kernels() {
  static const std::vector<Kernel<UnaryProblem>> list{
      {"plain", Needs::gpu(), offer_unary, nullptr, create_problem_state<UnaryProblem>, run_unary},
      kUnaryIntegersCuda};
  return list;
}

const std::vector<Kernel<LeakyReluProblem>>& leaky_relu_cuda_kernels() {
  static const std::vector<Kernel<LeakyReluProblem>> list{
      {"plain", Needs::gpu(), always<LeakyReluProblem>, nullptr,
       create_problem_state<LeakyReluProblem>, run_leaky_relu}};
  return list;
}

const std::vector<Kernel<FourierFeaturesProblem>>& fourier_features_cuda_kernels() {
  static const std::vector<Kernel<FourierFeaturesProblem>> list{
      {"plain", Needs::gpu(), always<FourierFeaturesProblem>, nullptr,
       create_problem_state<FourierFeaturesProblem>, run_fourier_features}};
  return list;
}

}  // namespace lasso::kernels
