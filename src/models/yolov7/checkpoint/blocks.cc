#include "models/yolov7/checkpoint/blocks.h"

#include <array>
#include <optional>
#include <utility>

#include "formats/text.h"

namespace lasso::yolov7 {

namespace {

using Reader = int (*)(LayerList& list, const TorchModule& block, const std::vector<int>& inputs);

int only(const TorchModule& block, const std::vector<int>& inputs) {
  if (inputs.size() != 1) {
    block.corrupt("f", "has {} inputs, and a {} takes one", inputs.size(),
                  printable(block.type().full()));
  }
  return inputs.front();
}

void check_channel_axis(const TorchModule& block) {
  if (block.integer("d") != 1) {
    block.unsupported("d", "is {}, and 1, the channels, is expected", block.integer("d"));
  }
}

// What a function behind a convolution computes; none: of the identity, nothing.
std::optional<LayerKind> function_of(const TorchModule& module) {
  using graph::Activation;
  if (is_torch_class(module, "Identity")) return std::nullopt;
  if (is_torch_class(module, "SiLU")) return graph::Unary{Activation::kSilu};
  if (is_torch_class(module, "ReLU")) return graph::Unary{Activation::kRelu};
  if (is_torch_class(module, "Sigmoid")) return graph::Unary{Activation::kSigmoid};
  if (is_torch_class(module, "LeakyReLU")) {
    const double slope = module.number("negative_slope");
    if (!(slope >= -1 && slope <= 1)) {
      module.corrupt("negative_slope", "is {}, and -1 to 1 is expected", slope);
    }
    return graph::LeakyRelu{static_cast<float>(slope)};
  }
  module.unsupported("", "an activation of {}, which Lasso does not know",
                     printable(module.type().full()));
}

int activated(LayerList& list, const TorchModule& block, int input) {
  const TorchModule activation = block.module("act");
  const auto function = function_of(activation);
  return function ? list.function(activation, *function, input) : input;
}

// A convolution and the norm behind it, in a block or one behind the other in a sequence.
struct NormedConvolution {
  Filters filters;
  ConvolutionForm form;
};

NormedConvolution normed(LayerList& list, const TorchModule& conv,
                         const std::optional<TorchModule>& norm) {
  NormedConvolution merged{list.parameters().filters(conv), form_of(conv)};
  if (norm) merge_norm(list.parameters().batch_norm(*norm, merged.filters.count()), merged.filters);
  return merged;
}

// A block that was merged in Python has no norm.
int read_conv(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  block.check_members({"conv", "bn", "act"});
  const TorchModule conv = block.module("conv");
  NormedConvolution merged = normed(list, conv, block.find_module("bn"));
  const int y = list.convolution(conv, std::move(merged.filters), merged.form, only(block, inputs));
  return activated(list, block, y);
}

// RepVGG (Ding et al., 2021): convolutions of 3x3 and of one pixel, and where the channels stay the
// input itself, each with a norm, are summed.
int read_rep_conv(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  block.check_members({"rbr_reparam", "rbr_dense", "rbr_1x1", "rbr_identity", "act"});
  const int input = only(block, inputs);
  if (const auto merged = block.find_module("rbr_reparam")) {
    return activated(
        list, block,
        list.convolution(*merged, list.parameters().filters(*merged), form_of(*merged), input));
  }
  const auto branch = [&](std::string_view member) {
    const TorchModule sequence = block.module(member);
    sequence.check_members({"0", "1"});
    return normed(list, sequence.module("0"), sequence.module("1"));
  };
  NormedConvolution dense = branch("rbr_dense");
  const NormedConvolution point = branch("rbr_1x1");
  ConvolutionForm expected = dense.form;
  expected.padding = 0;
  const Dims one{dense.filters.dims[0], dense.filters.dims[1], 1, 1};
  const Dims nine{one[0], one[1], 3, 3};
  if (dense.filters.dims != nine || dense.form.padding != graph::Pads2d(1) ||
      dense.form.dilation != graph::Size2d(1)) {
    block.corrupt("rbr_dense", "a convolution of 3x3 pixels, padded by 1, is expected");
  }
  if (point.filters.dims != one || !(point.form == expected)) {
    block.corrupt("rbr_1x1",
                  "a convolution of one pixel with the channels, strides and groups of "
                  "rbr_dense is expected");
  }
  merge_branch(point.filters, dense.filters);
  if (const auto identity = block.find_module("rbr_identity")) {
    if (list.channels(input) != one[0] || one[0] % dense.form.groups != 0 ||
        one[0] / dense.form.groups != one[1] || dense.form.stride != graph::Size2d(1)) {
      block.corrupt("rbr_identity", "{} channels become {} ones", list.channels(input), one[0]);
    }
    const BatchNorm norm = list.parameters().batch_norm(*identity, one[0]);
    merge_branch(identity_filters(norm, dense.form.groups), dense.filters);
  }
  const int y = list.convolution(block, std::move(dense.filters), dense.form, input);
  return activated(list, block, y);
}

int read_max_pool(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  return list.max_pool(block, only(block, inputs));
}

// MP and SP.
int read_pool(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  block.check_members({"m"});
  return list.max_pool(block.module("m"), only(block, inputs));
}

// Part of a block, which takes one value.
int part(LayerList& list, const TorchModule& block, std::string_view member, int input) {
  return read_block(list, block.module(member), {input});
}

int read_sppcspc(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  block.check_members({"cv1", "cv2", "cv3", "cv4", "cv5", "cv6", "cv7", "m"});
  const int input = only(block, inputs);
  int x = part(list, block, "cv1", input);
  x = part(list, block, "cv3", x);
  x = part(list, block, "cv4", x);
  const TorchModule pools = block.module("m");
  std::vector<int> pooled{x};
  for (const TorchModule& pool : pools.modules()) pooled.push_back(list.max_pool(pool, x));
  int y = part(list, block, "cv5", list.concatenation(pools, pooled));
  y = part(list, block, "cv6", y);
  const int shortcut = part(list, block, "cv2", input);
  return part(list, block, "cv7", list.concatenation(block, {y, shortcut}));
}

int read_down_c(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  block.check_members({"cv1", "cv2", "cv3", "mp"});
  const int input = only(block, inputs);
  const int convolved = part(list, block, "cv2", part(list, block, "cv1", input));
  const int pooled = part(list, block, "cv3", list.max_pool(block.module("mp"), input));
  return list.concatenation(block, {convolved, pooled});
}

int read_reorg(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  block.check_members({});
  return list.reorganisation(block, only(block, inputs));
}

int read_upsample(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  return list.upsampling(block, only(block, inputs));
}

int read_concat(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  block.check_members({});
  check_channel_axis(block);
  return list.concatenation(block, inputs);
}

// The first halves of all values, and then the second ones.
int read_chuncat(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  block.check_members({});
  check_channel_axis(block);
  std::vector<int> halves;
  for (const bool second : {false, true}) {
    for (const int input : inputs) halves.push_back(list.half(block, input, second));
  }
  return list.concatenation(block, halves);
}

int read_shortcut(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  block.check_members({});
  if (inputs.size() != 2) block.corrupt("f", "has {} inputs, and a sum has two", inputs.size());
  return list.sum(block, inputs[0], inputs[1]);
}

int read_foldcut(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  block.check_members({});
  check_channel_axis(block);
  const int input = only(block, inputs);
  const int first = list.half(block, input, false);
  return list.sum(block, first, list.half(block, input, true));
}

int read_sequential(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  int value = only(block, inputs);
  const std::vector<TorchModule> modules = block.modules();
  list.count_blocks(block, modules.size());
  for (const TorchModule& next : modules) value = read_block(list, next, {value});
  return value;
}

struct Block {
  std::string_view name;
  Reader reader;
};

constexpr auto kOwn = std::to_array<Block>({
    {"Conv", read_conv},
    {"RepConv", read_rep_conv},
    {"SPPCSPC", read_sppcspc},
    {"DownC", read_down_c},
    {"ReOrg", read_reorg},
    {"MP", read_pool},
    {"SP", read_pool},
    {"Concat", read_concat},
    {"Chuncat", read_chuncat},
    {"Shortcut", read_shortcut},
    {"Foldcut", read_foldcut},
});
constexpr auto kTorch = std::to_array<Block>({
    {"MaxPool2d", read_max_pool},
    {"Upsample", read_upsample},
    {"Sequential", read_sequential},
});

}  // namespace

bool is_own_class(const PickleName& type, std::string_view name) {
  if (type.name != name) return false;
  for (const std::string_view module : {"models.common", "models.yolo"}) {
    if (type.module == module) return true;
    const bool is_inside = type.module.size() > module.size() && type.module.ends_with(module) &&
                           type.module[type.module.size() - module.size() - 1] == '.';
    if (is_inside) return true;
  }
  return false;
}

int read_block(LayerList& list, const TorchModule& block, const std::vector<int>& inputs) {
  for (const Block& known : kOwn) {
    if (is_own_class(block.type(), known.name)) return known.reader(list, block, inputs);
  }
  for (const Block& known : kTorch) {
    if (is_torch_class(block, known.name)) return known.reader(list, block, inputs);
  }
  block.unsupported("", "a block of class {}, which Lasso does not know",
                    printable(block.type().full()));
}

}  // namespace lasso::yolov7
