// Every kernel of the lists on the sizes of SAM's encoders and decoder. Each row shows the best
// repetition, since the machine may be shared, beside the rate of a loop of independent FMAs that
// runs in between on the same threads:
//   GFLOP/s   2 M N d for q.k and for p v each; exponentials and position terms are not counted
//   peak      of the FMA loop, that of the widest instructions which the kernel needs
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "backend/test_target.h"
#include "core/aligned_buffer.h"
#include "core/peak.h"
#include "core/random.h"
#include "core/threads.h"
#include "kernels/attention/attention.h"

namespace lasso::kernels {
namespace {

// Seconds: of the calling thread's CPU for one thread, since others may use the core in between; of
// the clock on the wall for a team.
double now(int threads) {
  timespec time;
  clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// An input of random values from [-range, range].
struct Input {
  std::int64_t size;
  float range = 1.7F;
  DType dtype = DType::kF32;
};

std::vector<float> random_values(std::int64_t count, float range) {
  SplitMix64 random(1);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = random.uniform(-range, range);
  return values;
}

// The values as bfloat16 numbers, at the beginning of their memory.
void round_values(std::vector<float>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t rounded = f32_to_bf16(values[i]);
    std::memcpy(reinterpret_cast<std::byte*>(values.data()) + 2 * i, &rounded, 2);
  }
}

template <typename Problem>
void measure(benchmark::State& state, const Kernel<Problem>& kernel, const Problem& problem,
             const std::vector<Input>& operands, std::int64_t output_size, double flop) {
  const int threads = static_cast<int>(state.range(0));
  const ThreadLimit limit(threads);
  const TargetInfo target = backend::cpu_target(backend::test_features(), threads);
  const Offer offer = ask(kernel, problem, target);
  std::vector<AlignedBuffer> inputs;
  std::vector<const void*> pointers;
  for (const Input& operand : operands) {
    std::vector<float> values = random_values(operand.size, operand.range);
    if (operand.dtype == DType::kBF16) round_values(values);
    inputs.emplace_back(values.size() * sizeof(float));
    std::memcpy(inputs.back().data(), values.data(), values.size() * sizeof(float));
    pointers.push_back(values.empty() ? nullptr : inputs.back().data());
  }
  const AlignedBuffer out(static_cast<std::size_t>(output_size) * sizeof(float));
  void* out_pointer = out.data();
  const AlignedBuffer workspace(offer.workspace_bytes);
  const auto kernel_state = kernel.create(problem, target, offer);
  const MultiplyAdd multiply_add = bf16_multiply_add(kernel.needs.features | CpuFeature::kAvx2);
  double best = 1e30;
  double peak = 0;
  for (auto _ : state) {
    const double start = now(threads);
    kernel.run(*kernel_state, {pointers, {&out_pointer, 1}, nullptr, workspace.data()});
    const double seconds = now(threads) - start;
    state.SetIterationTime(seconds);
    best = std::min(best, seconds);
    if (kernel.is_reference()) continue;
    for (int i = 0; i < 4; ++i) {
      peak = std::max(peak, multiply_add_rate(multiply_add, threads));
    }
  }
  state.counters["best_ms"] = best * 1e3;
  state.counters["GFLOP/s"] = flop / best * 1e-9;
  if (peak > 0) {
    state.counters["peak"] = peak * 1e-9;
    state.counters["%"] = 100 * flop / best / peak;
  }
}

template <typename Problem, typename Run>
void add(const std::string& name, const std::vector<Kernel<Problem>>& list, const Problem& problem,
         Run run) {
  for (const Kernel<Problem>& kernel : list) {
    if (!ask(kernel, problem, backend::test_target(1))) continue;
    auto* row = benchmark::RegisterBenchmark(
        (name + "/" + std::string(kernel.name)).c_str(),
        [&kernel, problem, run](benchmark::State& state) { run(state, kernel, problem); });
    row->UseManualTime()->Unit(benchmark::kMillisecond)->Arg(1);
    if (available_cores() > 1) row->Arg(available_cores());
  }
}

void add_window(const std::string& name, std::int64_t heads, std::int64_t d, std::int64_t window,
                DType dtype) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(d));
  const WindowAttentionProblem problem{1, 64, 64, heads, d, window, scale, true, window > 0, dtype};
  add(name, window_attention_kernels(), problem,
      [](benchmark::State& state, const Kernel<WindowAttentionProblem>& kernel,
         const WindowAttentionProblem& p) {
        const std::int64_t side = p.window > 0 ? p.window : p.height;
        const std::int64_t channels = p.heads * p.head_dim;
        const std::int64_t tokens = p.height * p.width;
        const Input table{(2 * side - 1) * p.head_dim, 0.2F};
        measure(
            state, kernel, p,
            {{tokens * 3 * channels, 1.7F, p.dtype}, table, table, {p.has_pad ? 3 * channels : 0}},
            tokens * channels,
            4.0 * static_cast<double>(tokens * channels) * static_cast<double>(side * side));
      });
}

void add_plain(const std::string& name, std::int64_t batch, std::int64_t queries, std::int64_t keys,
               std::int64_t d) {
  const AttentionProblem problem{
      batch, batch, batch, batch, queries, keys, 8, d, 1.0F / std::sqrt(static_cast<float>(d))};
  add(name, attention_kernels(), problem,
      [](benchmark::State& state, const Kernel<AttentionProblem>& kernel,
         const AttentionProblem& p) {
        const std::int64_t channels = p.heads * p.head_dim;
        const std::int64_t kv = p.batch * p.keys * channels;
        const std::int64_t q = p.batch * p.queries * channels;
        measure(state, kernel, p, {{q}, {kv}, {kv}}, q,
                4.0 * static_cast<double>(q) * static_cast<double>(p.keys));
      });
}

const bool kRegistered = [] {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const std::string type(to_string(dtype));
    add_window("vit_b/global/" + type, 12, 64, 0, dtype);
    add_window("vit_b/window14/" + type, 12, 64, 14, dtype);
    add_window("vit_h/global/" + type, 16, 80, 0, dtype);
    add_window("vit_h/window14/" + type, 16, 80, 14, dtype);
  }
  add_plain("decoder/token_to_image", 1, 7, 4096, 16);
  add_plain("decoder/image_to_token", 1, 4096, 7, 16);
  add_plain("decoder/tokens", 1, 7, 7, 32);
  add_plain("decoder/token_to_image_64_prompts", 64, 7, 4096, 16);
  add_plain("decoder/image_to_token_64_prompts", 64, 4096, 7, 16);
  return true;
}();

}  // namespace
}  // namespace lasso::kernels
