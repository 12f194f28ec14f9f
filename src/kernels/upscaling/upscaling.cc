#include "kernels/upscaling/upscaling.h"

#include "core/check.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels {

namespace {

MaskUpscalingProblem make_mask_upscaling_problem(const Call& call) {
  const auto& op = std::get<graph::MaskUpscaling>(call.op);
  for (const std::size_t i : {2, 3, 6, 7}) {
    LASSO_CHECK(!has_operand(call.inputs, i) || call.inputs[i].constant, ErrorCode::kUnsupported,
                "mask_upscaling: input {} (weights, bias) must be a constant", i);
  }
  const Dims& a = call.inputs.at(0).dims;
  const Dims& x = call.inputs.at(1).dims;
  const Dims& w1 = call.inputs.at(2).dims;
  const Dims& w2 = call.inputs.at(6).dims;
  LASSO_CHECK(a.size() == 3 && x.size() == 4 && w1.size() == 4 && w2.size() == 4 && a[0] == x[0] &&
                  x[3] == w1[0] && w1[1] == w2[0] && w2[1] == a[2],
              ErrorCode::kInternal, "mask_upscaling: A {}, x {} and weights {} and {}",
              to_string(a), to_string(x), to_string(w1), to_string(w2));
  return {.batch = x[0],
          .height = x[1],
          .width = x[2],
          .channels = x[3],
          .middle = w1[1],
          .filters = w2[1],
          .masks = a[1],
          .stride = op.stride,
          .epsilon = op.epsilon,
          .first = op.first,
          .second = op.second,
          .weights = op.weights};
}

}  // namespace

double operations(const MaskUpscalingProblem& p) {
  const auto pixels = static_cast<double>(p.batch * p.height * p.width * p.area());
  return 2 * pixels *
         static_cast<double>(p.middle * p.channels + p.area() * p.filters * (p.middle + p.masks));
}

std::string check_problem(const MaskUpscalingProblem& p) {
  for (const std::int64_t size :
       {p.height, p.width, p.channels, p.middle, p.filters, p.masks, p.stride}) {
    if (size < 1) return "sizes that are not positive";
  }
  // Sizes may come from an engine file: beyond this nothing that a kernel counts in would have
  // room.
  constexpr double kMost = 0x1p58;
  const auto area = static_cast<double>(p.stride) * static_cast<double>(p.stride);
  const double pixels = (static_cast<double>(p.height) + 32) * (static_cast<double>(p.width) + 32) *
                        (static_cast<double>(p.batch) + 1);
  const auto channels = static_cast<double>(p.channels) + 64;
  const auto middle = static_cast<double>(p.middle) + 64;
  const auto results = static_cast<double>(p.filters) + static_cast<double>(p.masks) + 64;
  const double numbers = (channels + area * results) * middle * area;
  if (pixels * numbers > kMost) return "sizes beyond any memory";
  if (p.weights != DType::kF32 && !is_half(p.weights)) return "weights of another type";
  return p.batch < 0 ? "sizes that are not positive" : "";
}

const std::vector<Kernel<MaskUpscalingProblem>>& mask_upscaling_kernels() {
  static const std::vector<Kernel<MaskUpscalingProblem>> list{
      kMaskUpscalingAmx,         kMaskUpscalingBf16,   kMaskUpscalingWidenedAvx512,
      kMaskUpscalingWidenedAvx2, kMaskUpscalingAvx512, kMaskUpscalingAvx2,
      kMaskUpscalingRef};
  return list;
}

const Family& mask_upscaling_family() {
  static const ListFamily<MaskUpscalingProblem> family(
      "mask_upscaling", mask_upscaling_kernels(), make_mask_upscaling_problem,
      [](const Call& /*call*/) {
        return std::vector<std::size_t>{2, 3, 6, 7};
      });
  return family;
}

}  // namespace lasso::kernels
