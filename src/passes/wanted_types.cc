#include "passes/wanted_types.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"
#include "quant/number_schemes.h"

namespace lasso::passes {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;
using quant::LayerPrecision;
using quant::Range;

namespace {

std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

unsigned bit_of(DType half) { return half == DType::kF16 ? 1U : half == DType::kBF16 ? 2U : 0U; }
constexpr unsigned kBothHalves = 3;

bool is_attention(const Node& node) {
  return std::holds_alternative<graph::WindowAttention>(node.op) ||
         std::holds_alternative<graph::Attention>(node.op);
}

void check_layer(const Node& node, const graph::Value& weights, const LayerPrecision& precision) {
  const bool linear = std::holds_alternative<graph::Linear>(node.op);
  if (const auto* conv = std::get_if<graph::Conv2d>(&node.op);
      conv != nullptr && precision.weights == DType::kI8) {
    LASSO_CHECK(conv->groups == 1 && precision.input.low <= precision.input.high,
                ErrorCode::kInvalidArgument,
                "{} are a convolution's, which int8 needs the range of its input and one group for",
                weights.name);
    return;
  }
  LASSO_CHECK(linear || is_half(precision.weights), ErrorCode::kInvalidArgument,
              "{} are a transposed convolution's, which is not made in {}", weights.name,
              to_string(precision.weights));
  const std::int64_t columns = weights.constant->dims[1];
  LASSO_CHECK(precision.smoothing.empty() ||
                  static_cast<std::int64_t>(precision.smoothing.size()) == columns,
              ErrorCode::kInvalidArgument, "smoothing of {}: {} values, and {} are expected",
              weights.name, precision.smoothing.size(), columns);
}

}  // namespace

bool Want::operator==(const Want& other) const {
  if (dtype != other.dtype || by_scheme != other.by_scheme || !(scheme == other.scheme)) {
    return false;
  }
  if (smoothing == nullptr || other.smoothing == nullptr) return smoothing == other.smoothing;
  return *smoothing == *other.smoothing;
}

WantedTypes::WantedTypes(const graph::Graph& graph, const quant::PrecisionPlan& plan, bool on_cpu)
    : graph_(graph), plan_(plan), on_cpu_(on_cpu) {
  collect_makers();
  collect_wants();
  collect_schemes();
}

bool WantedTypes::is_move(const Node& node) {
  if (const auto* pool = std::get_if<graph::Pool2d>(&node.op)) {
    return pool->kind == graph::PoolKind::kMax;
  }
  if (const auto* resize = std::get_if<graph::Resize>(&node.op)) {
    return resize->mode == graph::ResizeMode::kNearest;
  }
  return std::holds_alternative<graph::Concat>(node.op) ||
         std::holds_alternative<graph::Slice>(node.op) ||
         std::holds_alternative<graph::Reshape>(node.op) ||
         std::holds_alternative<graph::Transpose>(node.op);
}

const LayerPrecision* WantedTypes::precision_of(const Node& node) const {
  if (!std::holds_alternative<graph::Linear>(node.op) &&
      !std::holds_alternative<graph::Conv2d>(node.op) &&
      !std::holds_alternative<graph::ConvTranspose2d>(node.op)) {
    return nullptr;
  }
  const graph::Value& weights = graph_.value(node.inputs[kWeights]);
  const auto found = plan_.layers.find(weights.name);
  if (found == plan_.layers.end() || found->second.weights == DType::kF32 || !weights.constant) {
    return nullptr;
  }
  check_layer(node, weights, found->second);
  return &found->second;
}

DType WantedTypes::made_by(ValueId id) const {
  const auto found = makers_.find(id);
  return found == makers_.end() ? DType::kF32 : found->second;
}

DType WantedTypes::attention_type(const Node& node) const {
  if (std::holds_alternative<graph::WindowAttention>(node.op)) {
    const DType layer = made_by(node.inputs.front());
    return plan_.window_attention != DType::kF32 && is_half(layer) ? layer : plan_.window_attention;
  }
  const bool reads_layer = std::any_of(node.inputs.begin(), node.inputs.end(),
                                       [&](ValueId id) { return made_by(id) == plan_.attention; });
  return reads_layer ? plan_.attention : DType::kF32;
}

bool WantedTypes::rounds_pixels(const Node& node) const {
  const auto* conv = std::get_if<graph::Conv2d>(&node.op);
  return on_cpu_ && conv != nullptr &&
         quant::reads_pixels(graph_.value(node.inputs[kWeights]), conv->groups) &&
         precision_of(node) == nullptr;
}

unsigned WantedTypes::halves_of(const Node& node) const {
  if (rounds_pixels(node)) return bit_of(DType::kBF16);
  if (is_attention(node)) return bit_of(attention_type(node));
  if (std::holds_alternative<graph::LayerNorm>(node.op)) return kBothHalves;
  if (is_move(node)) {
    unsigned halves = kBothHalves;
    for (const ValueId id : node.inputs) halves &= halves_[at(id)];
    return halves;
  }
  const LayerPrecision* precision = precision_of(node);
  if (precision == nullptr) return 0;
  const bool residual = std::holds_alternative<graph::Linear>(node.op) &&
                        node.inputs.size() > kResidual && node.inputs[kResidual] != kNoValue;
  if (residual) return 0;
  return bit_of(precision->weights == DType::kI8 ? DType::kBF16 : precision->weights);
}

void WantedTypes::collect_makers() {
  halves_.assign(graph_.values.size(), 0);
  for (const Node& node : graph_.nodes) {
    if (const LayerPrecision* precision = precision_of(node)) {
      makers_[node.outputs.front()] = precision->weights;
    }
  }
  for (const Node& node : graph_.nodes) halves_[at(node.outputs.front())] = halves_of(node);
}

Want WantedTypes::layer_want(const Node& node, std::size_t input) const {
  const bool attends = std::holds_alternative<graph::WindowAttention>(node.op)
                           ? input == 0
                           : std::holds_alternative<graph::Attention>(node.op);
  if (attends) return {.dtype = attention_type(node)};
  const LayerPrecision* precision = input == 0 ? precision_of(node) : nullptr;
  if (precision == nullptr) return {};
  if (precision->weights != DType::kI8) return {.dtype = precision->weights};
  if (std::holds_alternative<graph::Conv2d>(node.op)) {
    return {.dtype = DType::kU8, .by_scheme = true};
  }
  return {.dtype = DType::kU8,
          .smoothing = precision->smoothing.empty() ? nullptr : &precision->smoothing};
}

// From the last node to the first, so that all readers of a value come before what makes it.
void WantedTypes::collect_wants() {
  wants_.assign(graph_.values.size(), Want{});
  std::vector<bool> seen(graph_.values.size(), false);
  const auto add = [&](ValueId id, const Want& want) {
    if (id == kNoValue) return;
    // Once readers differ, float32 stays, which no other reader agrees with but float32's own.
    wants_[at(id)] = !seen[at(id)] || wants_[at(id)] == want ? want : Want{};
    seen[at(id)] = true;
  };
  for (const ValueId id : graph_.outputs) add(id, Want{});
  for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
    if (!is_move(*node)) {
      for (std::size_t i = 0; i < node->inputs.size(); ++i) {
        add(node->inputs[i], layer_want(*node, i));
      }
      continue;
    }
    const ValueId out = node->outputs.front();
    Want& want = wants_[at(out)];
    const bool is_possible = want.by_scheme || (bit_of(want.dtype) & halves_[at(out)]) != 0;
    if (!is_possible) want = {};
    for (const ValueId id : node->inputs) add(id, want);
  }
}

