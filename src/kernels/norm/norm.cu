// LayerNorm. Operations over peak: less than 0.1. Bytes over bandwidth on an H200: rows of ViT-H,
// [4096, 1280] from float32 to bfloat16, are 31 MB, 7.3 us at 4.3 TB/s; the upscaling of 64
// prompts, [1048576, 64] from float32 to bfloat16, 403 MB, 94 us.
#include "kernels/cuda/nest.cuh"
#include "kernels/cuda/team.cuh"
#include "kernels/norm/norm_cuda.h"

namespace lasso::kernels {

namespace {

using gpu::Index;
using graph::Activation;

constexpr int kThreads = 128;

struct Rows {
  const float* x = nullptr;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  void* y = nullptr;  // may be x
  float* scales = nullptr;
  Index rows = 0;
  Index channels = 0;
  float epsilon = 0;
  Activation activation = Activation::kNone;
};

using Four = gpu::Vector<float, 4>;

// kLanes neighbouring threads have a row in registers: kVectors times 4 elements each.
template <int kLanes, int kVectors, bool kActivate, typename T>
__global__ void __launch_bounds__(kThreads) layer_norm_registers(const Rows p) {
  constexpr bool kKeepParameters = kVectors <= 2;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const Index row_of_warp = threadIdx.x % 32 / kLanes;
  const auto channels = static_cast<int>(p.channels);
  const auto count = static_cast<float>(channels);
  const auto channel = [lane](int i) { return 4 * (i * kLanes + lane); };
  Four gammas[kKeepParameters ? kVectors : 1];
  Four betas[kKeepParameters ? kVectors : 1];
  if constexpr (kKeepParameters) {
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      if (channel(i) < channels) {
        gammas[i] = gpu::load_vector<4>(p.gamma + channel(i));
        betas[i] = gpu::load_vector<4>(p.beta + channel(i));
      }
    }
  }
  const Index step = gpu::position_step<Index>() / kLanes;
  // All threads of a warp go on while it has a row.
  for (Index row = gpu::first_position<Index>() / kLanes; row - row_of_warp < p.rows; row += step) {
    const bool active = row < p.rows;
    Four x[kVectors];
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      x[i] = {};
      if (active && channel(i) < channels) {
        x[i] = gpu::load_vector<4>(p.x + row * p.channels + channel(i));
      }
    }
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      sum += (x[i].values[0] + x[i].values[1]) + (x[i].values[2] + x[i].values[3]);
    }
    const float mean = gpu::reduce_team<kLanes>(sum, gpu::Sum()) / count;
    float squares = 0;
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      if (channel(i) < channels) {
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          const float difference = x[i].values[k] - mean;
          squares += difference * difference;
        }
      }
    }
    const float variance = gpu::reduce_team<kLanes>(squares, gpu::Sum()) / count;
    const float scale = 1.0F / sqrtf(variance + p.epsilon);
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      if (!active || channel(i) >= channels) continue;
      Four gamma;
      Four beta;
      if constexpr (kKeepParameters) {
        gamma = gammas[i];
        beta = betas[i];
      } else {
        gamma = gpu::load_vector<4>(p.gamma + channel(i));
        beta = gpu::load_vector<4>(p.beta + channel(i));
      }
      gpu::Vector<T, 4> y;
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        float value = (x[i].values[k] - mean) * scale * gamma.values[k] + beta.values[k];
        if constexpr (kActivate) value = gpu::activate(p.activation, value);
        y.values[k] = gpu::from_float<T>(value);
      }
      gpu::store_vector(static_cast<T*>(p.y) + row * p.channels + channel(i), y);
    }
  }
}

using Launch = void (*)(const Rows& rows, unsigned blocks, const KernelArgs& args);

template <int kLanes, int kVectors, bool kActivate, typename T>
void launch_registers(const Rows& rows, unsigned blocks, const KernelArgs& args) {
  gpu::launch("layer_norm", layer_norm_registers<kLanes, kVectors, kActivate, T>, blocks, kThreads,
              0, args, rows);
}

struct Choice {
  int lanes = 0;
  Launch launch = nullptr;
};

// The least registers that hold a row. Activations are computed where rows are short, as those of
// SAM's upscaling are.
template <typename T>
Choice choose(Index channels, bool activated) {
  if (activated) {
    if (channels <= 64) return {16, launch_registers<16, 1, true, T>};
    if (channels <= 128) return {32, launch_registers<32, 1, true, T>};
    if (channels <= 256) return {32, launch_registers<32, 2, true, T>};
    return {};
  }
  if (channels <= 64) return {16, launch_registers<16, 1, false, T>};
  if (channels <= 128) return {32, launch_registers<32, 1, false, T>};
  if (channels <= 256) return {32, launch_registers<32, 2, false, T>};
  if (channels <= 512) return {32, launch_registers<32, 4, false, T>};
  if (channels <= 768) return {32, launch_registers<32, 6, false, T>};
  if (channels <= 1024) return {32, launch_registers<32, 8, false, T>};
  if (channels <= 1280) return {32, launch_registers<32, 10, false, T>};
  return {};
}

