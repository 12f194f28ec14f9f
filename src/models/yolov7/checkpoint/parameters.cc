#include "models/yolov7/checkpoint/parameters.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "formats/text.h"

namespace lasso::yolov7 {

namespace {

// Far beyond what models have, and small enough for products of a few.
constexpr std::int64_t kMostStride = 64;
constexpr std::int64_t kMostKernel = 64;

template <typename T>
T element(const std::byte* data, std::size_t i) {
  T value{};
  std::memcpy(&value, data + i * sizeof(T), sizeof(T));
  return value;
}

double number(DType dtype, const std::byte* data, std::size_t i) {
  if (dtype == DType::kF64) return element<double>(data, i);
  if (dtype == DType::kF32) return element<float>(data, i);
  return half_to_f32(dtype, element<std::uint16_t>(data, i));
}

std::int64_t checked(const TorchModule& module, std::string_view member, std::int64_t value,
                     std::int64_t least, std::int64_t most) {
  if (value < least || value > most) {
    module.corrupt(member, "is {}, and {} to {} is expected", value, least, most);
  }
  return value;
}

}  // namespace

bool is_torch_class(const TorchModule& module, std::string_view name) {
  const PickleName type = module.type();
  return type.module.starts_with("torch.nn.") && type.name == name;
}

Parameters::Parameters(const TorchFile& torch)
    : weights_(torch.file->path()), numbers_left_(torch.file->size()) {}

std::vector<double> Parameters::read(const TorchModule& module, std::string_view member,
                                     const WeightTensor& tensor) {
  const DType dtype = tensor.dtype;
  if (!is_float(dtype) && dtype != DType::kF64) {
    module.corrupt(member, "a tensor of {}, and a float type is expected", to_string(dtype));
  }
  const std::uint64_t count = tensor.dense_bytes() / size_of(dtype);
  if (count > numbers_left_) {
    module.corrupt(member,
                   "its module stands in so many places that they have more numbers than "
                   "the file has bytes");
  }
  numbers_left_ -= count;
  const std::string name = module.name() + '.' + printable(member);
  if (!weights_.contains(name)) weights_.add(name, tensor);
  const WeightTensor& known = weights_.at(name);
  if (known.data != tensor.data || known.dims != tensor.dims || known.dtype != dtype) {
    module.corrupt(member, "there are two tensors of this name");
  }
  const Tensor dense = weights_.dense(name);
  dense.check_file();
  const auto* data = static_cast<const std::byte*>(dense.data.get());
  std::vector<double> numbers(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = number(dtype, data, i);
  dense.check_file();
  weights_.release(name);
  return numbers;
}

std::vector<double> Parameters::numbers(const TorchModule& module, std::string_view member) {
  return read(module, member, module.tensor(member));
}

std::vector<double> Parameters::numbers_of_attribute(const TorchModule& module,
                                                     std::string_view member) {
  return read(module, member, module.tensor_attribute(member));
}

std::vector<double> Parameters::numbers(const TorchModule& module, std::string_view member,
                                        std::int64_t count) {
  std::vector<double> numbers = this->numbers(module, member);
  if (numbers.size() != static_cast<std::size_t>(count)) {
    module.corrupt(member, "has {} numbers, and {} are expected", numbers.size(), count);
  }
  return numbers;
}

Filters Parameters::filters(const TorchModule& conv) {
  if (!is_torch_class(conv, "Conv2d")) {
    conv.unsupported("", "a {}, and a torch.nn.Conv2d is expected", printable(conv.type().full()));
  }
  conv.check_members({"weight", "bias"});
  Filters filters;
  filters.dims = conv.tensor("weight").dims;
  const auto fits = [](std::int64_t size) { return size >= 1; };
  if (filters.dims.size() != 4 || !std::all_of(filters.dims.begin(), filters.dims.end(), fits)) {
    conv.corrupt("weight", "has the shape {}, and four sizes are expected",
                 to_string(filters.dims));
  }
  for (const std::size_t axis : {2, 3}) checked(conv, "weight", filters.dims[axis], 1, kMostKernel);
  filters.weights = numbers(conv, "weight");
  filters.bias.assign(static_cast<std::size_t>(filters.count()), 0);
  if (conv.find_tensor("bias")) filters.bias = numbers(conv, "bias", filters.count());
  return filters;
}

BatchNorm Parameters::batch_norm(const TorchModule& module, std::int64_t channels) {
  if (!is_torch_class(module, "BatchNorm2d") && !is_torch_class(module, "SyncBatchNorm")) {
    module.unsupported("", "a {}, and a torch.nn.BatchNorm2d is expected",
                       printable(module.type().full()));
  }
  module.check_members({"weight", "bias", "running_mean", "running_var", "num_batches_tracked"});
  BatchNorm norm;
  norm.gamma = numbers(module, "weight", channels);
  norm.beta = numbers(module, "bias", channels);
  norm.mean = numbers(module, "running_mean", channels);
  norm.variance = numbers(module, "running_var", channels);
  norm.epsilon = module.number("eps");
  for (const double variance : norm.variance) {
    if (!(variance + norm.epsilon > 0)) {
      module.corrupt("running_var", "has {}, which is no variance (eps is {})", variance,
                     norm.epsilon);
    }
  }
  return norm;
}

ConvolutionForm form_of(const TorchModule& conv) {
  const auto pair = [&](std::string_view member, std::int64_t least, std::int64_t most) {
    const auto [h, w] = conv.integer_pair(member);
    return graph::Size2d{checked(conv, member, h, least, most),
                         checked(conv, member, w, least, most)};
  };
  ConvolutionForm form;
  form.stride = pair("stride", 1, kMostStride);
  form.dilation = pair("dilation", 1, kMostStride);
  const graph::Size2d padding = pair("padding", 0, kMostKernel * kMostStride);
  form.padding = {padding.h, padding.w, padding.h, padding.w};
  form.groups = checked(conv, "groups", conv.integer("groups"), 1, 1 << 24);
  const std::string mode = conv.text("padding_mode", "zeros");
  if (mode != "zeros") {
    conv.unsupported("padding_mode", "is \"{}\", and \"zeros\" is expected", printable(mode));
  }
  return form;
}

Convolution convolution(const TorchModule& module, const Filters& filters,
                        const ConvolutionForm& form) {
  const auto rounded = [&](const std::vector<double>& numbers) {
    std::vector<float> values(numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      values[i] = static_cast<float>(numbers[i]);
      if (!std::isfinite(values[i])) {
        module.corrupt("", "a weight is {} once its layers are merged", numbers[i]);
      }
    }
    return values;
  };
  return {form, make_tensor(filters.dims, rounded(filters.weights)),
          make_tensor({filters.count()}, rounded(filters.bias))};
}

}  // namespace lasso::yolov7
