#include "cli/compare/tensors/compare_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "cli/compare/read_values.h"
#include "cli/compare/tensors/tensor_values.h"

namespace lasso::app {

namespace {

// Of values that wait to be compared.
constexpr std::size_t kMostBytes = std::size_t{256} << 20;
constexpr std::size_t kMostNames = 128;

// Reads on to the layer of the index, or beyond it where that one has no values; false at the end.
bool read_to(Side* side, int index) {
  while (side->current().kind == RecordKind::kTensor &&
         side->current().meta.at("index").get<int>() < index) {
    side->next();
  }
  return side->current().kind == RecordKind::kTensor;
}

bool is_at(const Side* side, int index) {
  return side->current().meta.at("index").get<int>() == index;
}

void finish(Side* side) {
  while (side->current().kind == RecordKind::kTensor) side->next();
}

void ask_for_layers(Side* side) {
  side->send(RecordKind::kRequest, {{"layers", true}});
  side->next();
}

ComparedLayers compare_traces(const SideLayers& a, const SideLayers& b, Progress* progress) {
  const Alignment alignment = align_layers(a.layers, b.layers);
  ComparedLayers compared;
  compared.by_name = alignment.by_name;
  compared.only_a = a.layers.size() - alignment.pairs.size();
  compared.only_b = b.layers.size() - alignment.pairs.size();
  for (const SideLayers* side : {&a, &b}) ask_for_layers(side->side);
  for (const auto& [first, second] : alignment.pairs) {
    const int index_a = static_cast<int>(first);
    const int index_b = static_cast<int>(second);
    if (!read_to(a.side, index_a) || !read_to(b.side, index_b)) break;
    if (!is_at(a.side, index_a) || !is_at(b.side, index_b)) continue;
    LayerDifference layer;
    layer.key = a.layers[first].name;
    if (b.layers[second].name != layer.key) layer.key_b = b.layers[second].name;
    layer.shape_a = shape_of(a.side->current());
    layer.shape_b = shape_of(b.side->current());
    if (layer.shape_a == layer.shape_b) add_values(a.side, b.side, &layer.values);
    progress->set(fmt::format("comparing layer {}: {}", compared.layers.size() + 1, layer.key));
    compared.layers.push_back(std::move(layer));
  }
  finish(a.side);
  finish(b.side);
  return compared;
}

// The values that both sides have of each name, in pairs of which the nearest counts.
class NamedLayers {
 public:
  void add(const TensorValues& a, const TensorValues& b) {
    for (const Layout layout : layouts_between(a.shape, b.shape, Layout::kSame)) {
      LayerDifference layer;
      layer.key = a.name;
      layer.shape_a = a.shape;
      layer.shape_b = a.shape;
      layer.values = compare_values(a, b, layout, {});
      const auto [place, is_new] = places_.try_emplace(a.name, layers_.size());
      if (is_new) {
        layers_.push_back(std::move(layer));
      } else if (layer.relative() < layers_[place->second].relative()) {
        layers_[place->second] = std::move(layer);
      }
    }
  }

  ComparedLayers compared(std::size_t names_a, std::size_t names_b) {
    ComparedLayers compared;
    compared.only_a = names_a - layers_.size();
    compared.only_b = names_b - layers_.size();
    compared.layers = std::move(layers_);
    return compared;
  }

 private:
  std::vector<LayerDifference> layers_;
  std::map<std::string, std::size_t> places_;
};

// Asks a side for values, each of which `take` gets.
template <typename Take>
void ask_for_values(Side* side, const std::vector<std::string>& names, const Take& take) {
  side->send(RecordKind::kRequest, {{"values", names}});
  side->next();
  for (; side->current().kind == RecordKind::kTensor; side->next()) take(read_tensor(side));
}

// A side that traces, and one that is asked for what the other one has.
ComparedLayers compare_with_trace(const SideLayers& traced, const SideLayers& asked,
                                  bool traced_is_a, Progress* progress) {
  const std::set<std::string> known(asked.values.begin(), asked.values.end());
  NamedLayers named;
  std::vector<TensorValues> waiting;
  std::size_t bytes = 0;
  const auto compare_waiting = [&] {
    std::vector<std::string> names;
    for (const TensorValues& tensor : waiting) {
      if (std::find(names.begin(), names.end(), tensor.name) == names.end()) {
        names.push_back(tensor.name);
      }
    }
    if (names.empty()) return;
    progress->set(fmt::format("comparing {} layers from {} on", names.size(), names.front()));
    ask_for_values(asked.side, names, [&](const TensorValues& other) {
      for (const TensorValues& own : waiting) {
        if (own.name != other.name) continue;
        traced_is_a ? named.add(own, other) : named.add(other, own);
      }
    });
    waiting.clear();
    bytes = 0;
  };
  ask_for_layers(traced.side);
  std::set<std::string> names;
  for (const LayerKey& layer : traced.layers) names.insert(layer.name);
  for (; traced.side->current().kind == RecordKind::kTensor; traced.side->next()) {
    if (known.count(traced.side->current().meta.at("name").get<std::string>()) == 0) continue;
    waiting.push_back(read_tensor(traced.side));
    bytes += waiting.back().values.size() * sizeof(double);
    if (bytes > kMostBytes || waiting.size() >= kMostNames) compare_waiting();
  }
  compare_waiting();
  return traced_is_a ? named.compared(names.size(), known.size())
                     : named.compared(known.size(), names.size());
}

// Two sides that are asked. Their values' sizes are not known before: a few at a time.
ComparedLayers compare_values_of(const SideLayers& a, const SideLayers& b, Progress* progress) {
  constexpr std::size_t kAtATime = 8;
  const std::set<std::string> known(b.values.begin(), b.values.end());
  std::vector<std::string> common;
  for (const std::string& name : a.values) {
    if (known.count(name) > 0) common.push_back(name);
  }
  NamedLayers named;
  for (std::size_t first = 0; first < common.size(); first += kAtATime) {
    const std::vector<std::string> names(
        common.begin() + static_cast<std::ptrdiff_t>(first),
        common.begin() + static_cast<std::ptrdiff_t>(std::min(first + kAtATime, common.size())));
    progress->set(fmt::format("comparing layers from {} on", names.front()));
    std::map<std::string, TensorValues> own;
    ask_for_values(a.side, names, [&](TensorValues tensor) {
      const std::string name = tensor.name;
      own.emplace(name, std::move(tensor));
    });
    ask_for_values(b.side, names,
                   [&](const TensorValues& tensor) { named.add(own.at(tensor.name), tensor); });
  }
  return named.compared(a.values.size(), b.values.size());
}

}  // namespace

ComparedLayers compare_layers(const SideLayers& a, const SideLayers& b, Progress* progress) {
  if (a.traces && b.traces) return compare_traces(a, b, progress);
  if (a.traces) return compare_with_trace(a, b, true, progress);
  if (b.traces) return compare_with_trace(b, a, false, progress);
  return compare_values_of(a, b, progress);
}

}  // namespace lasso::app
