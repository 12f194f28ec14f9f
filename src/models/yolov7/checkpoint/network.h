// A YOLOv7 model as its checkpoint describes it: layers with merged weights, each of which takes
// earlier ones, and the maps that boxes are read from.
#ifndef LASSO_MODELS_YOLOV7_CHECKPOINT_NETWORK_H_
#define LASSO_MODELS_YOLOV7_CHECKPOINT_NETWORK_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/tensor.h"
#include "formats/weights.h"
#include "graph/op_elementwise.h"
#include "graph/op_hints.h"
#include "models/yolov7/model.h"

namespace lasso::yolov7 {

// Of a convolution's windows and groups.
struct ConvolutionForm {
  graph::Size2d stride = 1;
  graph::Pads2d padding = 0;
  graph::Size2d dilation = 1;
  std::int64_t groups = 1;

  bool operator==(const ConvolutionForm&) const = default;
};

struct Convolution {
  ConvolutionForm form;
  Tensor weights;  // [N, C/groups, kh, kw]
  Tensor bias;     // [N]
};
struct MaxPool {
  graph::Size2d kernel = 1;
  graph::Size2d stride = 1;
  graph::Pads2d padding = 0;
};
// Each pixel becomes factor x factor equal ones.
struct Upsampling {
  std::int64_t factor = 2;
};
struct Concatenation {};  // of channels
struct Sum {};            // of two values
struct ChannelRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
// Each square of 2 x 2 pixels becomes one with four times the channels: its upper left, lower left,
// upper right and lower right pixel's.
struct Reorganisation {};

using LayerKind = std::variant<Convolution, graph::Unary, graph::LeakyRelu, MaxPool, Upsampling,
                               Concatenation, Sum, ChannelRange, Reorganisation>;

inline constexpr int kImage = -1;  // in place of a layer

struct Layer {
  std::string name;  // of the module, as in the checkpoint: "11.cv1.conv"
  LayerKind kind;
  std::vector<int> inputs;  // kImage, or indices of earlier layers
  std::int64_t channels = 0;
};

struct Network {
  std::string architecture;
  int channels = 3;  // of the images
  std::vector<std::string> names;
  std::vector<Layer> layers;
  std::vector<DetectionLevel> levels;
  // The layer behind each level, before any function: for each anchor four numbers of the box, the
  // objectness and the classes.
  std::vector<int> maps;
  std::uint64_t parameters = 0;  // of the layers
  Weights weights;               // what was read of the checkpoint, for its hash
};

// Of the convolutions.
std::uint64_t parameter_count(const std::vector<Layer>& layers);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_CHECKPOINT_NETWORK_H_
