#include "models/detector/calibrate/layers.h"

#include <algorithm>
#include <cstddef>
#include <set>

#include "kernels/cpu/int8_product.h"
#include "models/precision.h"
#include "models/program_precision.h"
#include "passes/pass.h"
#include "quant/precision_plan.h"

namespace lasso::detector {

namespace {

bool has_weights(const graph::Node& node) {
  return std::holds_alternative<graph::Conv2d>(node.op) ||
         std::holds_alternative<graph::Linear>(node.op) ||
         std::holds_alternative<graph::ConvTranspose2d>(node.op) ||
         std::holds_alternative<graph::Deconv2d>(node.op);
}

bool is_lowerable(const graph::Graph& program, const graph::Node& node) {
  const auto* conv = std::get_if<graph::Conv2d>(&node.op);
  if (conv == nullptr || conv->groups != 1) return false;
  const graph::Value& weights = program.value(node.inputs[1]);
  if (!weights.constant || weights.dtype != DType::kF32) return false;
  const Dims& dims = weights.constant->dims;  // [filters, channels, kernel_h, kernel_w]
  return dims[1] * dims[2] * dims[3] <= kernels::kInt8MostInputs &&
         !quant::reads_pixels(weights, conv->groups);
}

// Whether each node's results come to the program's outputs without another layer with weights.
std::vector<bool> are_last(const graph::Graph& program) {
  std::vector<bool> is_result(program.values.size());
  for (const graph::ValueId id : program.outputs) is_result[static_cast<std::size_t>(id)] = true;
  std::vector<bool> last(program.nodes.size());
  for (std::size_t i = program.nodes.size(); i-- > 0;) {
    const graph::Node& node = program.nodes[i];
    last[i] = std::any_of(node.outputs.begin(), node.outputs.end(), [&](graph::ValueId id) {
      return is_result[static_cast<std::size_t>(id)];
    });
    if (!last[i] || has_weights(node)) continue;
    for (const graph::ValueId id : node.inputs) {
      if (id != graph::kNoValue) is_result[static_cast<std::size_t>(id)] = true;
    }
  }
  return last;
}

}  // namespace

std::vector<std::string> lowerable_layers(const graph::Graph& program) {
  // Of what no output needs, nothing is left to calibrate.
  const graph::Graph live = passes::eliminate_dead(program, {});
  const std::vector<bool> last = are_last(live);
  std::vector<std::string> names;
  std::set<std::string> seen;
  std::set<std::string> kept;  // weights of a layer that is not lowered, whoever else has them
  for (std::size_t i = 0; i < live.nodes.size(); ++i) {
    const graph::Node& node = live.nodes[i];
    if (!has_weights(node)) continue;
    const std::string& name = live.value(node.inputs[1]).name;
    if (last[i] || !is_lowerable(live, node)) {
      kept.insert(name);
    } else if (seen.insert(name).second) {
      names.push_back(name);
    }
  }
  std::erase_if(names, [&](const std::string& name) { return kept.contains(name); });
  return names;
}

void lower_the_rest(const graph::Graph& program, const backend::TargetInfo& target, DType half,
                    quant::PrecisionPlan& plan) {
  // That the target has the type was asked before it became a candidate.
  quant::PrecisionPlan rest = program_precision(program, precision_of(half), target, true);
  for (const std::string& name : lowerable_layers(program)) rest.layers.erase(name);
  plan.layers.merge(rest.layers);
  plan.window_attention = rest.window_attention;
  plan.attention = rest.attention;
}

}  // namespace lasso::detector
