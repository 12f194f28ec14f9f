#include "models/onnx/precision.h"

#include "core/check.h"
#include "models/precision.h"

namespace lasso::onnx {

namespace {

// The weights of a node that may be lowered; null for others.
const std::string* weights_name(const graph::Graph& program, const graph::Node& node,
                                bool convolutions) {
  const bool linear = std::holds_alternative<graph::Linear>(node.op);
  const bool conv = std::holds_alternative<graph::Conv2d>(node.op) ||
                    std::holds_alternative<graph::ConvTranspose2d>(node.op);
  if (!linear && !(convolutions && conv)) return nullptr;
  const graph::Value& weights = program.value(node.inputs.at(1));
  return weights.constant ? &weights.name : nullptr;
}

}  // namespace

quant::PrecisionPlan precision_plan(const graph::Graph& program, Precision precision,
                                    const backend::TargetInfo& target, bool reference) {
  LASSO_CHECK(precision != Precision::kAuto, ErrorCode::kInvalidArgument,
              "precision auto is chosen by calibration, which ONNX models do not have; expected "
              "fp32, fp16, bf16 or int8");
  if (precision == Precision::kFp32) return {};
  if (!reference) check_precision(precision, target);
  const DType weights = weights_of(precision);
  quant::PrecisionPlan plan;
  for (const graph::Node& node : program.nodes) {
    const std::string* name = weights_name(program, node, is_half(weights));
    if (name != nullptr) plan.layers[*name].weights = weights;
  }
  if (is_half(weights)) {
    plan.window_attention = weights;
    plan.attention = weights;
  }
  return plan;
}

}  // namespace lasso::onnx
