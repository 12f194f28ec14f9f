// MatMul for NVIDIA GPUs: by a kernel for few rows, by cuBLASLt, and by a plain kernel.
//
// SAM multiplies the masks' hypernetwork outputs [prompts, 4, 32] by the upscaled embedding
// [prompts, 65536, 32]: 17 MFLOP and 9.4 MB a prompt, 2.2 us of 4.3 TB/s; the operations take 0.3
// us of 60 TFLOP/s.
#include "kernels/matmul/matmul_cuda.h"

#include "kernels/cuda/product.h"
#include "kernels/matmul/matmul_cuda_kernels.h"

namespace lasso::kernels {

namespace {

// The batch as `count` runs of `length` matrices, which lie at constant distances in each run.
struct Runs {
  std::int64_t length = 1;
  std::int64_t count = 1;
  std::int64_t a_stride = 0;
  std::int64_t b_stride = 0;
};

bool is_regular(const MatMulProblem& p, const Runs& runs) {
  for (std::int64_t i = 0; i < p.batch; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const auto first = static_cast<std::size_t>(i / runs.length * runs.length);
    const std::int64_t position = i % runs.length;
    if (p.a_offsets[at] != p.a_offsets[first] + position * runs.a_stride ||
        p.b_offsets[at] != p.b_offsets[first] + position * runs.b_stride) {
      return false;
    }
  }
  return true;
}

// The longest runs. Empty batches have none.
Runs runs_of(const MatMulProblem& p) {
  Runs runs{.count = p.batch};
  if (p.batch < 2) return runs;
  runs.a_stride = p.a_offsets[1] - p.a_offsets[0];
  runs.b_stride = p.b_offsets[1] - p.b_offsets[0];
  for (runs.count = 1; runs.count < p.batch; ++runs.count) {
    runs.length = p.batch / runs.count;
    if (p.batch % runs.count == 0 && is_regular(p, runs)) return runs;
  }
  return {.count = p.batch};
}

constexpr std::int64_t kMostRuns = 16;  // each of them is a call of cuBLASLt

gpu::ProductProblem product(const MatMulProblem& p) {
  return {.m = p.m, .n = p.n, .k = p.k, .activation = p.activation};
}

// The largest power of two up to 16 that divides the bytes of all distances, so that what holds for
// the first matrix holds for all.
std::size_t alignment(const MatMulProblem& p, const Runs& runs) {
  std::int64_t bits = runs.a_stride | runs.b_stride;
  if (p.batch > 1) bits |= p.m * p.n;
  for (std::int64_t run = 0; run < runs.count; ++run) {
    const auto first = static_cast<std::size_t>(run * runs.length);
    bits |= p.a_offsets[first] | p.b_offsets[first];
  }
  if (bits % 4 == 0) return 16;
  return bits % 2 == 0 ? 8 : 4;
}

gpu::GemmProblem gemm_problem(const MatMulProblem& p, const Runs& runs, const TargetInfo& target) {
  gpu::GemmProblem gemm{.m = p.m, .n = p.n, .k = p.k, .batch = runs.length};
  if (runs.length > 1 && runs.b_stride == 0 && runs.a_stride == p.m * p.k) {
    gemm.m = runs.length * p.m;  // they share B: one product of more rows
    gemm.batch = 1;
  } else {
    gemm.x_stride = runs.a_stride;
    gemm.w_stride = runs.b_stride;
    gemm.y_stride = p.m * p.n;
  }
  if (gpu::has_epilogue(p.activation, false, DType::kF32)) gemm.activation = p.activation;
  gemm.tf32 = target.tf32;
  gemm.alignment = alignment(p, runs);
  gemm.workspace_bytes = gpu::gemm_workspace(runs.length * p.m, p.n, target);
  return gemm;
}

class TileState : public KernelState {
 public:
  explicit TileState(const MatMulProblem& problem) : problem(problem) {
    for (const BatchLoop& loop : problem.loops) {
      loops.push_back({loop.count, loop.a_stride, loop.b_stride});
    }
  }

  void run(const KernelArgs& args) const {
    gpu::Operands o;
    o.x = args.inputs[0];
    o.w = args.inputs[1];
    o.y = args.outputs[0];
    gpu::run_tile_batch(product(problem), args, o, loops);
  }

