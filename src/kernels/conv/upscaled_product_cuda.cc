// UpscaledProduct for NVIDIA GPUs. There is no plain kernel: where the one of tensor cores does not
// fit, the op is decomposed.
#include <algorithm>

#include "core/convert.h"
#include "kernels/conv/conv_cuda.h"
#include "kernels/conv/upscaled_product_kernel.h"
#include "kernels/cuda/packed_rows.h"

namespace lasso::kernels {

namespace {

gpu::PackedRows taps(const ConvTranspose2dProblem& p) {
  return {p.weights, p.stride * p.stride * p.filters, p.channels, p.filters};
}

Offer offer(const UpscaledProductProblem& p, const TargetInfo& /*target*/) {
  if (const char* reason = gpu::refused_by_mma(p)) return Offer::no(reason);
  Offer offer;
  offer.packed_bytes = taps(p.image).bytes();
  offer.packed_layout = taps(p.image).layout("taps");
  return offer;
}

// W [stride, stride, filters, channels], from W [channels, filters, stride, stride].
void pack(const UpscaledProductProblem& problem, const std::vector<TensorView>& constants,
          std::byte* packed) {
  const ConvTranspose2dProblem& p = problem.image;
  const std::vector<float> w = read_f32(constants.at(0));
  const std::int64_t area = p.stride * p.stride;
  const auto element = [&](std::int64_t column, std::int64_t c) {
    const std::int64_t tap = column / p.filters;
    const std::int64_t filter = column % p.filters;
    return w[static_cast<std::size_t>((c * p.filters + filter) * area + tap)];
  };
  taps(p).pack(element, gpu::bias_of(constants, p.filters), packed);
}

std::unique_ptr<KernelState> create(const UpscaledProductProblem& p, const TargetInfo& target,
                                    const Offer& offer) {
  gpu::prepare_upscaled_product(p.image.weights);
  return create_problem_state(p, target, offer);
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<UpscaledProductProblem>&>(state);
  gpu::run_upscaled_product(s.problem, s.target.multiprocessors, args,
                            taps(s.problem.image).bias(args.packed));
}

}  // namespace

const std::vector<Kernel<UpscaledProductProblem>>& upscaled_product_cuda_kernels() {
  static const std::vector<Kernel<UpscaledProductProblem>> list{
      {"mma", Needs::gpu(80), offer, pack, create, run}};
  return list;
}

}  // namespace lasso::kernels
