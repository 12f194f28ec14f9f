// UpscaledProduct for NVIDIA GPUs: by a kernel of tensor cores for SAM's sizes, and by a plain one.
#include "kernels/conv/conv_cuda.h"
#include "kernels/conv/packed_taps.h"
#include "kernels/conv/upscaled_product_kernel.h"
#include "kernels/cuda/product.h"

namespace lasso::kernels {

namespace {

Offer offer_plain(const UpscaledProductProblem& p, const TargetInfo& target) {
  Offer offer;
  offer.reason = gpu::refused_types({.weights = p.image.weights, .input = p.image.input}, target);
  if (!offer) return offer;
  gpu::offer_taps(p.image, offer);
  return offer;
}

Offer offer_mma(const UpscaledProductProblem& p, const TargetInfo& target) {
  if (const char* reason = gpu::refused_by_mma(p)) return Offer::no(reason);
  return offer_plain(p, target);
}

void pack(const UpscaledProductProblem& p, const std::vector<TensorView>& constants,
          std::byte* packed) {
  gpu::pack_taps(p.image, constants, packed);
}

std::unique_ptr<KernelState> create_mma(const UpscaledProductProblem& p, const TargetInfo& target,
                                        const Offer& offer) {
  gpu::prepare_upscaled_product(p.image.weights);
  return create_problem_state(p, target, offer);
}

void run_mma(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<UpscaledProductProblem>&>(state);
  gpu::run_upscaled_product(s.problem, s.target.multiprocessors, args,
                            gpu::taps(s.problem.image).bias(args.packed));
}

void run_plain(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<UpscaledProductProblem>&>(state).problem;
  gpu::run_upscaled_product_plain(p, args, gpu::taps(p.image).bias(args.packed));
}

}  // namespace

const std::vector<Kernel<UpscaledProductProblem>>& upscaled_product_cuda_kernels() {
  static const std::vector<Kernel<UpscaledProductProblem>> list{
      {"mma", Needs::gpu(), offer_mma, pack, create_mma, run_mma},
      {"plain", Needs::gpu(), offer_plain, pack, create_problem_state<UpscaledProductProblem>,
       run_plain}};
  return list;
}

}  // namespace lasso::kernels
