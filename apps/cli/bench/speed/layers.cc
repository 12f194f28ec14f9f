#include "cli/bench/speed/layers.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

namespace lasso::app {

namespace {

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

// "blocks.11.attn" becomes "blocks.*.attn".
std::string without_number(const std::string& name) {
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    if (is_number(name.substr(begin, end - begin))) {
      return name.substr(0, begin) + "*" + name.substr(end);
    }
    begin = end + 1;
  }
  return name;
}

// Groups in the order in which they first appear.
template <typename KeyOf>
std::vector<LayerGroup> group(const std::vector<const LayerTime*>& layers, const KeyOf& key_of) {
  std::vector<LayerGroup> groups;
  std::map<std::vector<std::string>, std::size_t> index;
  for (const LayerTime* layer : layers) {
    const auto [it, added] = index.emplace(key_of(layer->layer), groups.size());
    if (added) groups.push_back({"", layer_kind(layer->layer), layer->layer.precision, {}});
    groups[it->second].layers.push_back(layer);
  }
  return groups;
}

}  // namespace

std::optional<double> LayerTime::gflop_per_s() const {
  if (layer.gflop == 0 || ms == 0) return {};
  return layer.gflop / ms * 1000;
}

std::optional<double> LayerTime::peak_percent() const {
  const std::optional<double> rate = gflop_per_s();
  if (!rate || peak_gflop_per_s == 0) return {};
  return 100 * *rate / peak_gflop_per_s;
}

std::string layer_kind(const LayerInfo& layer) {
  static const std::map<std::string, std::string> kinds = {
      {"linear", "linear"},
      {"attention", "attention"},
      {"layer_norm", "LayerNorm"},
      {"conv2d", "convolution"},
      {"matmul", "matmul"},
      {"conv_transpose2d", "convolution"},
      {"add", "elementwise"},
      {"sub", "elementwise"},
      {"mul", "elementwise"},
      {"gelu", "elementwise"},
      {"relu", "elementwise"},
      {"sigmoid", "elementwise"},
      {"quantize", "quantisation"},
      {"cast", "quantisation"},
      {"silu", "elementwise"},
      {"token_to_image", "attention"},
      {"image_to_token", "attention"},
      {"mask_upscaling", "upscaling"},
  };
  if (layer.op == "window_attention") {
    return layer.window > 0 ? "windowed attention" : "global attention";
  }
  const auto kind = kinds.find(layer.op);
  return kind == kinds.end() ? "other" : kind->second;
}

double LayerGroup::ms() const {
  double sum = 0;
  for (const LayerTime* layer : layers) sum += layer->ms;
  return sum;
}

double LayerGroup::gflop() const {
  double sum = 0;
  for (const LayerTime* layer : layers) sum += layer->layer.gflop;
  return sum;
}

std::optional<double> LayerGroup::gflop_per_s() const {
  const double time = ms();
  const double work = gflop();
  if (work == 0 || time == 0) return {};
  return work / time * 1000;
}

std::optional<double> LayerGroup::peak_percent() const {
  double least_ms = 0;
  for (const LayerTime* layer : layers) {
    if (layer->layer.gflop == 0) continue;
    if (layer->peak_gflop_per_s == 0) return {};
    least_ms += layer->layer.gflop / layer->peak_gflop_per_s * 1000;
  }
  const double time = ms();
  if (least_ms == 0 || time == 0) return {};
  return 100 * least_ms / time;
}

std::vector<const LayerTime*> layers_of(const std::vector<LayerTime>& layers,
                                        const std::string& stage) {
  std::vector<const LayerTime*> found;
  for (const LayerTime& layer : layers) {
    if (layer.stage == stage) found.push_back(&layer);
  }
  return found;
}

std::vector<LayerGroup> group_by_kind(const std::vector<const LayerTime*>& layers) {
  std::vector<LayerGroup> groups = group(layers, [](const LayerInfo& layer) {
    return std::vector<std::string>{layer_kind(layer), layer.precision};
  });
  for (LayerGroup& of_kind : groups) of_kind.name = of_kind.kind;
  std::stable_sort(groups.begin(), groups.end(),
                   [](const LayerGroup& a, const LayerGroup& b) { return a.ms() > b.ms(); });
  return groups;
}

std::vector<LayerGroup> group_repeated(const std::vector<const LayerTime*>& layers) {
  std::vector<LayerGroup> groups = group(layers, [](const LayerInfo& layer) {
    std::vector<std::string> key = {without_number(layer.name), layer_kind(layer), layer.precision,
                                    layer.kernel, layer.shape};
    key.insert(key.end(), layer.input_shapes.begin(), layer.input_shapes.end());
    return key;
  });
  for (LayerGroup& repeated : groups) {
    const std::string& name = repeated.layers.front()->layer.name;
    repeated.name = repeated.layers.size() == 1 ? name : without_number(name);
  }
  return groups;
}

}  // namespace lasso::app
