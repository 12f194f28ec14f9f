#include "models/yolov7/published/architectures.h"

namespace lasso::yolov7 {

namespace {

constexpr float kSlope = 0.1F;  // of YOLOv7-tiny's leaky ReLU

Architecture tiny(const std::string& suffix, const LayerKind& function) {
  Architecture a;
  a.name = "yolov7-tiny" + suffix;
  a.title = "YOLOv7-tiny" + suffix;
  a.levels = "yolov7-tiny";
  a.function = function;
  a.stem = {{32, 2}, {64, 2}};
  a.depth = 2;
  a.backbone_halving = Halving::kPool;
  a.backbone = {
      {0, {32, 32, 64}}, {64, {64, 64, 128}}, {128, {128, 128, 256}}, {256, {256, 256, 512}}};
  a.up = {{64, 64, 128}, {32, 32, 64}};
  a.down = {{64, 64, 128}, {128, 128, 256}};
  return a;
}

// YOLOv7 and YOLOv7x.
Architecture of_three_levels(const std::string& suffix, std::int64_t width, int depth) {
  Architecture a;
  a.name = "yolov7" + suffix;
  a.title = "YOLOv7" + suffix;
  a.levels = "yolov7";
  a.function = graph::Unary{graph::Activation::kSilu};
  a.stem = {{width, 1}, {2 * width, 2}, {2 * width, 1}, {4 * width, 2}};
  a.depth = depth;
  a.backbone_taken = 2;
  a.pools_in_block = true;
  a.backbone_halving = Halving::kPoolAndConv;
  a.head_halving = Halving::kPoolAndConv;
  a.backbone = {{0, {64, 64, 8 * width}},
                {8 * width, {128, 128, 16 * width}},
                {16 * width, {256, 256, 32 * width}},
                {32 * width, {256, 256, 32 * width}}};
  return a;
}

Architecture yolov7() {
  Architecture a = of_three_levels("", 32, 4);
  a.up = {{256, 128, 256}, {128, 64, 128}};
  a.down = {{256, 128, 256}, {512, 256, 512}};
  return a;
}

Architecture yolov7x() {
  Architecture a = of_three_levels("x", 40, 6);
  a.head_taken = 2;
  a.up = {{256, 256, 320}, {128, 128, 160}};
  a.down = {{256, 256, 320}, {512, 512, 640}};
  return a;
}

// W6, E6, D6 and E6E: stages have `width` times 1, 2, 4, 6 and 8 channels behind the stem's.
Architecture of_four_levels(const std::string& suffix, const std::string& title, std::int64_t stem,
                            std::int64_t width, int depth, Halving halving) {
  Architecture a;
  a.name = "yolov7-" + suffix;
  a.title = "YOLOv7-" + title;
  a.levels = "yolov7-w6";
  a.function = graph::Unary{graph::Activation::kSilu};
  a.reorganised = true;
  a.stem = {{stem, 1}};
  a.depth = depth;
  a.backbone_taken = 2;
  a.pools_in_block = true;
  a.backbone_halving = halving;
  a.head_halving = halving;
  constexpr std::int64_t kBranch = 64;
  for (const std::int64_t times : {1, 2, 4, 6, 8}) {
    a.backbone.push_back({times * width, {times * kBranch, times * kBranch, times * width}});
  }
  for (const std::int64_t times : {6, 4, 2}) {
    a.up.push_back({times * kBranch, times * kBranch / 2, times * width / 2});
  }
  for (const std::int64_t times : {4, 6, 8}) {
    a.down.push_back({times * kBranch, times * kBranch / 2, times * width / 2});
  }
  return a;
}

Architecture yolov7_e6e() {
  Architecture a = of_four_levels("e6e", "E6E", 80, 160, 6, Halving::kBlock);
  a.is_twin = true;
  return a;
}

}  // namespace

const std::vector<Architecture>& published_architectures() {
  static const std::vector<Architecture> all{
      yolov7(),
      tiny("", graph::LeakyRelu{kSlope}),
      tiny("-silu", graph::Unary{graph::Activation::kSilu}),
      yolov7x(),
      of_four_levels("w6", "W6", 64, 128, 4, Halving::kConv),
      of_four_levels("e6", "E6", 80, 160, 6, Halving::kBlock),
      of_four_levels("d6", "D6", 96, 192, 8, Halving::kBlock),
      yolov7_e6e(),
  };
  return all;
}

}  // namespace lasso::yolov7
