#include "models/yolov7/checkpoint/checkpoint.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/utf8.h"
#include "formats/pytorch/torch_modules.h"
#include "formats/text.h"
#include "models/yolov7/checkpoint/blocks.h"
#include "models/yolov7/checkpoint/head.h"
#include "models/yolov7/checkpoint/other_detectors.h"

namespace lasso::yolov7 {

namespace {

struct Place {
  PickleId id = kNoPickleValue;
  std::string name;  // "ema"
};

bool is_object(const Pickle& pickle, PickleId id) {
  return id != kNoPickleValue && pickle.value(id).type == PickleType::kObject;
}

std::optional<Place> find_model(const Pickle& pickle) {
  const PickleValue& root = pickle.value(pickle.root);
  if (root.type == PickleType::kObject) return Place{pickle.root, ""};
  for (const char* key : {"ema", "model"}) {
    const PickleId id = find_entry(pickle, root, key);
    if (is_object(pickle, id)) return Place{id, key};
  }
  return std::nullopt;
}

// Of each layer, which earlier ones it takes: what Python's negative indices count from its own.
std::vector<int> inputs_of(const TorchModule& module, int index) {
  constexpr std::size_t kMostInputs = 64;
  std::vector<std::int64_t> from;
  if (module.is_integer("f")) {
    from = {module.integer("f")};
  } else {
    from = module.integers("f", kMostInputs);
  }
  if (from.empty()) module.corrupt("f", "has no input");
  std::vector<int> inputs;
  for (const std::int64_t f : from) {
    const bool is_image = index == 0 && f == -1;
    if (!is_image && (f < -index || f >= index)) {
      module.corrupt(
          "f", "is {}, and block {} may take {}", f, index,
          index == 0 ? std::string("-1, the images") : fmt::format("{} to {}", -index, index - 1));
    }
    inputs.push_back(static_cast<int>(is_image ? kImage : f < 0 ? index + f : f));
  }
  return inputs;
}

// The blocks that the head's levels depend on; auxiliary heads have some of their own.
std::vector<bool> needed_blocks(const std::vector<std::vector<int>>& inputs,
                                const std::vector<int>& levels) {
  std::vector<bool> needed(inputs.size(), false);
  const auto need = [&](const std::vector<int>& blocks) {
    for (const int block : blocks) {
      if (block != kImage) needed[static_cast<std::size_t>(block)] = true;
    }
  };
  need(levels);
  for (std::size_t i = inputs.size(); i-- > 0;) {
    if (needed[i]) need(inputs[i]);
  }
  return needed;
}

// A name that may be shown, whatever stands there.
std::string class_name(const Pickle& pickle, PickleId id, std::int64_t index) {
  constexpr std::size_t kMostBytes = 100;
  const PickleValue* value = id == kNoPickleValue ? nullptr : &pickle.value(id);
  if (value != nullptr && value->type == PickleType::kInt) return std::to_string(value->integer);
  if (value == nullptr || value->type != PickleType::kString || value->text.empty()) {
    return std::to_string(index);
  }
  const bool has_control = std::any_of(value->text.begin(), value->text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
  });
  if (value->text.size() > kMostBytes || has_control || !is_utf8(value->text)) {
    return printable(value->text, kMostBytes);
  }
  return std::string(value->text);
}

// A list, or a dictionary by index; without either, the indices themselves.
std::vector<std::string> class_names(const TorchFile& torch, const TorchModule& model,
                                     std::int64_t classes) {
  const Pickle& pickle = torch.pickle;
  const PickleId id = model.attribute("names");
  const PickleType type = id == kNoPickleValue ? PickleType::kNone : pickle.value(id).type;
  std::vector<PickleId> given(static_cast<std::size_t>(classes), kNoPickleValue);
  if (type == PickleType::kList || type == PickleType::kTuple) {
    const std::vector<PickleId>& items = pickle.items_of(pickle.value(id));
    if (items.size() != given.size()) {
      model.corrupt("names", "has {} names for {} classes", items.size(), classes);
    }
    given = items;
  } else if (type == PickleType::kDict) {
    const std::vector<PickleId>& items = pickle.items_of(pickle.value(id));
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const PickleValue& key = pickle.value(items[i]);
      if (key.type != PickleType::kInt || key.integer < 0 || key.integer >= classes) {
        model.corrupt("names", "has a key that is no class from 0 to {}", classes - 1);
      }
      given[static_cast<std::size_t>(key.integer)] = items[i + 1];
    }
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < given.size(); ++i) {
    names.push_back(class_name(pickle, given[i], static_cast<std::int64_t>(i)));
  }
  return names;
}

