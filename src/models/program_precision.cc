#include "models/program_precision.h"

#include "core/check.h"
#include "models/detector/recognise.h"
#include "models/precision.h"

namespace lasso {

namespace {

// In which numbers a convolution is computed beside layers in `half`.
DType convolution_weights(const graph::Value& weights, std::int64_t groups, DType half,
                          bool on_gpu) {
  // The 11 bits of float16 hold the 8 of a pixel, those of bfloat16 only just.
  if (quant::reads_pixels(weights, groups)) return on_gpu ? DType::kF16 : DType::kF32;
  return groups == 1 || on_gpu ? half : DType::kF32;
}

}  // namespace

quant::PrecisionPlan program_precision(const graph::Graph& program, Precision precision,
                                       const backend::TargetInfo& target, bool reference) {
  LASSO_CHECK(precision != Precision::kAuto, ErrorCode::kInvalidArgument,
              "precision auto is chosen by calibration, which SAM checkpoints and detectors have; "
              "expected fp32, fp16, bf16 or int8");
  if (precision == Precision::kFp32) return {};
  if (!reference) check_precision(precision, target);
  LASSO_CHECK(precision != Precision::kInt8 || !detector::recognise(program).interface,
              ErrorCode::kInvalidArgument,
              "precision int8 of a detector needs images, which tell what its convolutions read: "
              "calibrate it (lasso build --precision int8 --calibrate DIR)");
  const DType weights = weights_of(precision);
  const DType half = is_half(weights) ? weights : DType::kBF16;
  const bool on_gpu = is_gpu(target);
  const bool is_faster = reference || target.half_is_faster();
  const bool lowers_rest = is_faster || is_half(weights);
  quant::PrecisionPlan plan;
  for (const graph::Node& node : program.nodes) {
    if (node.inputs.size() < 2 || node.inputs[1] == graph::kNoValue) continue;
    const graph::Value& value = program.value(node.inputs[1]);
    if (!value.constant) continue;
    if (std::holds_alternative<graph::Linear>(node.op)) {
      plan.layers[value.name].weights = weights;
    } else if (const auto* conv = std::get_if<graph::Conv2d>(&node.op); conv && lowers_rest) {
      const DType type = convolution_weights(value, conv->groups, half, on_gpu);
      if (type != DType::kF32) plan.layers[value.name].weights = type;
    } else if (std::holds_alternative<graph::ConvTranspose2d>(node.op) && lowers_rest) {
      plan.layers[value.name].weights = half;
    }
  }
  if (lowers_rest) plan.window_attention = half;
  // Tokens are float32 on CPUs that have no float16.
  if (is_faster && (on_gpu || half == DType::kF16)) plan.attention = half;
  return plan;
}

}  // namespace lasso
