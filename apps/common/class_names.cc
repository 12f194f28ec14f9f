#include "common/class_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/check.h"
#include "core/utf8.h"

namespace lasso::app {

namespace {

// COCO's numbers between 1 and 90 that no category has.
constexpr std::array kGaps{12, 26, 29, 30, 45, 66, 68, 69, 71, 83};

}  // namespace

const std::vector<std::string>& coco_names() {
  static const std::vector<std::string> names = {"person",        "bicycle",      "car",
                                                 "motorcycle",    "airplane",     "bus",
                                                 "train",         "truck",        "boat",
                                                 "traffic light", "fire hydrant", "stop sign",
                                                 "parking meter", "bench",        "bird",
                                                 "cat",           "dog",          "horse",
                                                 "sheep",         "cow",          "elephant",
                                                 "bear",          "zebra",        "giraffe",
                                                 "backpack",      "umbrella",     "handbag",
                                                 "tie",           "suitcase",     "frisbee",
                                                 "skis",          "snowboard",    "sports ball",
                                                 "kite",          "baseball bat", "baseball glove",
                                                 "skateboard",    "surfboard",    "tennis racket",
                                                 "bottle",        "wine glass",   "cup",
                                                 "fork",          "knife",        "spoon",
                                                 "bowl",          "banana",       "apple",
                                                 "sandwich",      "orange",       "broccoli",
                                                 "carrot",        "hot dog",      "pizza",
                                                 "donut",         "cake",         "chair",
                                                 "couch",         "potted plant", "bed",
                                                 "dining table",  "toilet",       "tv",
                                                 "laptop",        "mouse",        "remote",
                                                 "keyboard",      "cell phone",   "microwave",
                                                 "oven",          "toaster",      "sink",
                                                 "refrigerator",  "book",         "clock",
                                                 "vase",          "scissors",     "teddy bear",
                                                 "hair drier",    "toothbrush"};
  return names;
}

int coco_category(int class_id) {
  int category = class_id + 1;
  for (const int gap : kGaps) {
    if (category >= gap) ++category;
  }
  return category;
}

std::vector<std::string> parse_class_names(std::string_view text, const std::string& name) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
      line.remove_suffix(1);
    }
    LASSO_CHECK(is_utf8(line), ErrorCode::kInvalidArgument, "{}:{}: the name is not UTF-8", name,
                names.size() + 1);
    names.emplace_back(line);
  }
  while (!names.empty() && names.back().empty()) names.pop_back();
  LASSO_CHECK(!names.empty(), ErrorCode::kInvalidArgument,
              "{}: has no names; expected one on each line", name);
  for (std::size_t i = 0; i < names.size(); ++i) {
    LASSO_CHECK(!names[i].empty(), ErrorCode::kInvalidArgument,
                "{}:{}: the line is empty; expected the name of class {}", name, i + 1, i);
  }
  return names;
}

std::string class_text(const std::vector<std::string>& names, int class_id) {
  const auto index = static_cast<std::size_t>(class_id);
  return class_id >= 0 && index < names.size() ? names[index] : fmt::format("class {}", class_id);
}

}  // namespace lasso::app