int image_channels(const TorchFile& torch, const TorchModule& model) {
  constexpr std::int64_t kMost = 64;
  constexpr int kColours = 3;
  const PickleId yaml = model.attribute("yaml");
  if (yaml == kNoPickleValue) return kColours;
  const PickleId id = find_entry(torch.pickle, torch.pickle.value(yaml), "ch");
  if (id == kNoPickleValue) return kColours;
  const PickleValue& value = torch.pickle.value(id);
  if (value.type != PickleType::kInt || value.integer < 1 || value.integer > kMost) {
    model.corrupt("yaml", "\"ch\" is no number of channels from 1 to {}", kMost);
  }
  return static_cast<int>(value.integer);
}

struct Published {
  std::size_t blocks;  // of the deployed model, or the one that is trained
  std::string_view name;
  std::int64_t channels;  // of the first convolution
};
constexpr auto kPublished = std::to_array<Published>({
    {78, "YOLOv7-tiny", 32},
    {106, "YOLOv7", 32},
    {122, "YOLOv7x", 40},
    {119, "YOLOv7-W6", 64},
    {123, "YOLOv7-W6", 64},
    {141, "YOLOv7-E6", 80},
    {145, "YOLOv7-E6", 80},
    {163, "YOLOv7-D6", 96},
    {167, "YOLOv7-D6", 96},
    {262, "YOLOv7-E6E", 80},
    {266, "YOLOv7-E6E", 80},
});

std::string architecture_of(std::size_t blocks, const std::vector<Layer>& layers) {
  const auto known = std::find_if(kPublished.begin(), kPublished.end(),
                                  [&](const Published& p) { return p.blocks == blocks; });
  if (known == kPublished.end()) return fmt::format("YOLOv7 of {} blocks", blocks);
  for (const Layer& layer : layers) {
    if (!std::holds_alternative<Convolution>(layer.kind)) continue;
    if (layer.channels == known->channels) break;
    return fmt::format("{} of width {:.4g}", known->name,
                       static_cast<double>(layer.channels) / static_cast<double>(known->channels));
  }
  return std::string(known->name);
}

}  // namespace

bool has_detector(const TorchFile& torch) {
  const auto place = find_model(torch.pickle);
  return place && is_yolo_class(class_of(torch.pickle, torch.pickle.value(place->id)).module);
}

Network read_network(const TorchFile& torch) {
  const auto place = find_model(torch.pickle);
  LASSO_CHECK(place.has_value(), ErrorCode::kUnsupported, "{}: no YOLO model", torch.file->path());
  const auto other = other_detector(torch.pickle);
  LASSO_CHECK(!other, ErrorCode::kUnsupported, "{}: {}", torch.file->path(), *other);
  const TorchModule model(torch, place->id, place->name);
  if (!is_own_class(model.type(), "Model")) {
    model.unsupported("", "a {}, and a Model of WongKinYiu's yolov7 is expected",
                      printable(model.type().full()));
  }
  const TorchModule sequence = model.module("model");
  const std::vector<TorchModule> blocks = sequence.modules();
  if (blocks.empty()) sequence.corrupt("", "has no blocks");

  Network network;
  network.channels = image_channels(torch, model);
  LayerList list(torch, network.channels, sequence.name() + '.');
  const Head head = read_head(list.parameters(), blocks.back());
  std::vector<std::vector<int>> inputs;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    inputs.push_back(inputs_of(blocks[i], static_cast<int>(i)));
  }
  std::vector<int> sources = std::move(inputs.back());
  inputs.pop_back();
  if (sources.size() != head.inputs) {
    head.module.corrupt("f", "has {} inputs, and {} are expected", sources.size(), head.inputs);
  }
  sources.resize(head.levels.size());
  const std::vector<bool> needed = needed_blocks(inputs, sources);

  std::vector<int> layers(inputs.size(), kImage);  // the last one of each block
  const auto layers_of = [&](const std::vector<int>& from) {
    std::vector<int> values;
    for (const int block : from) {
      values.push_back(block == kImage ? kImage : layers[static_cast<std::size_t>(block)]);
    }
    return values;
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!needed[i]) continue;
    list.count_blocks(blocks[i], 1);
    layers[i] = read_block(list, blocks[i], layers_of(inputs[i]));
  }
  network.maps = read_maps(list, head, layers_of(sources));
  network.levels = head.levels;
  network.names = class_names(torch, model, head.classes);
  network.weights = list.parameters().weights();
  network.layers = list.take();
  network.architecture = architecture_of(blocks.size(), network.layers);
  network.parameters = parameter_count(network.layers);
  return network;
}

}  // namespace lasso::yolov7
