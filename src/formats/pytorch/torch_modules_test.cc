#include "formats/pytorch/torch_modules.h"

#include <gtest/gtest.h>

#include "formats/checkpoint.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/torch_model.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kCorrupt = ErrorCode::kCorruptFile;

TorchFile written(const std::string& value, const SavedTensors& tensors = {}) {
  static const TempDir dir;
  write_archive(dir / "a.pt", program(value), tensors.storages());
  return open_torch(MappedFile::open(dir / "a.pt"));
}

SavedModule sample(SavedTensors& tensors) {
  SavedModule module{"models.common", "Conv"};
  module.set("stride", integers({1, 2}));
  module.set("groups", integer(3));
  module.set("eps", real(0.25));
  module.set("ceil_mode", "\x88");
  module.set("mode", text("nearest"));
  module.set("nothing", "N");
  module.set("grid", tensors.add({2}, {5, 6}));
  module.parameters = {{"weight", tensors.add({1, 2}, {1, 2})}, {"bias", "N"}};
  module.buffers = {{"mean", tensors.add({3}, {1, 2, 3})}};
  module.modules = {{"act", {"torch.nn.modules.activation", "SiLU"}}};
  return module;
}

TEST(TorchModules, AStateIsData) {
  SavedTensors tensors;
  const TorchFile torch = written(sample(tensors).opcodes(), tensors);
  const TorchModule module(torch, torch.pickle.root, "model");
  EXPECT_EQ(module.type().full(), "models.common.Conv");
  EXPECT_EQ(module.integer_pair("stride"), (std::pair<std::int64_t, std::int64_t>(1, 2)));
  EXPECT_EQ(module.integer_pair("groups"), (std::pair<std::int64_t, std::int64_t>(3, 3)));
  EXPECT_EQ(module.number("eps"), 0.25);
  EXPECT_EQ(module.number("groups"), 3);
  EXPECT_TRUE(module.flag("ceil_mode"));
  EXPECT_FALSE(module.flag("absent"));
  EXPECT_TRUE(module.is_none("nothing"));
  EXPECT_EQ(module.text("mode", ""), "nearest");
  EXPECT_EQ(module.text("absent", "zeros"), "zeros");
  EXPECT_EQ(module.tensor("weight").dims, (Dims{1, 2}));
  EXPECT_EQ(module.tensor("mean").dims, (Dims{3}));
  EXPECT_EQ(module.tensor_attribute("grid").dims, (Dims{2}));
  EXPECT_FALSE(module.find_tensor("bias").has_value());
  EXPECT_EQ(module.module("act").name(), "model.act");
  EXPECT_EQ(module.module("act").type().name, "SiLU");
  ASSERT_EQ(module.modules().size(), 1U);
  module.check_members({"weight", "mean", "act"});
}

TEST(TorchModules, WhatIsMissingIsNamed) {
  SavedTensors tensors;
  const TorchFile torch = written(sample(tensors).opcodes(), tensors);
  const TorchModule module(torch, torch.pickle.root, "model");
  EXPECT_ERROR(module.integer("dilation"), kCorrupt, "a.pt: model.dilation: the attribute");
  EXPECT_ERROR(module.integer("mode"), kCorrupt, "model.mode: an integer is expected");
  EXPECT_ERROR(module.number("mode"), kCorrupt, "model.mode: a number is expected");
  EXPECT_ERROR(module.integer_pair("eps"), kCorrupt, "model.eps: a list of integers");
  EXPECT_ERROR(module.integers("stride", 1), kCorrupt, "model.stride: 2 numbers");
  EXPECT_ERROR(module.flag("groups"), kCorrupt, "model.groups: True or False");
  EXPECT_ERROR(module.text("groups", ""), kCorrupt, "model.groups: a text");
  EXPECT_ERROR(module.tensor("bias"), kCorrupt, "model.bias: the tensor is missing");
  EXPECT_ERROR(module.tensor_attribute("mode"), kCorrupt, "model.mode: a tensor is expected");
  EXPECT_ERROR(module.module("bn"), kCorrupt, "model.bn: the module is missing");
  EXPECT_ERROR(module.check_members({"weight", "act"}), ErrorCode::kUnsupported,
               "model.mean: models.common.Conv has no such member");
  EXPECT_ERROR(TorchModule(torch, torch.pickle.objects.at(0).callable, "x"), kCorrupt,
               "x: a module is expected");
}

TEST(TorchModules, ObjectsWithoutAStateAreNone) {
  const TorchFile torch = written(global("m", "C") + ")\x81");
  EXPECT_ERROR(TorchModule(torch, torch.pickle.root, "model"), kCorrupt,
               "model: an object of m.C without attributes");
  const TorchFile listed = written(global("m", "C") + ")\x81" + list({"N"}) + "b");
  EXPECT_ERROR(TorchModule(listed, listed.pickle.root, "model"), kCorrupt, "without attributes");
}

// A module that stands in its own state: m._modules["next"] is m.
TEST(TorchModules, CyclesEnd) {
  const std::string self = global("m", "C") + ")\x81q" + std::string(1, '\5') +
                           dict({{"_modules", dict({{"next", std::string("h\5")}})}}) + "b";
  const TorchFile torch = written(self);
  const TorchModule first(torch, torch.pickle.root, "m");
  const auto descend = [&] {
    TorchModule module = first;
    while (true) module = module.module("next");
  };
  EXPECT_ERROR(descend(), kCorrupt, "deeper than 16");
}

TEST(TorchModules, DamagedCollectionsAreRefused) {
  const auto with_modules = [](const std::string& modules) {
    return global("m", "C") + ")\x81" + dict({{"_modules", modules}}) + "b";
  };
  const std::string child = global("m", "D") + ")\x81" + dict({}) + "b";
  const std::vector<std::pair<std::string, std::string>> cases{
      {list({}), "m._modules: is no dictionary"},
      {dict({{"a", "K\1"}}), "m.a: a module is expected"},
      {dict({{"a", child}, {"a", child}}), "m.a: there are two modules"},
      {"}(K\1" + child + "u", "m._modules: a name that is no text"}};
  for (const auto& [modules, message] : cases) {
    const TorchFile torch = written(with_modules(modules));
    const TorchModule module(torch, torch.pickle.root, "m");
    EXPECT_ERROR(module.modules(), kCorrupt, message);
  }
}

TEST(TorchModules, TheLastOfTwoEqualKeysCounts) {
  const TorchFile torch =
      written(global("m", "C") + ")\x81" + dict({{"a", "K\1"}, {"a", "K\2"}}) + "b");
  EXPECT_EQ(TorchModule(torch, torch.pickle.root, "m").integer("a"), 2);
}

}  // namespace
}  // namespace lasso
