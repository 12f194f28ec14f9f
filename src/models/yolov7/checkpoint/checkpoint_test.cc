#include "models/yolov7/checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "formats/checkpoint.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/small_detector.h"

namespace lasso::yolov7 {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kCorrupt = ErrorCode::kCorruptFile;
constexpr auto kUnsupported = ErrorCode::kUnsupported;

TorchFile opened(const std::string& pickle, const SavedTensors& tensors) {
  static const TempDir dir;
  write_archive(dir / "a.pt", pickle, tensors.storages());
  return open_torch(MappedFile::open(dir / "a.pt"));
}

Network read(const SmallDetector& detector) {
  return read_network(opened(detector.pickle(), detector.tensors));
}

template <typename T>
const T* kind_of(const Network& network, std::size_t layer) {
  return std::get_if<T>(&network.layers.at(layer).kind);
}

TEST(YoloCheckpoint, BlocksBecomeLayers) {
  const Network network = read(SmallDetector());
  EXPECT_EQ(network.channels, 3);
  EXPECT_EQ(network.names, (std::vector<std::string>{"cat", "dog", "caf\xc3\xa9"}));
  ASSERT_EQ(network.levels.size(), 1U);
  EXPECT_EQ(network.levels[0], (DetectionLevel{2, {{4, 6}, {8, 10}}}));
  std::vector<std::string> names;
  for (const Layer& layer : network.layers) names.push_back(layer.name);
  EXPECT_EQ(names, (std::vector<std::string>{"0.conv", "0.act", "1.conv", "1.act", "2", "3.m.0"}));
  EXPECT_EQ(network.layers[4].inputs, (std::vector<int>{3, 1}));
  EXPECT_EQ(network.layers[4].channels, 8);
  EXPECT_EQ(network.maps, std::vector<int>{5});
  const auto* first = kind_of<Convolution>(network, 0);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->weights.dims, (Dims{4, 3, 3, 3}));
  EXPECT_EQ(first->form.stride, graph::Size2d(2));
  EXPECT_EQ(first->form.padding, graph::Pads2d(1));
  EXPECT_EQ(kind_of<Convolution>(network, 5)->weights.dims, (Dims{16, 8, 1, 1}));
  EXPECT_NEAR(kind_of<graph::LeakyRelu>(network, 3)->slope, 0.1, 1e-7);
  EXPECT_EQ(network.parameters, 4U * 27 + 4 + 16 + 4 + 16 * 8 + 16);
  EXPECT_EQ(network.architecture, "YOLOv7 of 4 blocks");
}

TEST(YoloCheckpoint, TheAverageIsTakenOrTheModelOrTheObjectItself) {
  const SmallDetector detector;
  const std::string model = detector.model.opcodes();
  for (const std::string& root :
       {model, dict({{"model", model}, {"ema", "N"}}), dict({{"model", "N"}, {"ema", model}})}) {
    const TorchFile torch = opened(program(root), detector.tensors);
    EXPECT_TRUE(has_detector(torch));
    EXPECT_EQ(read_network(torch).layers.size(), 6U);
  }
  for (const std::string& root : {dict({{"model", dict({})}}), list({}), std::string("N"),
                                  dict({{"model", SavedModule{"m", "C"}.opcodes()}})}) {
    EXPECT_FALSE(has_detector(opened(program(root), {})));
  }
}

TEST(YoloCheckpoint, NamesMayBeADictionaryOrAbsent) {
  SmallDetector detector;
  detector.model.set("names", "}(" + integer(2) + text("c") + integer(0) + text("a") + "u");
  EXPECT_EQ(read(detector).names, (std::vector<std::string>{"a", "1", "c"}));
  detector.model.set("names", list({integer(7), text("a\nb"), text("\xff")}));
  EXPECT_EQ(read(detector).names, (std::vector<std::string>{"7", "a\\x0ab", "\\xff"}));
  detector.model.set("names", "N");
  EXPECT_EQ(read(detector).names, (std::vector<std::string>{"0", "1", "2"}));
  detector.model.set("names", list({text("one")}));
  EXPECT_ERROR(read(detector), kCorrupt, "ema.names: has 1 names for 3 classes");
}

