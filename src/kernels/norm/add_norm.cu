// AddNorm. Operations over peak: less than 0.1. Bytes over bandwidth on an H200: image tokens of 64
// prompts in SAM's decoder, [262144, 256] read in float32 and written in float32 and twice in
// bfloat16, are 805 MB, 187 us at 4.3 TB/s; what is repeated for all prompts stays in the cache.
#include <type_traits>

#include "kernels/cuda/nest.cuh"
#include "kernels/cuda/team.cuh"
#include "kernels/norm/norm_cuda.h"

namespace lasso::kernels {

namespace {

using gpu::Index;

constexpr int kThreads = 128;
constexpr int kWarp = 32;

struct Rows {
  Rows(const AddNormProblem& p, const KernelArgs& args)
      : x(static_cast<const float*>(args.inputs[0])),
        gamma(static_cast<const float*>(args.inputs[1])),
        beta(static_cast<const float*>(args.inputs[2])),
        residual(p.residual_rows > 0 ? static_cast<const float*>(args.inputs[3]) : nullptr),
        shift(p.shift_rows > 0 ? static_cast<const float*>(args.inputs[4]) : nullptr),
        rows(p.rows),
        channels(p.channels),
        epsilon(p.epsilon) {
    const AddNormOutputs outputs(p, args);
    kept = outputs.kept;
    rounded = outputs.rounded;
    shifted = outputs.shifted;
  }

  const float* x;
  const float* gamma;
  const float* beta;
  const float* residual;  // null: none, as for the others
  const float* shift;
  float* kept = nullptr;  // may be x
  void* rounded = nullptr;
  void* shifted = nullptr;
  Index rows;
  Index channels;
  float epsilon;
};

using Four = gpu::Vector<float, 4>;

template <typename T>
__device__ __forceinline__ void store_four(T* to, const Four& from) {
  gpu::Vector<T, 4> values;
#pragma unroll
  for (int k = 0; k < 4; ++k) values.values[k] = gpu::from_float<T>(from.values[k]);
  gpu::store_vector(to, values);
}

// A warp has a row in registers: kVectors times 4 elements in each lane.
template <int kVectors, typename T>
__global__ void __launch_bounds__(kThreads)
    add_norm_registers(const Rows p, const gpu::Divider<std::uint32_t> residual_rows,
                       const gpu::Divider<std::uint32_t> shift_rows) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const auto channels = static_cast<int>(p.channels);
  const auto count = static_cast<float>(channels);
  const auto channel = [lane](int i) { return 4 * (i * kWarp + lane); };
  const auto rows = static_cast<std::uint32_t>(p.rows);
  const std::uint32_t step = gridDim.x * (kThreads / kWarp);
  for (std::uint32_t row = blockIdx.x * (kThreads / kWarp) + threadIdx.x / kWarp; row < rows;
       row += step) {
    const Index first = static_cast<Index>(row) * channels;
    Four z[kVectors];
    Four shift[kVectors];
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      z[i] = {};
      if (channel(i) < channels) z[i] = gpu::load_vector<4>(p.x + first + channel(i));
    }
    if (p.residual != nullptr) {
      const Index at =
          static_cast<Index>(row - residual_rows.quotient(row) * residual_rows.divisor) * channels;
#pragma unroll
      for (int i = 0; i < kVectors; ++i) {
        if (channel(i) >= channels) continue;
        const Four r = gpu::load_vector<4>(p.residual + at + channel(i));
#pragma unroll
        for (int k = 0; k < 4; ++k) z[i].values[k] += r.values[k];
      }
    }
    if (p.shift != nullptr) {  // on its way while sums are taken
      const Index at =
          static_cast<Index>(row - shift_rows.quotient(row) * shift_rows.divisor) * channels;
#pragma unroll
      for (int i = 0; i < kVectors; ++i) {
        if (channel(i) < channels) shift[i] = gpu::load_vector<4>(p.shift + at + channel(i));
      }
    }
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      sum += (z[i].values[0] + z[i].values[1]) + (z[i].values[2] + z[i].values[3]);
    }
    const float mean = gpu::reduce_team<kWarp>(sum, gpu::Sum()) / count;
    float squares = 0;
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      if (channel(i) >= channels) continue;
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const float difference = z[i].values[k] - mean;
        squares += difference * difference;
      }
    }
    const float variance = gpu::reduce_team<kWarp>(squares, gpu::Sum()) / count;
    const float scale = 1.0F / sqrtf(variance + p.epsilon);
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      if (channel(i) >= channels) continue;
      const Index at = first + channel(i);
      const Four gamma = gpu::load_vector<4>(p.gamma + channel(i));
      const Four beta = gpu::load_vector<4>(p.beta + channel(i));
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        z[i].values[k] = (z[i].values[k] - mean) * scale * gamma.values[k] + beta.values[k];
      }
      if (p.kept != nullptr) gpu::store_vector(p.kept + at, z[i]);
      if (p.rounded != nullptr) store_four(static_cast<T*>(p.rounded) + at, z[i]);
      if (p.shifted != nullptr) {
#pragma unroll
        for (int k = 0; k < 4; ++k) z[i].values[k] += shift[i].values[k];
        store_four(static_cast<T*>(p.shifted) + at, z[i]);
      }
    }
  }
}

