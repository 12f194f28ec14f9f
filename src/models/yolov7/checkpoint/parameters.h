// Numbers of a checkpoint's modules.
#ifndef LASSO_MODELS_YOLOV7_CHECKPOINT_PARAMETERS_H_
#define LASSO_MODELS_YOLOV7_CHECKPOINT_PARAMETERS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "formats/pytorch/torch_modules.h"
#include "models/yolov7/checkpoint/fold.h"
#include "models/yolov7/checkpoint/network.h"

namespace lasso::yolov7 {

// Whether the module's class is one of torch.nn's with this name.
bool is_torch_class(const TorchModule& module, std::string_view name);

class Parameters {
 public:
  // Reads at most as many numbers as the file has bytes: of modules that stand in several places,
  // each reading counts.
  explicit Parameters(const TorchFile& torch);

  // A parameter or buffer, or an attribute that is a tensor. Throws kCorruptFile for what is
  // missing or no float type.
  std::vector<double> numbers(const TorchModule& module, std::string_view member);
  std::vector<double> numbers_of_attribute(const TorchModule& module, std::string_view member);
  // The same with one number for each of `count`.
  std::vector<double> numbers(const TorchModule& module, std::string_view member,
                              std::int64_t count);

  // A torch.nn.Conv2d; without a bias, zeros.
  Filters filters(const TorchModule& conv);
  // A torch.nn.BatchNorm2d for that many channels.
  BatchNorm batch_norm(const TorchModule& module, std::int64_t channels);

  // What was read.
  const Weights& weights() const { return weights_; }

 private:
  std::vector<double> read(const TorchModule& module, std::string_view member,
                           const WeightTensor& tensor);

  Weights weights_;
  std::uint64_t numbers_left_;
};

// Strides, padding, dilation and groups of a torch.nn.Conv2d.
ConvolutionForm form_of(const TorchModule& conv);

// Throws kCorruptFile where a weight is no float32 number.
Convolution convolution(const TorchModule& module, const Filters& filters,
                        const ConvolutionForm& form);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_CHECKPOINT_PARAMETERS_H_