std::size_t WantedTypes::find_group(std::size_t value) {
  while (groups_[value] != value) {
    groups_[value] = groups_[groups_[value]];  // later ways are half as long
    value = groups_[value];
  }
  return value;
}

void WantedTypes::collect_schemes() {
  groups_.resize(graph_.values.size());
  std::iota(groups_.begin(), groups_.end(), std::size_t{0});
  group_ranges_.assign(graph_.values.size(), Range{});
  read_ranges_.assign(graph_.values.size(), Range{});
  for (const Node& node : graph_.nodes) {
    const std::size_t out = at(node.outputs.front());
    if (!is_move(node) || !wants_[out].by_scheme) continue;
    for (const ValueId id : node.inputs) {
      if (wants_[at(id)].by_scheme) groups_[find_group(at(id))] = find_group(out);
    }
  }
  for (const Node& node : graph_.nodes) {
    if (!layer_want(node, 0).by_scheme) continue;
    Range& read = read_ranges_[at(node.inputs.front())];
    read = united(read, precision_of(node)->input);
  }
  for (std::size_t i = 0; i < read_ranges_.size(); ++i) {
    groups_[i] = find_group(i);
    Range& range = group_ranges_[groups_[i]];
    if (wants_[i].by_scheme) range = united(range, read_ranges_[i]);
  }
}

Want WantedTypes::of(ValueId id) const {
  Want want = wants_[at(id)];
  if (want.by_scheme) want.scheme = quant::scheme_of(group_ranges_[groups_[at(id)]]);
  return want;
}

Want WantedTypes::of_input(const Node& node, std::size_t input) const {
  if (is_move(node)) return of(node.outputs.front());
  const ValueId id = node.inputs[input];
  Want want = layer_want(node, input);
  if (!want.by_scheme) return want;
  if (wants_[at(id)].by_scheme) return of(id);
  want.scheme = quant::scheme_of(read_ranges_[at(id)]);
  return want;
}

}  // namespace lasso::passes