constexpr Index kFewChannels = 256;
constexpr Index kMostChannels = 1024;

Offer offer_registers(const AddNormProblem& p, const TargetInfo& /*target*/) {
  if (p.channels % 4 != 0) return Offer::no("rows that are not multiples of 4 elements");
  if (p.channels > kMostChannels) return Offer::no("more than 1024 channels");
  if (p.rows > INT32_MAX) return Offer::no("more than 2^31 rows");
  return {};
}

void run_registers(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<AddNormProblem>&>(state);
  const AddNormProblem& p = s.problem;
  // Four times what can be resident.
  const Index most = Index{64} * std::max(s.target.multiprocessors, 16);
  // Rows of r and p beyond x's are those of an x without rows.
  const gpu::Divider<std::uint32_t> residual_rows(std::clamp<Index>(p.residual_rows, 1, INT32_MAX));
  const gpu::Divider<std::uint32_t> shift_rows(std::clamp<Index>(p.shift_rows, 1, INT32_MAX));
  gpu::with_float_type(p.output, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    gpu::launch("add_norm",
                p.channels <= kFewChannels ? add_norm_registers<kFewChannels / 128, T>
                                           : add_norm_registers<kMostChannels / 128, T>,
                gpu::blocks_for(p.rows, kThreads / kWarp, most), kThreads, 0, args, Rows(p, args),
                residual_rows, shift_rows);
  });
}

// A block for each row.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    add_norm_blocks(const Rows p, Index residual_rows, Index shift_rows) {
  const auto count = static_cast<float>(p.channels);
  for (Index row = blockIdx.x; row < p.rows; row += gridDim.x) {
    const Index first = row * p.channels;
    const float* residual =
        p.residual == nullptr ? nullptr : p.residual + row % residual_rows * p.channels;
    const float* shift = p.shift == nullptr ? nullptr : p.shift + row % shift_rows * p.channels;
    const auto summed = [&](Index c) {
      return residual == nullptr ? p.x[first + c] : p.x[first + c] + residual[c];
    };
    float sum = 0;
    for (Index c = threadIdx.x; c < p.channels; c += kThreads) sum += summed(c);
    const float mean = gpu::reduce_team<kThreads>(sum, gpu::Sum()) / count;
    float squares = 0;
    for (Index c = threadIdx.x; c < p.channels; c += kThreads) {
      const float difference = summed(c) - mean;
      squares += difference * difference;
    }
    const float variance = gpu::reduce_team<kThreads>(squares, gpu::Sum()) / count;
    const float scale = 1.0F / sqrtf(variance + p.epsilon);
    for (Index c = threadIdx.x; c < p.channels; c += kThreads) {
      const float z = (summed(c) - mean) * scale * p.gamma[c] + p.beta[c];
      if (p.kept != nullptr) p.kept[first + c] = z;
      if (p.rounded != nullptr) {
        static_cast<T*>(p.rounded)[first + c] = gpu::from_float<T>(z);
      }
      if (p.shifted != nullptr) {
        static_cast<T*>(p.shifted)[first + c] = gpu::from_float<T>(z + shift[c]);
      }
    }
  }
}

void run_blocks(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<AddNormProblem>&>(state).problem;
  gpu::with_float_type(p.output, [&](auto* type) {
    gpu::launch("add_norm", add_norm_blocks<std::remove_pointer_t<decltype(type)>>,
                gpu::blocks_for(p.rows, 1), kThreads, 0, args, Rows(p, args), p.residual_rows,
                p.shift_rows);
  });
}

}  // namespace

const std::vector<Kernel<AddNormProblem>>& add_norm_cuda_kernels() {
  static const std::vector<Kernel<AddNormProblem>> list{
      {"registers", Needs::gpu(), offer_registers, nullptr, create_problem_state<AddNormProblem>,
       run_registers},
      {"blocks", Needs::gpu(), always<AddNormProblem>, nullptr,
       create_problem_state<AddNormProblem>, run_blocks}};
  return list;
}

}  // namespace lasso::kernels
