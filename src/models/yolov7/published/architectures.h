// The models that WongKinYiu published, in a form of their own: all are a stem, stages that halve
// the image, a pyramid of pools, and the way up to the finest level and down again.
#ifndef LASSO_MODELS_YOLOV7_PUBLISHED_ARCHITECTURES_H_
#define LASSO_MODELS_YOLOV7_PUBLISHED_ARCHITECTURES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "models/yolov7/checkpoint/network.h"

namespace lasso::yolov7 {

// Channels of an efficient layer aggregation: two convolutions of one pixel to `branch` channels,
// a chain of 3x3 to `inner` ones behind the second, and one of one pixel over their concatenation.
struct Aggregation {
  std::int64_t branch = 0;
  std::int64_t inner = 0;
  std::int64_t output = 0;
};

// How an image is halved.
enum class Halving : std::uint8_t {
  kPool,         // by the greatest of 2x2 pixels
  kPoolAndConv,  // half of the channels by pooling, half by a convolution
  kConv,         // by a convolution of 3x3 with stride 2
  kBlock,        // the same halves as kPoolAndConv, as one block
};

// A stage of the backbone: the image is halved to `channels` first; 0: it is not.
struct Stage {
  std::int64_t channels = 0;
  Aggregation aggregation;
};

struct StemConv {
  std::int64_t channels = 0;
  std::int64_t stride = 1;
};

struct Architecture {
  std::string name;          // "yolov7-tiny"
  std::string title;         // "YOLOv7-tiny"
  std::string levels;        // see published_levels
  LayerKind function;        // behind each convolution
  bool reorganised = false;  // the stem begins with squares of 2x2 pixels as channels
  std::vector<StemConv> stem;
  int depth = 0;           // 3x3 convolutions of an aggregation
  int backbone_taken = 1;  // every so many of them are concatenated, counted from the last
  int head_taken = 1;
  bool is_twin = false;         // aggregations are the sum of two
  bool pools_in_block = false;  // SPPCSPC; else blocks of their own
  Halving backbone_halving = Halving::kConv;
  Halving head_halving = Halving::kConv;
  std::vector<Stage> backbone;
  std::vector<Aggregation> up;    // from the coarsest level but one to the finest
  std::vector<Aggregation> down;  // back again
};

const std::vector<Architecture>& published_architectures();

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_PUBLISHED_ARCHITECTURES_H_
