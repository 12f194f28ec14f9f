// Writes a network's layers: one call each, with the channels checked.
#ifndef LASSO_MODELS_YOLOV7_CHECKPOINT_LAYER_LIST_H_
#define LASSO_MODELS_YOLOV7_CHECKPOINT_LAYER_LIST_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/yolov7/checkpoint/network.h"
#include "models/yolov7/checkpoint/parameters.h"

namespace lasso::yolov7 {

class LayerList {
 public:
  // `prefix` is what the names of modules begin with and those of layers do not.
  LayerList(const TorchFile& torch, std::int64_t channels, std::string prefix)
      : parameters_(torch), image_channels_(channels), prefix_(std::move(prefix)) {}

  Parameters& parameters() { return parameters_; }
  std::int64_t channels(int layer) const {
    return layer == kImage ? image_channels_ : layers_[static_cast<std::size_t>(layer)].channels;
  }
  std::vector<Layer> take() { return std::move(layers_); }

  // Throws kCorruptFile where more blocks are looked at than any model has: one may stand in many
  // places of a file.
  void count_blocks(const TorchModule& block, std::size_t count);

  // All append a layer for a module and return it. Convolutions behind a reorganisation of one
  // group take what that one takes.
  int convolution(const TorchModule& conv, Filters filters, ConvolutionForm form, int input);
  int function(const TorchModule& module, const LayerKind& function, int input);
  int max_pool(const TorchModule& pool, int input);      // a torch.nn.MaxPool2d
  int upsampling(const TorchModule& module, int input);  // a torch.nn.Upsample
  int concatenation(const TorchModule& module, const std::vector<int>& inputs);
  int sum(const TorchModule& module, int a, int b);
  // One of two equal parts of the channels.
  int half(const TorchModule& module, int input, bool second);
  int reorganisation(const TorchModule& module, int input);

 private:
  int add(const TorchModule& module, LayerKind kind, std::vector<int> inputs,
          std::int64_t channels);

  Parameters parameters_;
  std::int64_t image_channels_;
  std::string prefix_;
  std::vector<Layer> layers_;
  std::map<std::string, int> names_;  // how many layers of a module there are
  std::size_t blocks_ = 0;
};

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_CHECKPOINT_LAYER_LIST_H_