// Python's f counts from the end where it is negative, and -1 is what came before.
TEST(YoloCheckpoint, InputsAreCountedAsInPython) {
  SmallDetector detector;
  detector.model.at("model.2").set("f", list({integer(-2), integer(1)}));
  EXPECT_EQ(read(detector).layers[4].inputs, (std::vector<int>{1, 3}));
  detector.model.at("model.2").set("f", list({integer(-1), integer(-1)}));
  EXPECT_EQ(read(detector).layers[4].inputs, (std::vector<int>{3, 3}));
}

// An IDetect that was merged in Python has its implicit layers beside it.
TEST(YoloCheckpoint, WhatIsMergedAlreadyIsNotMergedAgain) {
  SmallDetector detector;
  const Network before = read(detector);
  detector.model.at("model.3").set("forward", "N");
  const Network after = read(detector);
  const auto weight = [](const Network& network) {
    return static_cast<const float*>(kind_of<Convolution>(network, 5)->weights.data.get())[0];
  };
  EXPECT_NE(weight(before), weight(after));
  detector.model.at("model.0").modules.erase(detector.model.at("model.0").modules.begin() + 1);
  EXPECT_NE(weight(read(detector)), 0);
}

// Blocks that no level needs are not looked at, whatever they are.
TEST(YoloCheckpoint, AuxiliaryHeadsAreLeftOut) {
  SmallDetector detector;
  SavedModule& head = detector.model.at("model.3");
  head.name = "IAuxDetect";
  SmallDetector::add(head, "m2", SavedModule{"m", "C"});
  head.set("f", list({integer(2), integer(1)}));
  EXPECT_EQ(read(detector).layers.size(), 6U);
  auto& blocks = detector.model.at("model").modules;
  blocks.insert(blocks.begin() + 3,
                {"3", SmallDetector::placed(SavedModule{"m", "Unknown"}, 3, integer(-1))});
  blocks.back().first = "4";
  detector.model.at("model.4").set("f", list({integer(2), integer(3)}));
  EXPECT_EQ(read(detector).layers.size(), 6U);
  detector.model.at("model.4").set("f", list({integer(3), integer(2)}));
  EXPECT_ERROR(read(detector), kUnsupported, "ema.model.3: a block of class m.Unknown");
}

// A change of the small detector, and what is said of it.
struct Damage {
  const char* message;
  std::function<void(SmallDetector&)> apply;
  ErrorCode code = kCorrupt;
};