  MatMulProblem problem;
  std::vector<gpu::MatrixLoop> loops;
};

class GemmState : public KernelState {
 public:
  GemmState(const MatMulProblem& problem, const TargetInfo& target, const std::string& tuning)
      : problem(problem),
        runs(runs_of(problem)),
        gemm(gpu::Gemm::tuned(gemm_problem(problem, runs, target), tuning)) {
    if (!gemm) tile = std::make_unique<TileState>(problem);
  }
  std::string implementation() const override { return gemm ? gemm->implementation() : "tile"; }

  void run(const KernelArgs& args) const {
    if (!gemm) return tile->run(args);
    const auto* a = static_cast<const float*>(args.inputs[0]);
    const auto* b = static_cast<const float*>(args.inputs[1]);
    auto* y = static_cast<float*>(args.outputs[0]);
    for (std::int64_t run = 0; run < runs.count; ++run) {
      const auto first = static_cast<std::size_t>(run * runs.length);
      gemm->run(args, a + problem.a_offsets[first], b + problem.b_offsets[first], nullptr, nullptr,
                y + run * runs.length * problem.m * problem.n, args.workspace);
    }
    if (gpu::has_epilogue(problem.activation, false, DType::kF32)) return;
    gpu::ProductProblem all = product(problem);
    all.m *= problem.batch;
    gpu::Operands o;
    o.y = y;
    gpu::finish(all, args, y, o);
  }

  MatMulProblem problem;
  Runs runs;
  std::optional<gpu::Gemm> gemm;
  std::unique_ptr<TileState> tile;  // where cuBLASLt has no algorithm
};

class FewRowsState : public KernelState {
 public:
  explicit FewRowsState(const MatMulProblem& problem) : problem(problem), runs(runs_of(problem)) {}

  void run(const KernelArgs& args) const {
    gpu::run_few_rows(problem, runs.a_stride, runs.b_stride, args);
  }

  MatMulProblem problem;
  Runs runs;
};

Offer offer_few_rows(const MatMulProblem& p, const TargetInfo& /*target*/) {
  if (const char* reason = gpu::refused_by_few_rows(p)) return Offer::no(reason);
  const Runs runs = runs_of(p);
  if (p.batch > 0 && (runs.count != 1 || p.a_offsets[0] != 0 || p.b_offsets[0] != 0)) {
    return Offer::no("matrices at irregular distances");
  }
  constexpr std::int64_t kAligned = 4;  // elements of 16 bytes
  if (runs.a_stride % kAligned != 0 || runs.b_stride % kAligned != 0) {
    return Offer::no("matrices at distances that are not multiples of 16 bytes");
  }
  return {};
}

Offer offer_cublaslt(const MatMulProblem& p, const TargetInfo& target) {
  const Runs runs = runs_of(p);
  if (runs.count > kMostRuns) return Offer::no("matrices at irregular distances");
  Offer offer;
  offer.workspace_bytes = gpu::gemm_workspace(runs.length * p.m, p.n, target);
  return offer;
}

std::vector<std::string> tunings(const MatMulProblem& p, const TargetInfo& target) {
  return gpu::Gemm::tunings(gemm_problem(p, runs_of(p), target));
}

template <typename State>
void run(const KernelState& state, const KernelArgs& args) {
  static_cast<const State&>(state).run(args);
}

}  // namespace

const std::vector<Kernel<MatMulProblem>>& matmul_cuda_kernels() {
  static const std::vector<Kernel<MatMulProblem>> list{
      {"few_rows", Needs::gpu(), offer_few_rows, nullptr,
       [](const MatMulProblem& p, const TargetInfo& /*target*/, const Offer& /*offer*/)
           -> std::unique_ptr<KernelState> { return std::make_unique<FewRowsState>(p); },
       run<FewRowsState>},
      {"cublaslt", Needs::gpu(), offer_cublaslt, nullptr,
       [](const MatMulProblem& p, const TargetInfo& target,
          const Offer& offer) -> std::unique_ptr<KernelState> {
         return std::make_unique<GemmState>(p, target, offer.tuning);
       },
       run<GemmState>, tunings},
      {"tile", Needs::gpu(), always<MatMulProblem>, nullptr,
       [](const MatMulProblem& p, const TargetInfo& /*target*/, const Offer& /*offer*/)
           -> std::unique_ptr<KernelState> { return std::make_unique<TileState>(p); },
       run<TileState>}};
  return list;
}

}  // namespace lasso::kernels
