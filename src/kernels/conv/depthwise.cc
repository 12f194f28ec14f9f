// Convolutions of each channel apart with AVX2 and AVX-512: vectors of channels, and rows of the
// result divided between the threads.
#include <algorithm>
#include <vector>

#include "core/threads.h"
#include "kernels/conv/conv.h"
#include "kernels/conv/depthwise_isa.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels {

namespace {

std::int64_t weight_floats(const Conv2dProblem& p) { return p.kernel_h * p.kernel_w * p.channels; }

template <CpuFeature kFeature>
Offer offer(const Conv2dProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kF32) return Offer::no("weights other than float32");
  if (p.output != DType::kF32) return Offer::no("a result other than float32");
  if (p.groups != p.channels || p.filters != p.channels) {
    return Offer::no("no group and filter for each channel");
  }
  Offer offer;
  offer.packed_bytes = static_cast<std::size_t>(weight_floats(p) + p.channels) * sizeof(float);
  offer.packed_layout = "f32 [kh, kw, C], b [C]";
  offer.cost = operations(p) / target.rate(fp32_multiply_add(kFeature));
  return offer;
}

void pack(const Conv2dProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  auto* out = reinterpret_cast<float*>(packed);
  const std::int64_t area = p.kernel_h * p.kernel_w;
  for (std::int64_t i = 0; i < area; ++i) {
    for (std::int64_t c = 0; c < p.channels; ++c) {
      *out++ = w[static_cast<std::size_t>(c * area + i)];
    }
  }
  read_bias(constants, p.channels, out);
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<Conv2dProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  const auto* w = reinterpret_cast<const float*>(args.packed);
  auto* y = static_cast<float*>(args.outputs[0]);
  const std::int64_t out_h = p.out_h();
  const std::int64_t out_w = p.out_w();
  const std::int64_t row_floats = p.width * p.channels;
  const auto run_rows = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t top = p.top(row % out_h);
      std::int64_t first = 0;
      while (first < p.kernel_h && top + first * p.dilation.h < 0) ++first;
      std::int64_t last = first;
      while (last < p.kernel_h && top + last * p.dilation.h < p.height) ++last;
      const std::int64_t image_row = last == first ? 0 : top + first * p.dilation.h;
      const DepthwiseRow of_row{.x = x + (row / out_h * p.height + image_row) * row_floats,
                                .width = p.width,
                                .channels = p.channels,
                                .rows = last - first,
                                .row_step = p.dilation.h * row_floats,
                                .w = w + first * p.kernel_w * p.channels,
                                .kernel_w = p.kernel_w,
                                .stride = p.stride.w,
                                .left = p.padding.left,
                                .dilation = p.dilation.w,
                                .bias = w + weight_floats(p),
                                .results = out_w,
                                .y = y + row * out_w * p.channels,
                                .activation = p.activation};
      if constexpr (kFeature == CpuFeature::kAvx512) {
        depthwise_row_avx512(of_row);
      } else {
        depthwise_row_avx2(of_row);
      }
    }
  };
  const std::int64_t rows = out_h > 0 && out_w > 0 ? p.batch * out_h : 0;
  constexpr double kSmall = 2e5;  // operations: not worth waking the team
  if (operations(p) <= kSmall) {
    run_rows(0, rows);
  } else {
    parallel_ranges(rows, run_rows);
  }
}

template <CpuFeature kFeature>
constexpr Kernel<Conv2dProblem> kernel() {
  return {
      .name = "depthwise",
      .needs = {.features = kFeature},
      .offer = offer<kFeature>,
      .pack = pack,
      .create = create_problem_state<Conv2dProblem>,
      .run = run<kFeature>,
  };
}

}  // namespace

const Kernel<Conv2dProblem> kConv2dDepthwiseAvx512 = kernel<CpuFeature::kAvx512>();
const Kernel<Conv2dProblem> kConv2dDepthwiseAvx2 = kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
