// Lower precisions: which layers take bfloat16, float16 or int8 weights, and what stands between
// them.
#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/convert.h"
#include "passes/pass.h"
#include "passes/wanted_types.h"

namespace lasso::passes {

using graph::Graph;
using graph::kNoValue;
using graph::Linear;
using graph::Node;
using graph::Value;
using graph::ValueId;
using quant::LayerPrecision;
using quant::PrecisionPlan;

namespace {

// Positions among Linear's inputs behind those that all layers have.
constexpr std::size_t kScales = 4;
constexpr std::size_t kGain = 5;
constexpr std::size_t kOutputGain = 6;

class Lowering {
 public:
  Lowering(Graph graph, const PassContext& context)
      : before_(graph),
        types_(before_, context.precision, context.target.kind == backend::DeviceKind::kCpu),
        graph_(std::move(graph)),
        casts_inputs_(context.target.kind == backend::DeviceKind::kCuda) {}

  Graph run() {
    const std::vector<Node> nodes = std::exchange(graph_.nodes, {});
    for (const Node& node : nodes) {
      if (std::holds_alternative<Linear>(node.op)) {
        lower_linear(node);
      } else if (std::holds_alternative<graph::Conv2d>(node.op)) {
        lower_convolution<graph::Conv2d>(node);
      } else if (std::holds_alternative<graph::ConvTranspose2d>(node.op)) {
        lower_convolution<graph::ConvTranspose2d>(node);
      } else if (std::holds_alternative<graph::LayerNorm>(node.op)) {
        lower_layer_norm(node);
      } else if (std::holds_alternative<graph::WindowAttention>(node.op) ||
                 std::holds_alternative<graph::Attention>(node.op)) {
        lower_attention(node);
      } else if (WantedTypes::is_move(node) && wanted(node.outputs.front()).dtype != DType::kF32) {
        move(node);
      } else {
        keep(node);
      }
    }
    return std::move(graph_);
  }

 private:
  Want wanted(ValueId id) const { return types_.of(id); }

  ValueId append(Value value) {
    graph_.values.push_back(std::move(value));
    return static_cast<ValueId>(graph_.values.size() - 1);
  }

  ValueId constant(const std::string& name, const std::vector<float>& values) {
    Value value;
    value.name = name;
    value.constant = make_tensor({static_cast<std::int64_t>(values.size())}, values);
    value.shape = {static_cast<std::int64_t>(values.size())};
    return append(std::move(value));
  }

  ValueId reciprocal(const std::string& name, const std::vector<float>& values) {
    std::vector<float> result(values.size());
    std::transform(values.begin(), values.end(), result.begin(), [](float v) { return 1.0F / v; });
    return constant(name, result);
  }

  // Appends a node whose first result is an existing value; its type may have changed. What is
  // rounded for every row has one result more than it had before: the rows' scales.
  void emit(Node node) {
    std::vector<const Value*> inputs;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? nullptr : &graph_.value(id));
    }
    std::vector<Value> results = graph::infer(node.op, inputs);
    Value& out = graph_.value(node.outputs.front());
    out.dtype = results.front().dtype;
    if (results.size() == 2 && node.outputs.size() == 1) {
      results[1].name = out.name + ".scales";
      const ValueId first = node.outputs.front();
      node.outputs.push_back(append(std::move(results[1])));
      scales_[first] = node.outputs.back();
    }
    graph_.nodes.push_back(std::move(node));
  }

  // The value in the type that a reader wants: itself, or what a Cast or Quantize makes of it.
  ValueId converted(ValueId id, const Want& want) {
    if (graph_.value(id).dtype == want.dtype) return id;
    const auto key =
        std::make_tuple(id, want.dtype, want.smoothing, want.scheme.scale, want.scheme.zero);
    const auto found = conversions_.find(key);
    if (found != conversions_.end()) return found->second;
    Node node;
    node.inputs = {id};
    Value result;
    result.name = graph_.value(id).name + "." + std::string(to_string(want.dtype));
    if (want.by_scheme) {
      node.op = graph::QuantizeTensor{want.scheme};
    } else if (want.dtype == DType::kU8) {
      node.op = graph::Quantize{};
      if (want.smoothing != nullptr) {
        node.inputs.push_back(reciprocal(result.name + ".gain", *want.smoothing));
      }
    } else {
      node.op = graph::Cast{want.dtype};
    }
    result.shape = graph_.value(id).shape;
    const ValueId out = append(std::move(result));
    node.outputs = {out};
    emit(std::move(node));
    conversions_[key] = out;
    return out;
  }

  void keep(Node node) {
    for (ValueId& id : node.inputs) {
      if (id != kNoValue && is_half(graph_.value(id).dtype)) id = converted(id, Want{});
    }
    emit(std::move(node));
  }

  // The numbers of a type of 8 or 16 bits move as they are.
  void move(Node node) {
    const Want type = wanted(node.outputs.front());
    for (ValueId& id : node.inputs) id = converted(id, type);
    emit(std::move(node));
  }

  // Whether a convolution rounds each number once if it reads float32: its windows do not overlap,
  // and it gathers them in any case.
  bool reads_once(const Node& node) const {
    const auto* op = std::get_if<graph::Conv2d>(&node.op);
    if (op == nullptr || graph_.value(node.inputs[0]).dtype != DType::kF32) return false;
    return op->kernel_h > 1 && op->kernel_h <= op->stride.h && op->kernel_w <= op->stride.w;
  }

