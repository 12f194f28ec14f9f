#include "models/yolov7/checkpoint/head.h"

#include <cmath>

#include "formats/text.h"
#include "models/yolov7/checkpoint/blocks.h"

namespace lasso::yolov7 {

namespace {

constexpr std::int64_t kMostClasses = 1 << 16;
constexpr std::int64_t kMostLevels = 8;
constexpr std::int64_t kMostAnchors = 16;  // of a level
constexpr double kMostStride = 1024;
constexpr double kMostAnchorSide = 1 << 16;  // pixels

std::int64_t count_of(const TorchModule& head, std::string_view member, std::int64_t most) {
  const std::int64_t count = head.integer(member);
  if (count < 1 || count > most) {
    head.corrupt(member, "is {}, and 1 to {} is expected", count, most);
  }
  return count;
}

int checked_stride(const TorchModule& head, double stride) {
  if (!(stride >= 1 && stride <= kMostStride) || stride != std::floor(stride)) {
    head.corrupt("stride", "has {}, and integers from 1 to {} are expected", stride, kMostStride);
  }
  return static_cast<int>(stride);
}

std::vector<DetectionLevel> read_levels(Parameters& parameters, const TorchModule& head,
                                        std::int64_t count) {
  const std::int64_t anchors = count_of(head, "na", kMostAnchors);
  const auto strides = parameters.numbers_of_attribute(head, "stride");
  if (strides.size() != static_cast<std::size_t>(count)) {
    head.corrupt("stride", "has {} numbers for {} levels", strides.size(), count);
  }
  // In pixels, as the repository's inference takes them; `anchors` is in cells.
  const auto sides = parameters.numbers(head, "anchor_grid", count * anchors * 2);
  std::vector<DetectionLevel> levels;
  std::size_t next = 0;
  const auto side = [&] {
    const double pixels = sides[next++];
    if (!(pixels > 0 && pixels <= kMostAnchorSide)) {
      head.corrupt("anchor_grid", "has {}, and up to {} pixels are expected", pixels,
                   kMostAnchorSide);
    }
    return static_cast<float>(pixels);
  };
  for (const double stride : strides) {
    DetectionLevel& level = levels.emplace_back();
    level.stride = checked_stride(head, stride);
    for (std::int64_t i = 0; i < anchors; ++i) {
      const float width = side();
      level.anchors.push_back({width, side()});
    }
  }
  const int largest = largest_stride(levels);
  for (const DetectionLevel& level : levels) {
    if (largest % level.stride != 0) {
      head.corrupt("stride", "{} does not divide {}", level.stride, largest);
    }
  }
  return levels;
}

// The modules of a list, one for each level.
std::vector<TorchModule> for_levels(const Head& head, std::string_view member) {
  std::vector<TorchModule> modules = head.module.module(member).modules();
  if (modules.size() != head.levels.size()) {
    head.module.corrupt(member, "has {} modules for {} levels", modules.size(), head.levels.size());
  }
  return modules;
}

std::vector<double> implicit(LayerList& list, const TorchModule& module, std::string_view name,
                             std::int64_t count) {
  if (!is_own_class(module.type(), name)) {
    module.unsupported("", "a {}, and a {} is expected", printable(module.type().full()), name);
  }
  module.check_members({"implicit"});
  return list.parameters().numbers(module, "implicit", count);
}

}  // namespace

Head read_head(Parameters& parameters, const TorchModule& module) {
  const PickleName type = module.type();
  const bool has_implicit = is_own_class(type, "IDetect") || is_own_class(type, "IAuxDetect");
  if (!has_implicit && !is_own_class(type, "Detect")) {
    module.unsupported("",
                       "the last block is of class {}, which Lasso does not know: Detect, IDetect "
                       "and IAuxDetect of WongKinYiu's yolov7 are expected",
                       printable(type.full()));
  }
  if (has_implicit) {
    module.check_members({"anchors", "anchor_grid", "m", "m2", "ia", "im"});
  } else {
    module.check_members({"anchors", "anchor_grid", "m"});
  }
  Head head{module, count_of(module, "nc", kMostClasses), {}, 0};
  const std::int64_t levels = count_of(module, "nl", kMostLevels);
  head.levels = read_levels(parameters, module, levels);
  head.inputs = static_cast<std::size_t>(levels) * (is_own_class(type, "IAuxDetect") ? 2 : 1);
  return head;
}

std::vector<int> read_maps(LayerList& list, const Head& head, const std::vector<int>& inputs) {
  const TorchModule& module = head.module;
  const std::vector<TorchModule> convolutions = for_levels(head, "m");
  // A model that was saved when it had been merged in Python has `forward` as an attribute, and the
  // implicit layers beside it.
  const bool has_implicit =
      !is_own_class(module.type(), "Detect") && !module.has_attribute("forward");
  std::vector<TorchModule> shifts;
  std::vector<TorchModule> gains;
  if (has_implicit) {
    shifts = for_levels(head, "ia");
    gains = for_levels(head, "im");
  }
  std::vector<int> maps;
  for (std::size_t i = 0; i < convolutions.size(); ++i) {
    const TorchModule& conv = convolutions[i];
    Filters filters = list.parameters().filters(conv);
    const auto outputs =
        static_cast<std::int64_t>(head.levels[i].anchors.size()) * (kBoxFields + head.classes);
    const Dims expected{outputs, list.channels(inputs[i]), 1, 1};
    if (filters.dims != expected || !(form_of(conv) == ConvolutionForm{})) {
      conv.corrupt("weight",
                   "a convolution of one pixel with weights {} is expected, and it has {}",
                   to_string(expected), to_string(filters.dims));
    }
    if (has_implicit) {
      merge_shift(implicit(list, shifts[i], "ImplicitA", expected[1]), filters);
      merge_gain(implicit(list, gains[i], "ImplicitM", outputs), filters);
    }
    maps.push_back(list.convolution(conv, std::move(filters), {}, inputs[i]));
  }
  return maps;
}

}  // namespace lasso::yolov7