TEST(YoloCheckpoint, DamageIsNamed) {
  const auto set = [](const char* path, const char* key, const std::string& value) {
    return [=](SmallDetector& d) { d.model.at(path).set(key, value); };
  };
  const auto erase_module = [](const char* path, const char* key) {
    return [=](SmallDetector& d) {
      std::erase_if(d.model.at(path).modules, [&](const auto& m) { return m.first == key; });
    };
  };
  const auto parameter = [](const char* path, const char* key, std::vector<std::int64_t> dims) {
    return [=](SmallDetector& d) {
      SavedModule::set(d.model.at(path).parameters, key, d.random(dims));
    };
  };
  const auto attribute = [](const char* path, const char* key, std::vector<float> values) {
    return [=](SmallDetector& d) {
      d.model.at(path).set(key, d.tensors.add({static_cast<std::int64_t>(values.size())}, values));
    };
  };
  const auto buffer = [](const char* path, const char* key, std::vector<float> values) {
    return [=](SmallDetector& d) {
      SavedModule::set(d.model.at(path).buffers, key,
                       d.tensors.add({static_cast<std::int64_t>(values.size())}, values));
    };
  };
  const std::vector<Damage> damages{
      {"ema.model.0.conv: the module is missing", erase_module("model.0", "conv")},
      {"ema.model.0.act: the module is missing", erase_module("model.0", "act")},
      {"ema.model: the module is missing", erase_module("", "model")},
      {"ema.model.3.m: the module is missing", erase_module("model.3", "m")},
      {"ema.model.3.ia: has 0 modules for 1 levels", erase_module("model.3.ia", "0")},
      {"ema.model.0.extra: models.common.Conv has no such member",
       [](SmallDetector& d) {
         SmallDetector::add(d.model.at("model.0"), "extra", SmallDetector::silu());
       },
       kUnsupported},
      {"ema.model.0.conv.mask: torch.nn.modules.conv.Conv2d has no such member",
       parameter("model.0.conv", "mask", {2}), kUnsupported},
      {"ema.model.1.f: is 1, and block 1 may take -1 to 0", set("model.1", "f", integer(1))},
      {"ema.model.1.f: is -2, and", set("model.1", "f", integer(-2))},
      {"ema.model.0.f: is 0, and block 0 may take -1, the images", set("model.0", "f", integer(0))},
      {"ema.model.0.f: a list of integers is expected", set("model.0", "f", text("x"))},
      {"ema.model.2.f: has no input", set("model.2", "f", list({}))},
      {"ema.model.1.f: has 2 inputs, and a models.common.Conv takes one",
       set("model.1", "f", list({integer(0), integer(0)}))},
      {"ema.model.3.f: has 2 inputs, and 1 are expected",
       set("model.3", "f", list({integer(0), integer(0)}))},
      {"ema.model.2.d: is 2, and 1", set("model.2", "d", integer(2)), kUnsupported},
      {"ema.model.0.conv.stride: is 0, and 1 to 64", set("model.0.conv", "stride", integer(0))},
      {"ema.model.0.conv.stride: is 1099511627776, and",
       set("model.0.conv", "stride", integer(std::int64_t{1} << 40))},
      {"ema.model.0.conv.padding: a list of integers",
       set("model.0.conv", "padding", text("same"))},
      {"ema.model.0.conv.groups: is 0", set("model.0.conv", "groups", integer(0))},
      {"ema.model.0.conv.weight: has the shape [4, 3, 3, 3], and 3 channels in 2 groups",
       set("model.0.conv", "groups", integer(2))},
      {"ema.model.0.conv.padding_mode: is \"reflect\"",
       set("model.0.conv", "padding_mode", text("reflect")), kUnsupported},
      {"ema.model.0.conv.weight: has the shape [4, 27]",
       parameter("model.0.conv", "weight", {4, 27})},
      {"ema.model.0.conv.weight: has the shape [4, 3, 0, 1]",
       parameter("model.0.conv", "weight", {4, 3, 0, 1})},
      {"ema.model.0.conv.weight: is 65, and 1 to 64",
       parameter("model.0.conv", "weight", {4, 3, 1, 65})},
      {"ema.model.0.bn.weight: has 5 numbers, and 4", parameter("model.0.bn", "weight", {5})},
      {"ema.model.0.bn.running_var: has -1", buffer("model.0.bn", "running_var", {1, -1, 1, 1})},
      {"ema.model.0.bn.eps: the attribute is missing",
       [](SmallDetector& d) { SavedModule::erase(d.model.at("model.0.bn").attributes, "eps"); }},
      {"ema.model.0.bn: a torch.nn.modules.conv.Conv2d, and a torch.nn.BatchNorm2d",
       [](SmallDetector& d) { d.model.at("model.0.bn") = d.conv2d(1, 1, 1, 1, true); },
       kUnsupported},
      {"ema.model.0.act: an activation of torch.nn.modules.activation.Mish",
       [](SmallDetector& d) { d.model.at("model.0.act").name = "Mish"; }, kUnsupported},
      {"ema.model.1.act.negative_slope: is nan",
       set("model.1.act", "negative_slope", real(std::nan("")))},
      {"ema.model.0: a block of class models.common.Focus",
       [](SmallDetector& d) { d.model.at("model.0").name = "Focus"; }, kUnsupported},
      {"ema.model.3: the last block is of class models.yolo.IKeypoint",
       [](SmallDetector& d) { d.model.at("model.3").name = "IKeypoint"; }, kUnsupported},
      {"ema.model.3.nc: is -3, and 1 to 65536", set("model.3", "nc", integer(-3))},
      {"ema.model.3.m.0.weight: a convolution of one pixel with weights [18, 8, 1, 1]",
       set("model.3", "nc", integer(4))},
      {"ema.model.3.nl: is 9", set("model.3", "nl", integer(9))},
      {"ema.model.3.na: is 0", set("model.3", "na", integer(0))},
      {"ema.model.3.stride: has 2 numbers for 1 levels", attribute("model.3", "stride", {2, 4})},
      {"ema.model.3.stride: has 0, and integers", attribute("model.3", "stride", {0})},
      {"ema.model.3.stride: has 2.5, and", attribute("model.3", "stride", {2.5F})},
      {"ema.model.3.stride: has inf, and", attribute("model.3", "stride", {INFINITY})},
      {"ema.model.3.stride: a tensor is expected", set("model.3", "stride", integer(2))},
      {"ema.model.3.anchor_grid: has 3 numbers, and 4",
       buffer("model.3", "anchor_grid", {1, 2, 3})},
      {"ema.model.3.anchor_grid: has -1, and", buffer("model.3", "anchor_grid", {1, 2, -1, 3})},
      {"ema.model.3.anchor_grid: has 1.0000000150474662e+30, and",
       buffer("model.3", "anchor_grid", {1, 2, 1e30F, 3})},
      {"ema.model.3.anchor_grid: has nan, and", buffer("model.3", "anchor_grid", {NAN, 2, 1, 3})},
      {"ema.model.3.ia.0.implicit: has 9 numbers, and 8",
       parameter("model.3.ia.0", "implicit", {1, 9, 1, 1})},
      {"ema.model.3.ia.0: a models.common.ImplicitM, and a ImplicitA",
       [](SmallDetector& d) { d.model.at("model.3.ia.0").name = "ImplicitM"; }, kUnsupported},
      {"ema.yaml: \"ch\" is no number of channels", set("", "yaml", dict({{"ch", integer(0)}}))},
      {"ema: a models.yolo.Other, and a Model", [](SmallDetector& d) { d.model.name = "Other"; },
       kUnsupported},
      {"ema.model.0.conv: a weight is",
       [](SmallDetector& d) {
         SavedModule::set(d.model.at("model.0.conv").parameters, "weight",
                          d.tensors.add({4, 3, 1, 1}, std::vector<float>(12, 3e38F)));
         SavedModule::set(d.model.at("model.0.bn").parameters, "weight",
                          d.tensors.add({4}, {100, 1, 1, 1}));
       }},
  };
  for (const Damage& damage : damages) {
    SmallDetector detector;
    damage.apply(detector);
    EXPECT_ERROR(read(detector), damage.code, damage.message);
  }
}