Choice choose(const LayerNormProblem& p) {
  return gpu::with_float_type(p.output, [&](auto* type) {
    return choose<std::remove_pointer_t<decltype(type)>>(p.channels,
                                                         p.activation != Activation::kNone);
  });
}

Offer offer_registers(const LayerNormProblem& p, const TargetInfo& /*target*/) {
  if (p.output == DType::kU8) return Offer::no("a result in uint8");
  if (p.channels % 4 != 0) return Offer::no("rows that are not multiples of 4 elements");
  if (choose(p).launch == nullptr) {
    return Offer::no("more than 1280 channels, or 256 with an activation");
  }
  return {};
}

Rows rows_of(const LayerNormProblem& p, const KernelArgs& args) {
  return {.x = static_cast<const float*>(args.inputs[0]),
          .gamma = static_cast<const float*>(args.inputs[1]),
          .beta = static_cast<const float*>(args.inputs[2]),
          .y = args.outputs[0],
          .scales = p.output == DType::kU8 ? static_cast<float*>(args.outputs[1]) : nullptr,
          .rows = p.rows,
          .channels = p.channels,
          .epsilon = p.epsilon,
          .activation = p.activation};
}

class RegistersState : public KernelState {
 public:
  RegistersState(const LayerNormProblem& p, const TargetInfo& target)
      : problem(p), choice(choose(p)) {
    // Twice what can be resident: gamma and beta are read once for many rows.
    const Index most = 32 * std::max(target.multiprocessors, 16);
    blocks = gpu::blocks_for(p.rows, kThreads / choice.lanes, most);
  }

  LayerNormProblem problem;
  Choice choice;
  unsigned blocks = 0;
};

std::unique_ptr<KernelState> create_registers(const LayerNormProblem& p, const TargetInfo& target,
                                              const Offer& /*offer*/) {
  return std::make_unique<RegistersState>(p, target);
}

void run_registers(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const RegistersState&>(state);
  s.choice.launch(rows_of(s.problem, args), s.blocks, args);
}

// A block for each row, which is read three times; the second and third find it in the cache.
template <typename T>
__global__ void __launch_bounds__(kThreads) layer_norm_blocks(const Rows p) {
  const auto count = static_cast<float>(p.channels);
  for (Index row = blockIdx.x; row < p.rows; row += gridDim.x) {
    const float* x = p.x + row * p.channels;
    T* y = static_cast<T*>(p.y) + row * p.channels;
    float sum = 0;
    for (Index c = threadIdx.x; c < p.channels; c += kThreads) sum += x[c];
    const float mean = gpu::reduce_team<kThreads>(sum, gpu::Sum()) / count;
    float squares = 0;
    for (Index c = threadIdx.x; c < p.channels; c += kThreads) {
      squares += (x[c] - mean) * (x[c] - mean);
    }
    const float variance = gpu::reduce_team<kThreads>(squares, gpu::Sum()) / count;
    const float scale = 1.0F / sqrtf(variance + p.epsilon);
    const auto result = [&](Index c) {
      return gpu::activate(p.activation, (x[c] - mean) * scale * p.gamma[c] + p.beta[c]);
    };
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      float largest = 0;
      for (Index c = threadIdx.x; c < p.channels; c += kThreads) {
        largest = fmaxf(largest, fabsf(result(c)));
      }
      const float step = gpu::row_scale(gpu::reduce_team<kThreads>(largest, gpu::Largest()));
      for (Index c = threadIdx.x; c < p.channels; c += kThreads) {
        y[c] = gpu::quantize(result(c), 1.0F / step);
      }
      if (threadIdx.x == 0) p.scales[row] = step;
    } else {
      for (Index c = threadIdx.x; c < p.channels; c += kThreads) {
        y[c] = gpu::from_float<T>(result(c));
      }
    }
  }
}

void run_blocks(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<LayerNormProblem>&>(state).problem;
  const auto start = [&](auto* type) {
    gpu::launch("layer_norm", layer_norm_blocks<std::remove_pointer_t<decltype(type)>>,
                gpu::blocks_for(p.rows, 1), kThreads, 0, args, rows_of(p, args));
  };
  if (p.output == DType::kU8) {
    start(static_cast<std::uint8_t*>(nullptr));
  } else {
    gpu::with_float_type(p.output, start);
  }
}

}  // namespace

const std::vector<Kernel<LayerNormProblem>>& layer_norm_cuda_kernels() {
  static const std::vector<Kernel<LayerNormProblem>> list{
      {"registers", Needs::gpu(), offer_registers, nullptr, create_registers, run_registers},
      {"blocks", Needs::gpu(), always<LayerNormProblem>, nullptr,
       create_problem_state<LayerNormProblem>, run_blocks}};
  return list;
}

}  // namespace lasso::kernels
