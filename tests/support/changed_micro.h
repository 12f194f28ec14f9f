// The checkpoint of tests/data/sam_micro with other values in some of its tensors.
#ifndef LASSO_TESTS_SUPPORT_CHANGED_MICRO_H_
#define LASSO_TESTS_SUPPORT_CHANGED_MICRO_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/convert.h"
#include "core/dtype.h"
#include "formats/checkpoint.h"
#include "formats/safetensors/safetensors_writer.h"
#include "support/files.h"

namespace lasso::test {

class ChangedMicro {
 public:
  ChangedMicro() : weights_(read_checkpoint(data_path("sam_micro/checkpoint.pth"))) {}

  // Calls change(values) with the tensor's elements.
  void change(const std::string& name, const std::function<void(std::vector<float>&)>& change) {
    std::vector<float> values = read_f32(weights_.dense(name).view());
    change(values);
    weights_.set(name, make_tensor(weights_.at(name).dims, values));
  }
  void fill(const std::string& name, float value) {
    change(name, [&](std::vector<float>& values) { values.assign(values.size(), value); });
  }
  // Rounds the tensor to float16, where numbers above 65504 become infinite.
  void round_to_f16(const std::string& name) {
    Tensor tensor = weights_.dense(name);
    auto halves = std::make_shared<std::vector<std::uint16_t>>();
    for (const float value : read_f32(tensor.view())) halves->push_back(f32_to_f16(value));
    tensor.dtype = DType::kF16;
    tensor.data = std::shared_ptr<const void>(halves, halves->data());
    tensor.file = nullptr;
    weights_.set(name, tensor);
  }

  void write(const std::string& path) const {
    std::map<std::string, Tensor> dense;
    std::map<std::string, TensorView> views;
    for (const std::string& name : weights_.names()) dense[name] = weights_.dense(name);
    for (const auto& [name, tensor] : dense) views[name] = tensor.view();
    write_safetensors(path, views);
  }

 private:
  Weights weights_;
};

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_CHANGED_MICRO_H_