// One module in very many places: what is read in all is bounded by the file.
TEST(YoloCheckpoint, SharedModulesAreCounted) {
  SmallDetector detector;
  const std::string block =
      SmallDetector::placed(detector.conv(4, 4, 3, 1, SmallDetector::silu()), 1, integer(-1))
          .opcodes();
  // The block goes to memo 9 once, and is repeated from there.
  std::string repeated;
  constexpr int kTimes = 1900;
  for (int i = 0; i < kTimes; ++i) {
    repeated += text(std::to_string(i)) + (i == 0 ? block + "q\x09" : std::string("h\x09"));
  }
  const std::string sequence =
      global("torch.nn.modules.container", "Sequential") + ")\x81" +
      dict({{"_modules", "}(" + repeated + "u"}, {"f", integer(-1)}, {"i", integer(1)}}) + "b";
  std::string pickle = detector.pickle();
  const std::string old = detector.model.at("model.1").opcodes();
  const std::size_t at = pickle.find(old);
  ASSERT_NE(at, std::string::npos);
  pickle.replace(at, old.size(), sequence);
  EXPECT_ERROR(read_network(opened(pickle, detector.tensors)), kCorrupt,
               "more numbers than the file has bytes");
}

TEST(YoloCheckpoint, OtherYolosAreNamed) {
  struct Case {
    const char* module;
    const char* block;
    const char* model;
  };
  for (const Case& other : {Case{"models.common", "C3", "a YOLOv5 model"},
                            Case{"models.common", "SPPF", "a YOLOv5 model"},
                            Case{"models.common", "RepNCSPELAN4", "a YOLOv9 model"},
                            Case{"ultralytics.nn.modules.block", "C2f", "a YOLOv8 model"},
                            Case{"ultralytics.nn.modules.block", "C3k2", "a YOLO11 model"},
                            Case{"ultralytics.nn.modules.block", "SCDown", "a YOLOv10 model"},
                            Case{"ultralytics.nn.modules.conv", "Conv", "a model of Ultralytics"},
                            Case{"yolov6.layers.common", "RepBlock", "a YOLOv6 model"}}) {
    SmallDetector detector;
    detector.model.at("model.1").module = other.module;
    detector.model.at("model.1").name = other.block;
    EXPECT_ERROR(read(detector), kUnsupported, other.model);
    EXPECT_ERROR(read(detector), kUnsupported, "Export it to ONNX");
  }
}

}  // namespace
}  // namespace lasso::yolov7
