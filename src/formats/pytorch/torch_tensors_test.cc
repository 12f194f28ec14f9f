#include "formats/pytorch/torch_tensors.h"

#include <gtest/gtest.h>

#include "formats/checkpoint.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/pickles.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kUnsupported = ErrorCode::kUnsupported;

std::string one_tensor(const std::string& type = "FloatStorage") {
  return tensor(storage("0", 2, type), 0, {2}, {1});
}

Weights read(const std::string& value) {
  static const TempDir dir;
  write_archive(dir / "a.pth", program(value), {{"0", "12345678"}});
  return read_checkpoint(dir / "a.pth");
}

std::string object(const std::string& module, const std::string& name) {
  return global(module, name) + ")\x81";
}

TEST(TorchTensors, SaysWhatStandsBesideTensors) {
  const Weights weights =
      read(dict({{"w", one_tensor()},
                 {"best_loss", std::string("G\0\0\0\0\0\0\0\0", 9)},
                 {"epoch", integer(3)},
                 {"name", text("x")},
                 {"rng", object("random", "Random")},
                 {"optimizer_class", global("torch.optim.adamw", "AdamW")},
                 {"complex", tensor(storage("9", 5, "ComplexFloatStorage"), 0, {5}, {1})},
                 {"list", list({one_tensor()})},
                 {"path", call(global("pathlib._local", "PosixPath"), {text("/data")})}}));
  EXPECT_EQ(weights.names(), std::vector<std::string>{"w"});
  std::map<std::string, std::string> what;
  for (const auto& [name, value] : weights.others()) what[name] = value.what;
  const std::map<std::string, std::string> expected{
      {"best_loss", "a number"},
      {"complex", "a tensor of ComplexFloatStorage"},
      {"epoch", "a number"},
      {"list", "a list"},
      {"name", "a text"},
      {"optimizer_class", "the class torch.optim.adamw.AdamW"},
      {"path", "an object of class pathlib._local.PosixPath"},
      {"rng", "an object of class random.Random"}};
  EXPECT_EQ(what, expected);
}

TEST(TorchTensors, NamesTheObjectThatIsTheModel) {
  EXPECT_ERROR(read(object("models.yolo", "Model")), kUnsupported, "a YOLO model");
  EXPECT_ERROR(read(dict({{"args", object("argparse", "Namespace")},
                          {"model", object("ultralytics.nn.tasks", "SegmentationModel")}})),
               kUnsupported, "\"model\" is a YOLO model");
  EXPECT_ERROR(read(object("segment_anything.modeling.sam", "Sam")), kUnsupported,
               "saved as a whole Python object (class segment_anything.modeling.sam.Sam)");
  EXPECT_ERROR(read(dict({{"args", object("argparse", "Namespace")},
                          {"state_dict", object("easydict", "EasyDict")}})),
               kUnsupported,
               "\"state_dict\" is an object in place of a dictionary of tensors (class "
               "easydict.EasyDict)");
  EXPECT_ERROR(read(list({one_tensor()})), kUnsupported, "no tensors under names");
}

TEST(TorchTensors, TakesTheLastValueOfAKeyAndNoneOfTwoNames) {
  const std::string other = tensor(storage("0", 2), 1, {1}, {1});
  const Weights last = read(dict({{"w", one_tensor()}, {"w", other}}));
  EXPECT_EQ(last.at("w").dims, (Dims{1}));
  const Weights two =
      read(dict({{"a", dict({{"b", one_tensor()}})}, {"a.b", other}, {"w", one_tensor()}}));
  EXPECT_EQ(two.names(), std::vector<std::string>{"w"});
  EXPECT_EQ(two.others().at("a.b").what, "two tensors of the same name");
}

TEST(TorchTensors, ReadsDoubles) {
  const Weights weights =
      read(dict({{"w", tensor(storage("0", 1, "DoubleStorage"), 0, {1}, {1})}}));
  EXPECT_EQ(weights.at("w").dtype, DType::kF64);
}

}  // namespace
}  // namespace lasso