  // What a layer with lower weights reads.
  ValueId layer_input(const Node& node) {
    const ValueId x = node.inputs.front();
    const Want wanted = types_.of_input(node, 0);
    const bool rounds_itself = graph_.value(x).dtype == DType::kF32 && is_half(wanted.dtype);
    return rounds_itself && !casts_inputs_ ? x : converted(x, wanted);
  }

  void lower_linear(Node node) {
    const LayerPrecision* precision = types_.precision_of(node);
    if (precision == nullptr) return keep(std::move(node));
    auto op = std::get<Linear>(node.op);
    op.weights = precision->weights;
    node.inputs[0] = layer_input(node);
    // A copy: values move when constants are added.
    const std::string name = graph_.value(node.inputs[kWeights]).name;
    const bool residual = node.inputs.size() > kResidual && node.inputs[kResidual] != kNoValue;
    if (residual && graph_.value(node.inputs[kResidual]).dtype != DType::kF32) {
      node.inputs[kResidual] = converted(node.inputs[kResidual], Want{});
    }
    if (op.weights == DType::kI8) {
      node.inputs.resize(kGain + 1, kNoValue);
      node.inputs[kScales] = scales_.at(node.inputs[0]);
      if (!precision->smoothing.empty()) {
        node.inputs[kGain] = constant(name + ".smoothing", precision->smoothing);
      }
    }
    const Want result = wanted(node.outputs.front());
    const bool int8 = op.weights == DType::kI8;
    const bool can_make = result.dtype == (int8 ? DType::kBF16 : op.weights) ||
                          (int8 && result.dtype == DType::kU8 && !result.by_scheme);
    if (!residual && can_make) {
      op.output = result.dtype;
      if (result.smoothing != nullptr) {
        node.inputs.resize(kOutputGain + 1, kNoValue);
        node.inputs[kOutputGain] = reciprocal(name + ".output_gain", *result.smoothing);
      }
    }
    node.op = op;
    emit(std::move(node));
  }

  void keep_convolution(Node node) {
    const Want result = wanted(node.outputs.front());
    if (types_.rounds_pixels(node) && (result.dtype == DType::kBF16 || result.by_scheme)) {
      auto op = std::get<graph::Conv2d>(node.op);
      op.output = result.dtype;
      op.result = result.scheme;
      node.op = op;
    }
    keep(std::move(node));
  }

  template <typename Convolution>
  void lower_convolution(Node node) {
    const LayerPrecision* precision = types_.precision_of(node);
    if (precision == nullptr) return keep_convolution(std::move(node));
    auto op = std::get<Convolution>(node.op);
    op.weights = precision->weights;
    // Read off the graph as it was, before the input changes.
    const Want input = types_.of_input(node, 0);
    if (input.by_scheme || !reads_once(node)) node.inputs[0] = layer_input(node);
    const Want result = wanted(node.outputs.front());
    const bool int8 = op.weights == DType::kI8;
    if (result.dtype == (int8 ? DType::kBF16 : op.weights)) op.output = result.dtype;
    if constexpr (std::is_same_v<Convolution, graph::Conv2d>) {
      if (int8) op.input = input.scheme;
      if (int8 && result.by_scheme) {
        op.output = result.dtype;
        op.result = result.scheme;
      }
    }
    node.op = op;
    emit(std::move(node));
  }

  // The smoothing of the reader is folded into gamma and beta.
  void lower_layer_norm(Node node) {
    Want result = wanted(node.outputs.front());
    if (result.by_scheme) result = {};
    auto op = std::get<graph::LayerNorm>(node.op);
    const bool constant_affine =
        graph_.value(node.inputs[1]).constant && graph_.value(node.inputs[2]).constant;
    if (result.smoothing != nullptr &&
        (op.activation != graph::Activation::kNone || !constant_affine)) {
      return keep(std::move(node));
    }
    op.output = result.dtype;
    if (result.smoothing != nullptr) {
      for (const std::size_t i : {1, 2}) {
        const Value& value = graph_.value(node.inputs[i]);
        std::vector<float> scaled = read_f32(value.constant->dense().view());
        for (std::size_t c = 0; c < scaled.size(); ++c) scaled[c] /= (*result.smoothing)[c];
        node.inputs[i] = constant(value.name + ".smoothed", scaled);
      }
    }
    node.op = op;
    emit(std::move(node));
  }

  void lower_attention(Node node) {
    const Want type{.dtype = types_.attention_type(node)};
    const std::size_t count = std::holds_alternative<graph::Attention>(node.op) ? 3 : 1;
    for (std::size_t i = 0; i < count; ++i) node.inputs[i] = converted(node.inputs[i], type);
    emit(std::move(node));
  }

  Graph before_;
  WantedTypes types_;  // of the values of the graph before
  Graph graph_;
  bool casts_inputs_;
  std::map<ValueId, ValueId> scales_;
  std::map<std::tuple<ValueId, DType, const std::vector<float>*, float, std::int64_t>, ValueId>
      conversions_;
};

}  // namespace

Graph lower_precision(Graph graph, const PassContext& context) {
  const PrecisionPlan& plan = context.precision;
  if (plan.layers.empty() && plan.window_attention == DType::kF32) return graph;
  return Lowering(std::move(graph), context).run();
}

}  // namespace lasso::passes
