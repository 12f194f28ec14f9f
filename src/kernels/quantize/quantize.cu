// Between precisions. Operations over peak: less than 0.1. Bytes over bandwidth on an H200: a cast
// of ViT-H's tokens, [4096, 1280] from float32 to bfloat16, is 31 MB, 7.3 us at 4.3 TB/s.
//
// The results are those of the reference bit for bit, those of not-a-numbers too; CUDA's own
// conversions give all of them the same bits.
#include <limits>
#include <type_traits>

#include "kernels/cuda/nest.cuh"
#include "kernels/cuda/team.cuh"
#include "kernels/quantize/quantize_cuda.h"

namespace lasso::kernels {

namespace {

using gpu::Index;

constexpr int kThreads = 256;
constexpr std::uint32_t kMagnitude = 0x7FFFFFFF;
constexpr std::uint32_t kInfinity = 0x7F800000;
constexpr std::uint32_t kQuiet = 0x00400000;  // the bit that a not-a-number has, once converted

__device__ float widen(float x) { return x; }
__device__ float widen(__nv_bfloat16 x) {
  return __uint_as_float(std::uint32_t{__bfloat16_as_ushort(x)} << 16);
}
__device__ float widen(__half x) {
  const std::uint32_t bits = __half_as_ushort(x);
  if ((bits & 0x7FFF) <= 0x7C00) return __half2float(x);
  return __uint_as_float((bits & 0x8000) << 16 | kInfinity | kQuiet | (bits & 0x3FF) << 13);
}

template <typename To>
__device__ To narrow(float x);
template <>
__device__ float narrow<float>(float x) {
  return x;
}
template <>
__device__ __nv_bfloat16 narrow<__nv_bfloat16>(float x) {
  const std::uint32_t bits = __float_as_uint(x);
  if ((bits & kMagnitude) <= kInfinity) return __float2bfloat16_rn(x);
  return __ushort_as_bfloat16(static_cast<unsigned short>((bits | kQuiet) >> 16));
}
template <>
__device__ __half narrow<__half>(float x) {
  const std::uint32_t bits = __float_as_uint(x);
  if ((bits & kMagnitude) <= kInfinity) return __float2half_rn(x);
  return __ushort_as_half(
      static_cast<unsigned short>((bits >> 16 & 0x8000) | 0x7E00 | (bits >> 13 & 0x3FF)));
}

// A byte that is true where it is not 0.
struct Truth {
  std::uint8_t byte;
};

template <typename T>
constexpr bool is_integer = std::is_integral_v<T> || std::is_same_v<T, Truth>;

__device__ double widen_more(float x) {
  const std::uint32_t bits = __float_as_uint(x);
  if ((bits & kMagnitude) <= kInfinity) return static_cast<double>(x);
  return __hiloint2double(
      static_cast<int>((bits & ~kMagnitude) | 0x7FF80000 | (bits & 0x7FFFFF) >> 3),
      static_cast<int>(bits << 29));
}

__device__ bool is_nan(double x) { return x != x; }

// Of a not-a-number: its sign and its upper bits.
__device__ float narrow_nan(double x) {
  const auto high = static_cast<std::uint32_t>(__double2hiint(x));
  const auto low = static_cast<std::uint32_t>(__double2loint(x));
  return __uint_as_float((high & ~kMagnitude) | kInfinity | kQuiet | (high & 0xFFFFF) << 3 |
                         low >> 29);
}

__device__ float to_nearest(double x) { return is_nan(x) ? narrow_nan(x) : __double2float_rn(x); }

// With the last bit set where anything was cut off: rounded once more to fewer bits, it becomes
// what x itself is rounded to.
__device__ float to_odd(double x) {
  if (is_nan(x)) return narrow_nan(x);
  const float cut = __double2float_rz(x);
  return static_cast<double>(cut) == x ? cut : __uint_as_float(__float_as_uint(cut) | 1);
}

// Towards zero, and to the nearest that there is; NaN becomes 0.
template <typename To, typename From>
__device__ To to_integer(From x) {
  if (x != x) return 0;
  constexpr To kMost = static_cast<To>(std::numeric_limits<To>::max());
  constexpr To kLeast = static_cast<To>(std::numeric_limits<To>::min());
  // The conversion of the largest may be one more, a power of two.
  if (x >= static_cast<From>(kMost)) return kMost;
  if (x <= static_cast<From>(kLeast)) return kLeast;
  return static_cast<To>(x);
}

template <typename To>
__device__ To of_integer(long long x, bool is_64_bits) {
  if constexpr (std::is_same_v<To, Truth>) {
    return {static_cast<std::uint8_t>(x != 0 ? 1 : 0)};
  } else if constexpr (std::is_same_v<To, std::int32_t>) {
    if (is_64_bits) x = min(max(x, -0x80000000LL), 0x7FFFFFFFLL);
    return static_cast<std::int32_t>(x);
  } else if constexpr (std::is_integral_v<To>) {
    return static_cast<To>(x);
  } else if constexpr (std::is_same_v<To, double>) {
    return static_cast<double>(x);
  } else {
    return narrow<To>(static_cast<float>(x));
  }
}

template <typename To, typename From>
__device__ To convert(From x) {
  if constexpr (std::is_same_v<From, Truth>) {
    return of_integer<To>(x.byte != 0 ? 1 : 0, false);
  } else if constexpr (std::is_integral_v<From>) {
    return of_integer<To>(x, sizeof(From) == 8);
  } else if constexpr (std::is_same_v<From, double>) {
    if constexpr (std::is_same_v<To, Truth>) {
      return {static_cast<std::uint8_t>(x != 0 ? 1 : 0)};
    } else if constexpr (is_integer<To>) {
      return to_integer<To>(x);
    } else if constexpr (std::is_same_v<To, double>) {
      return x;
    } else if constexpr (std::is_same_v<To, float>) {
      return to_nearest(x);
    } else {
      return narrow<To>(to_odd(x));
    }
  } else if constexpr (std::is_same_v<To, Truth>) {
    return {static_cast<std::uint8_t>(widen(x) != 0 ? 1 : 0)};
  } else if constexpr (is_integer<To>) {
    return to_integer<To>(widen(x));
  } else if constexpr (std::is_same_v<To, double>) {
    return widen_more(widen(x));
  } else {
    return narrow<To>(widen(x));
  }
}

template <typename From, typename To>
__global__ void cast(const From* __restrict__ x, To* __restrict__ y, Index count) {
  constexpr int kWidth = 4;
  const Index step = gpu::position_step<Index>() * kWidth;
  for (Index i = gpu::first_position<Index>() * kWidth; i < count; i += step) {
    if (count - i >= kWidth) {
      const auto from = gpu::load_vector<kWidth>(x + i);
      gpu::Vector<To, kWidth> to;
#pragma unroll
      for (int k = 0; k < kWidth; ++k) to.values[k] = convert<To>(from.values[k]);
      gpu::store_vector(y + i, to);
    } else {
      for (Index k = i; k < count; ++k) y[k] = convert<To>(x[k]);
    }
  }
}

// Calls f with a null pointer of the type on the GPU.
template <typename F>
void with_type(DType dtype, const F& f) {
  switch (dtype) {
    case DType::kF64:
      return f(static_cast<double*>(nullptr));
    case DType::kI8:
      return f(static_cast<std::int8_t*>(nullptr));
    case DType::kU8:
      return f(static_cast<std::uint8_t*>(nullptr));
    case DType::kI16:
      return f(static_cast<std::int16_t*>(nullptr));
    case DType::kI32:
      return f(static_cast<std::int32_t*>(nullptr));
    case DType::kI64:
      return f(static_cast<std::int64_t*>(nullptr));
    case DType::kBool:
      return f(static_cast<Truth*>(nullptr));
    case DType::kF32:
    case DType::kBF16:
    case DType::kF16:
      return gpu::with_float_type(dtype, f);
  }
}

void run_cast(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CastProblem>&>(state).problem;
  with_type(p.from, [&](auto* from) {
    using From = std::remove_pointer_t<decltype(from)>;
    with_type(p.to, [&](auto* to) {
      using To = std::remove_pointer_t<decltype(to)>;
      gpu::launch("cast", cast<From, To>, gpu::blocks_for((p.count + 3) / 4, kThreads), kThreads, 0,
                  args, static_cast<const From*>(args.inputs[0]), static_cast<To*>(args.outputs[0]),
                  p.count);
    });
  });
}

// A warp for each row, which is read twice; the second time from the cache.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    quantize_rows(const T* __restrict__ x, const float* __restrict__ gain,
                  std::uint8_t* __restrict__ q, float* __restrict__ scales, Index rows,
                  Index channels) {
  const Index lane = threadIdx.x % 32;
  const Index step = gpu::position_step<Index>() / 32;
  for (Index row = gpu::first_position<Index>() / 32; row < rows; row += step) {
    const auto value = [&](Index c) {
      const float element = widen(x[row * channels + c]);
      return gain == nullptr ? element : element * gain[c];
    };
    float largest = 0;
    for (Index c = lane; c < channels; c += 32) largest = fmaxf(largest, fabsf(value(c)));
    const float scale = gpu::row_scale(gpu::reduce_team<32>(largest, gpu::Largest()));
    const float inverse = 1.0F / scale;
    for (Index c = lane; c < channels; c += 32) {
      q[row * channels + c] = gpu::quantize(value(c), inverse);
    }
    if (lane == 0) scales[row] = scale;
  }
}

Offer offer_quantize(const QuantizeProblem& p, const TargetInfo& /*target*/) {
  return is_float(p.input) ? Offer{} : Offer::no("only float32, bfloat16 and float16");
}

void run_quantize(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<QuantizeProblem>&>(state).problem;
  gpu::with_float_type(p.input, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    gpu::launch("quantize", quantize_rows<T>, gpu::blocks_for(p.rows, kThreads / 32), kThreads, 0,
                args, static_cast<const T*>(args.inputs[0]),
                p.gain ? static_cast<const float*>(args.inputs[1]) : nullptr,
                static_cast<std::uint8_t*>(args.outputs[0]), static_cast<float*>(args.outputs[1]),
                p.rows, p.channels);
  });
}

}  // namespace

const std::vector<Kernel<QuantizeProblem>>& quantize_cuda_kernels() {
  static const std::vector<Kernel<QuantizeProblem>> list{
      {"rows", Needs::gpu(), offer_quantize, nullptr, create_problem_state<QuantizeProblem>,
       run_quantize}};
  return list;
}

const std::vector<Kernel<CastProblem>>& cast_cuda_kernels() {
  static const std::vector<Kernel<CastProblem>> list{{"plain", Needs::gpu(), always<CastProblem>,
                                                      nullptr, create_problem_state<CastProblem>,
                                                      run_cast}};
  return list;
}

}  // namespace lasso::kernels
