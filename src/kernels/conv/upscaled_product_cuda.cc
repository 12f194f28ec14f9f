// UpscaledProduct for NVIDIA GPUs. There is no plain kernel: where the one of tensor cores does not
// fit, the op is decomposed.
#include "kernels/conv/conv_cuda.h"
#include "kernels/conv/packed_taps.h"
#include "kernels/conv/upscaled_product_kernel.h"

namespace lasso::kernels {

namespace {

Offer offer(const UpscaledProductProblem& p, const TargetInfo& /*target*/) {
  if (const char* reason = gpu::refused_by_mma(p)) return Offer::no(reason);
  Offer offer;
  gpu::offer_taps(p.image, offer);
  return offer;
}

void pack(const UpscaledProductProblem& p, const std::vector<TensorView>& constants,
          std::byte* packed) {
  gpu::pack_taps(p.image, constants, packed);
}

std::unique_ptr<KernelState> create(const UpscaledProductProblem& p, const TargetInfo& target,
                                    const Offer& offer) {
  gpu::prepare_upscaled_product(p.image.weights);
  return create_problem_state(p, target, offer);
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<UpscaledProductProblem>&>(state);
  gpu::run_upscaled_product(s.problem, s.target.multiprocessors, args,
                            gpu::taps(s.problem.image).bias(args.packed));
}

}  // namespace

const std::vector<Kernel<UpscaledProductProblem>>& upscaled_product_cuda_kernels() {
  static const std::vector<Kernel<UpscaledProductProblem>> list{
      {"mma", Needs::gpu(80), offer, pack, create, run}};
  return list;
}

}  // namespace lasso::kernels
