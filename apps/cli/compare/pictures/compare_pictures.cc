#include "cli/compare/pictures/compare_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "cli/compare/read_values.h"
#include "cli/compare/tensors/align_layers.h"
#include "cli/exit_codes.h"
#include "lasso/mask.h"

namespace lasso::app {

namespace {

LayerDifference compare_tensors(Side* a, Side* b, const ElementLimits& limits) {
  LayerDifference layer;
  layer.key = a->current().key();
  layer.shape_a = shape_of(a->current());
  layer.shape_b = shape_of(b->current());
  layer.values = Difference(limits);
  if (layer.shape_a == layer.shape_b) add_values(a, b, &layer.values);
  return layer;
}

Mask read_mask(const Record& record) {
  return decode_rle(rle_from_string(record.meta.at("rle").get<std::string>(),
                                    record.meta.at("width").get<int>(),
                                    record.meta.at("height").get<int>()));
}

MaskDifference compare_masks(const Record& a, const Record& b) {
  const Mask mask_a = read_mask(a);
  const Mask mask_b = read_mask(b);
  MaskDifference difference;
  if (mask_area(mask_a) > 0 || mask_area(mask_b) > 0) difference.iou = mask_iou(mask_a, mask_b);
  difference.pixels = static_cast<std::int64_t>(mask_a.data.size());
  for (std::size_t i = 0; i < mask_a.data.size(); ++i) {
    difference.differing += mask_a.data[i] != mask_b.data[i] ? 1 : 0;
  }
  return difference;
}

// True where a side has ended without results.
bool add_failure(const Record& record, const std::string& name, PictureComparison* comparison) {
  if (record.kind != RecordKind::kEnd || !record.meta.contains("failure")) return false;
  comparison->failures.push_back(name + ": " + record.meta.at("failure").get<std::string>());
  return true;
}

SideTimes time_side(Side* side) {
  side->send(RecordKind::kRequest, OrderedJson::object());
  const OrderedJson& answer = side->next().meta;
  return {answer.at("encode_ms").get<double>(), answer.at("decode_ms").get<double>()};
}

// One side at a time. What the layers took, while both sides ran, says whether that is worth while.
void add_times(Side* a, Side* b, PictureComparison* comparison) {
  constexpr double kMostMs = 5000;
  for (const Side* side : {a, b}) {
    if (side->current().meta.value("traced_ms", 0.0) > kMostMs) return;
  }
  comparison->times_a = time_side(a);
  comparison->times_b = time_side(b);
}

// Sides may run different layers (other kernels split an operation), or the same in another order
// (imported models): those that both run in one order are compared, and others are passed over.
class LayerOrder {
 public:
  LayerOrder(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    for (const auto& [i, k] : common_subsequence(a, b)) places_.emplace(a[i], places_.size() + 1);
  }

  // 0: it is not compared. What comes out is behind all layers.
  std::size_t place(const std::string& key) const {
    if (key.rfind("results/", 0) == 0) return end();
    const auto place = places_.find(key);
    return place == places_.end() ? 0 : place->second;
  }
  std::size_t end() const { return places_.size() + 1; }

 private:
  std::map<std::string, std::size_t> places_;
};

}  // namespace

const LayerDifference* PictureComparison::first_divergence(const Criteria& criteria) const {
  for (const auto* list : {&layers, &results}) {
    for (const LayerDifference& layer : *list) {
      if (criteria.diverges(layer)) return &layer;
    }
  }
  return nullptr;
}

const LayerDifference* PictureComparison::worst_layer() const {
  const auto worst =
      std::max_element(layers.begin(), layers.end(),
                       [](const auto& a, const auto& b) { return a.relative() < b.relative(); });
  return worst == layers.end() ? nullptr : &*worst;
}

// Ends where a side ends without results.
PictureComparison compare_pictures(Side* a, Side* b, const Criteria& criteria, Progress* progress) {
  PictureComparison comparison;
  comparison.info_a = a->current().meta;
  comparison.info_b = b->current().meta;
  const LayerOrder order(comparison.info_a.at("layers").get<std::vector<std::string>>(),
                         comparison.info_b.at("layers").get<std::vector<std::string>>());
  const ElementLimits limits = criteria.elements.value_or(ElementLimits{});
  for (Side* side : {a, b}) side->send(RecordKind::kRequest, {{kPicture, true}});
  a->next();
  b->next();
  while (true) {
    const Record& record_a = a->current();
    const Record& record_b = b->current();
    const bool a_failed = add_failure(record_a, a->name(), &comparison);
    const bool b_failed = add_failure(record_b, b->name(), &comparison);
    if (a_failed || b_failed) return comparison;
    const bool tensor_a = record_a.kind == RecordKind::kTensor;
    const bool tensor_b = record_b.kind == RecordKind::kTensor;
    const std::string key_a = tensor_a ? record_a.key() : "";
    const std::string key_b = tensor_b ? record_b.key() : "";
    const std::size_t place_a = tensor_a ? order.place(key_a) : order.end();
    const std::size_t place_b = tensor_b ? order.place(key_b) : order.end();
    if (tensor_a && tensor_b && key_a == key_b) {
      LayerDifference layer = compare_tensors(a, b, limits);
      const bool result = key_a.rfind("results/", 0) == 0;
      (result ? comparison.results : comparison.layers).push_back(std::move(layer));
      progress->set(fmt::format("comparing layer {}: {}", comparison.layers.size(), key_a));
    } else if (place_a == 0 || place_a < place_b) {
      comparison.only_a.push_back(key_a);
      a->next();
      continue;
    } else if (place_b < place_a) {
      comparison.only_b.push_back(key_b);
      b->next();
      continue;
    } else if (record_a.kind == RecordKind::kMask && record_b.kind == RecordKind::kMask) {
      comparison.masks.push_back(compare_masks(record_a, record_b));
    } else if (record_a.kind == RecordKind::kEnd && record_b.kind == RecordKind::kEnd) {
      add_times(a, b, &comparison);
      return comparison;
    } else {
      throw Failure(Exit::kThresholdMissed,
                    fmt::format("the two sides run different layers: {} against {}",
                                tensor_a ? key_a : "the end", tensor_b ? key_b : "the end"));
    }
    a->next();
    b->next();
  }
}

std::vector<std::string> misses(const PictureComparison& comparison, const Criteria& criteria,
                                const Operand& a, const Operand& b) {
  std::vector<std::string> lines;
  const std::string sides = a.text() + " and " + b.text();
  criteria.tell_divergence(sides, comparison.first_divergence(criteria), lines);
  for (const LayerDifference& result : comparison.results) {
    criteria.tell_elements(sides, result, lines);
  }
  for (const MaskDifference& mask : comparison.masks) {
    if (!criteria.is_missed(mask.iou)) continue;
    lines.push_back(fmt::format("masks of {} have the IoU {:.6f}, and {:g} is asked for", sides,
                                *mask.iou, *criteria.min_iou));
  }
  return lines;
}

}  // namespace lasso::app
