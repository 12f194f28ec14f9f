// A YOLOv7 of few layers, as its train.py saves it, for tests that change it.
#ifndef LASSO_TESTS_SUPPORT_SMALL_DETECTOR_H_
#define LASSO_TESTS_SUPPORT_SMALL_DETECTOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/random.h"
#include "support/torch_model.h"

namespace lasso::test {

// Three blocks and a head of one level:
//   0 Conv   3 -> 4 channels, 3x3, stride 2, SiLU       2 Concat of 1 and 0
//   1 Conv   4 -> 4 channels, 1 pixel, LeakyReLU        3 IDetect, stride 2, 2 anchors, 3 classes
struct SmallDetector {
  SavedTensors tensors;
  SavedModule model;

  SmallDetector() {
    model = {"models.yolo", "Model"};
    model.set("yaml", dict({{"nc", integer(kClasses)}, {"ch", integer(3)}}));
    model.set("names", list({text("cat"), text("dog"), text("caf\xc3\xa9")}));
    SavedModule& blocks = add(model, "model", {"torch.nn.modules.container", "Sequential"});
    blocks.modules.emplace_back("0", placed(conv(3, 4, 3, 2, silu()), 0, integer(-1)));
    blocks.modules.emplace_back("1", placed(conv(4, 4, 1, 1, leaky_relu()), 1, integer(-1)));
    SavedModule concat{"models.common", "Concat"};
    concat.set("d", integer(1));
    blocks.modules.emplace_back("2", placed(concat, 2, list({integer(-1), integer(0)})));
    blocks.modules.emplace_back("3", placed(head(8), 3, list({integer(2)})));
  }

  // The file with the model under "ema", or what `root` makes of its opcodes.
  std::string pickle() const {
    return program(dict(
        {{"epoch", integer(1)}, {"model", "N"}, {"ema", model.opcodes()}, {"optimizer", "N"}}));
  }
  void write(const std::string& path) const { write_archive(path, pickle(), tensors.storages()); }

  static constexpr std::int64_t kClasses = 3;
  static constexpr std::int64_t kAnchors = 2;

  SavedModule conv2d(std::int64_t from, std::int64_t to, std::int64_t kernel, std::int64_t stride,
                     bool bias) {
    SavedModule conv{"torch.nn.modules.conv", "Conv2d"};
    for (const auto& [key, value] :
         {std::pair("stride", stride), std::pair("dilation", std::int64_t{1}),
          std::pair("padding", kernel / 2)}) {
      conv.set(key, integers({value, value}));
    }
    conv.set("groups", integer(1));
    conv.set("padding_mode", text("zeros"));
    conv.parameters = {{"weight", random({to, from, kernel, kernel})},
                       {"bias", bias ? random({to}) : "N"}};
    return conv;
  }
  SavedModule batch_norm(std::int64_t channels) {
    SavedModule norm{"torch.nn.modules.batchnorm", "BatchNorm2d"};
    norm.set("eps", real(1e-3));
    norm.parameters = {{"weight", random({channels}, 0.5F)}, {"bias", random({channels})}};
    norm.buffers = {{"running_mean", random({channels})},
                    {"running_var", random({channels}, 0.5F)}};
    return norm;
  }
  SavedModule conv(std::int64_t from, std::int64_t to, std::int64_t kernel, std::int64_t stride,
                   const SavedModule& act) {
    SavedModule block{"models.common", "Conv"};
    block.modules = {
        {"conv", conv2d(from, to, kernel, stride, false)}, {"bn", batch_norm(to)}, {"act", act}};
    return block;
  }
  static SavedModule silu() { return {"torch.nn.modules.activation", "SiLU"}; }
  static SavedModule leaky_relu() {
    SavedModule act{"torch.nn.modules.activation", "LeakyReLU"};
    act.set("negative_slope", real(0.1));
    return act;
  }
  SavedModule head(std::int64_t channels) {
    const std::int64_t outputs = kAnchors * (5 + kClasses);
    SavedModule head{"models.yolo", "IDetect"};
    head.set("nc", integer(kClasses));
    head.set("no", integer(5 + kClasses));
    head.set("nl", integer(1));
    head.set("na", integer(kAnchors));
    head.set("stride", tensors.add({1}, {2}));
    head.buffers = {{"anchors", tensors.add({1, 2, 2}, {2, 3, 4, 5})},
                    {"anchor_grid", tensors.add({1, 1, 2, 1, 1, 2}, {4, 6, 8, 10})}};
    add(head, "m", modules({conv2d(channels, outputs, 1, 1, true)}));
    add(head, "ia", modules({implicit("ImplicitA", channels)}));
    add(head, "im", modules({implicit("ImplicitM", outputs)}));
    return head;
  }
  SavedModule implicit(const std::string& name, std::int64_t channels) {
    SavedModule module{"models.common", name};
    module.parameters = {{"implicit", random({1, channels, 1, 1})}};
    return module;
  }
  static SavedModule modules(const std::vector<SavedModule>& list) {
    SavedModule module{"torch.nn.modules.container", "ModuleList"};
    for (const SavedModule& entry : list) {
      module.modules.emplace_back(std::to_string(module.modules.size()), entry);
    }
    return module;
  }
  static SavedModule placed(SavedModule block, std::int64_t index, const std::string& from) {
    block.set("i", integer(index));
    block.set("f", from);
    return block;
  }
  static SavedModule& add(SavedModule& parent, const std::string& key, SavedModule child) {
    parent.modules.emplace_back(key, std::move(child));
    return parent.modules.back().second;
  }

  // Numbers from `least` to `least` + 1.
  std::string random(const std::vector<std::int64_t>& dims, float least = -0.5F) {
    std::vector<float> values(static_cast<std::size_t>(element_count(dims)));
    for (float& value : values) value = least + random_.uniform();
    return tensors.add(dims, values);
  }

 private:
  SplitMix64 random_{7};
};

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_SMALL_DETECTOR_H_
