// Deconv2d for NVIDIA GPUs.
#include "kernels/deconv/deconv_cuda.h"

#include "core/convert.h"
#include "kernels/cuda/packed_rows.h"
#include "kernels/deconv/deconv_cuda_kernels.h"

namespace lasso::kernels {

namespace {

gpu::PackedRows filters(const Deconv2dProblem& p) {
  return {DType::kF32, p.filters, p.taps() * p.group_channels(), p.filters};
}

Offer offer(const Deconv2dProblem& p, const TargetInfo& /*target*/) {
  Offer offer;
  offer.packed_bytes = filters(p).bytes();
  offer.packed_layout = filters(p).layout("transposed windows");
  return offer;
}

// Row n of W is filter n: [kernel_h, kernel_w, group_channels].
void pack(const Deconv2dProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  const std::int64_t channels = p.group_channels();
  const auto element = [&](std::int64_t n, std::int64_t k) {
    return w[static_cast<std::size_t>(p.weight_at(n, k % channels, k / channels))];
  };
  filters(p).pack(element, gpu::bias_of(constants, p.filters), packed);
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<Deconv2dProblem>&>(state).problem;
  if (p.pixels() == 0 || p.filters == 0) return;
  gpu::run_deconv_tile(p, args, reinterpret_cast<const float*>(args.packed),
                       filters(p).bias(args.packed));
}

}  // namespace

const std::vector<Kernel<Deconv2dProblem>>& deconv2d_cuda_kernels() {
  static const std::vector<Kernel<Deconv2dProblem>> list{
      {"tile", Needs::gpu(), offer, pack, create_problem_state<Deconv2dProblem>, run}};
  return list;
}

}  // namespace lasso::kernels
