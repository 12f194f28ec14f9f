// For the benchmarks of the kernels: the best time of an iteration (others may use the machine), as
// a rate and as a part of what the machine can do, measured in the same process.
#ifndef LASSO_KERNELS_KERNEL_BENCH_H_
#define LASSO_KERNELS_KERNEL_BENCH_H_

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backend/test_target.h"
#include "core/aligned_buffer.h"
#include "core/peak.h"
#include "core/threads.h"
#include "kernels/kernel.h"

namespace lasso::kernels::bench {

// The team's threads, and the CPU's rates as they are.
inline TargetInfo target() {
  return backend::cpu_target(backend::test_features(), omp_get_max_threads());
}

inline double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Floating-point operations per second of so many threads, measured once.
inline double peak_flops(MultiplyAdd multiply_add, int threads) {
  static std::map<std::pair<MultiplyAdd, int>, double> peaks;
  double& peak = peaks[{multiply_add, threads}];
  if (peak == 0) peak = peak_rate(multiply_add, threads);
  return peak;
}

// Copying between buffers larger than the caches, bytes read and written per second, with the
// team's threads.
inline double peak_bandwidth() {
  static double peak = 0;
  if (peak == 0) {
    constexpr std::size_t kBytes = std::size_t{96} << 20U;
    const AlignedBuffer from(kBytes);
    const AlignedBuffer to(kBytes);
    for (int i = 0; i < 8; ++i) {
      const double start = now();
      parallel_ranges(kBytes / 4096, [&](std::int64_t begin, std::int64_t end) {
        std::memcpy(to.data() + begin * 4096, from.data() + begin * 4096,
                    static_cast<std::size_t>(end - begin) * 4096);
      });
      peak = std::max(peak, 2.0 * static_cast<double>(kBytes) / (now() - start));
    }
  }
  return peak;
}

// Memory for one kernel's call.
class Call {
 public:
  template <typename Problem>
  Call(const Kernel<Problem>& kernel, const Problem& problem, const TargetInfo& target,
       const Offer& offer, const std::vector<TensorView>& constants,
       const std::vector<std::size_t>& input_floats, std::size_t output_floats,
       std::size_t scale_floats = 0) {
    packed_ = AlignedBuffer(offer.packed_bytes + 1);
    workspace_ = AlignedBuffer(offer.workspace_bytes + 1);
    if (kernel.pack != nullptr) kernel.pack(problem, constants, packed_.data());
    for (const std::size_t floats : input_floats) {
      buffers_.emplace_back(floats * sizeof(float) + 1);
      auto* values = reinterpret_cast<float*>(buffers_.back().data());
      for (std::size_t i = 0; i < floats; ++i) {
        values[i] = static_cast<float>(i * 2654435761U % 1024U) / 512.0F - 1.0F;
      }
      inputs_.push_back(floats == 0 ? nullptr : buffers_.back().data());
    }
    output_ = AlignedBuffer(output_floats * sizeof(float) + 1);
    std::memset(output_.data(), 0, output_floats * sizeof(float));
    scales_ = AlignedBuffer(scale_floats * sizeof(float) + 1);
    outputs_[0] = output_.data();
    outputs_[1] = scales_.data();
    state_ = kernel.create(problem, target, offer);
    run_ = kernel.run;
  }

  const KernelState& state() const { return *state_; }
  void run() {
    run_(*state_, {.inputs = inputs_,
                   .outputs = outputs_,
                   .packed = packed_.data(),
                   .workspace = workspace_.data()});
  }

 private:
  AlignedBuffer packed_;
  AlignedBuffer workspace_;
  AlignedBuffer output_;
  AlignedBuffer scales_;  // the second output of kernels that quantise
  std::vector<AlignedBuffer> buffers_;
  std::vector<const void*> inputs_;
  void* outputs_[2] = {};
  std::unique_ptr<KernelState> state_;
  KernelRun run_ = nullptr;
};

// Times the call; flops and bytes (that must move at least) of one iteration, 0 to leave a rate
// out. The peak is that of `multiply_add`.
inline void time_call(benchmark::State& state, Call& call, MultiplyAdd multiply_add, double flops,
                      double bytes) {
  // The clock is slow and coarse against small kernels: they are timed several calls at a time.
  int calls = 1;
  for (double time = 0; time < 2e-5; calls *= 2) {
    const double start = now();
    for (int i = 0; i < calls; ++i) call.run();
    time = now() - start;
  }
  calls /= 2;
  double best = 1e30;
  for (auto _ : state) {
    const double start = now();
    for (int i = 0; i < calls; ++i) call.run();
    best = std::min(best, (now() - start) / calls);
  }
  const int threads = omp_get_max_threads();
  state.counters["best_us"] = best * 1e6;
  if (flops > 0) {
    state.counters["GFLOP/s"] = flops / best * 1e-9;
    state.counters["%peak"] = 100 * flops / best / peak_flops(multiply_add, threads);
  }
  if (bytes > 0) {
    state.counters["GB/s"] = bytes / best * 1e-9;
    state.counters["%copy"] = 100 * bytes / best / peak_bandwidth();
  }
  state.SetLabel(call.state().implementation());
}

// In float32.
inline void time_call(benchmark::State& state, Call& call, double flops, double bytes) {
  time_call(state, call, fp32_multiply_add(backend::test_features()), flops, bytes);
}

}  // namespace lasso::kernels::bench

#endif  // LASSO_KERNELS_KERNEL_BENCH_H_
