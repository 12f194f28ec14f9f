#include "models/yolov7/checkpoint/layer_list.h"

#include <cmath>
#include <variant>

#include "formats/text.h"

namespace lasso::yolov7 {

namespace {

// The largest published model has about 700 layers.
constexpr std::size_t kMostLayers = 10'000;
constexpr std::int64_t kMostChannels = 1 << 20;
constexpr std::int64_t kMostPixels = 64;  // of a window's side
constexpr std::int64_t kMostFactor = 16;

graph::Size2d size_of_window(const TorchModule& pool, std::string_view member) {
  const auto [h, w] = pool.integer_pair(member);
  for (const std::int64_t size : {h, w}) {
    if (size < 1 || size > kMostPixels) {
      pool.corrupt(member, "is {}, and 1 to {} is expected", size, kMostPixels);
    }
  }
  return {h, w};
}

}  // namespace

int LayerList::add(const TorchModule& module, LayerKind kind, std::vector<int> inputs,
                   std::int64_t channels) {
  if (layers_.size() >= kMostLayers) {
    module.corrupt("", "the model has more than {} layers", kMostLayers);
  }
  if (channels > kMostChannels) {
    module.corrupt("", "{} channels, and at most {} are expected", channels, kMostChannels);
  }
  std::string name = module.name();
  if (name.starts_with(prefix_)) name.erase(0, prefix_.size());
  const int count = ++names_[name];
  if (count > 1) name += fmt::format("_{}", count);
  layers_.push_back({std::move(name), std::move(kind), std::move(inputs), channels});
  return static_cast<int>(layers_.size() - 1);
}

void LayerList::count_blocks(const TorchModule& block, std::size_t count) {
  blocks_ += count;
  if (blocks_ > kMostLayers) block.corrupt("", "the model has more than {} blocks", kMostLayers);
}

int LayerList::convolution(const TorchModule& conv, Filters filters, ConvolutionForm form,
                           int input) {
  const std::int64_t groups = form.groups;
  if (filters.count() % groups != 0 || channels(input) % groups != 0 ||
      channels(input) / groups != filters.dims[1]) {
    conv.corrupt("weight", "has the shape {}, and {} channels in {} groups are to be read",
                 to_string(filters.dims), channels(input), groups);
  }
  const bool follows_reorganisation =
      input != kImage &&
      std::holds_alternative<Reorganisation>(layers_[static_cast<std::size_t>(input)].kind);
  if (follows_reorganisation && groups == 1 && form.dilation == graph::Size2d(1)) {
    filters = merge_reorganisation(filters);
    graph::Pads2d& pads = form.padding;
    pads = {2 * pads.top, 2 * pads.left, 2 * pads.bottom, 2 * pads.right};
    form.stride = {2 * form.stride.h, 2 * form.stride.w};
    input = layers_[static_cast<std::size_t>(input)].inputs.front();
  }
  return add(conv, yolov7::convolution(conv, filters, form), {input}, filters.count());
}

int LayerList::function(const TorchModule& module, const LayerKind& function, int input) {
  return add(module, function, {input}, channels(input));
}

int LayerList::max_pool(const TorchModule& pool, int input) {
  if (!is_torch_class(pool, "MaxPool2d")) {
    pool.unsupported("", "a {}, and a torch.nn.MaxPool2d is expected",
                     printable(pool.type().full()));
  }
  MaxPool layer;
  layer.kernel = size_of_window(pool, "kernel_size");
  layer.stride = size_of_window(pool, "stride");
  const auto [top, left] = pool.integer_pair("padding");
  if (top < 0 || left < 0 || 2 * top > layer.kernel.h || 2 * left > layer.kernel.w) {
    pool.corrupt("padding", "is {} and {}, and at most half a kernel is expected", top, left);
  }
  layer.padding = {top, left, top, left};
  const auto dilation = pool.integer_pair("dilation");
  if (dilation != std::pair<std::int64_t, std::int64_t>(1, 1) || pool.flag("ceil_mode") ||
      pool.flag("return_indices")) {
    pool.unsupported("", "dilation 1, and neither ceil_mode nor return_indices, is expected");
  }
  return add(pool, layer, {input}, channels(input));
}

int LayerList::upsampling(const TorchModule& module, int input) {
  const std::string mode = module.text("mode", "nearest");
  if (mode != "nearest") {
    module.unsupported("mode", "is \"{}\", and \"nearest\" is expected", printable(mode));
  }
  if (!module.is_none("size")) module.unsupported("size", "a factor is expected in its place");
  const double factor = module.number("scale_factor");
  if (!(factor >= 1 && factor <= kMostFactor) || factor != std::floor(factor)) {
    module.corrupt("scale_factor", "is {}, and an integer from 1 to {} is expected", factor,
                   kMostFactor);
  }
  return add(module, Upsampling{static_cast<std::int64_t>(factor)}, {input}, channels(input));
}

int LayerList::concatenation(const TorchModule& module, const std::vector<int>& inputs) {
  std::int64_t sum = 0;
  for (const int input : inputs) sum += channels(input);
  return add(module, Concatenation{}, inputs, sum);
}

int LayerList::sum(const TorchModule& module, int a, int b) {
  if (channels(a) != channels(b)) {
    module.corrupt("", "adds {} channels to {}", channels(b), channels(a));
  }
  return add(module, Sum{}, {a, b}, channels(a));
}

int LayerList::half(const TorchModule& module, int input, bool second) {
  const std::int64_t all = channels(input);
  if (all % 2 != 0) module.corrupt("", "{} channels are not two equal parts", all);
  return add(module, ChannelRange{second ? all / 2 : 0, second ? all : all / 2}, {input}, all / 2);
}

int LayerList::reorganisation(const TorchModule& module, int input) {
  return add(module, Reorganisation{}, {input}, 4 * channels(input));
}

}  // namespace lasso::yolov7
