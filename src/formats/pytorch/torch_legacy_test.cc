#include "formats/pytorch/torch_legacy.h"

#include <gtest/gtest.h>

#include "formats/checkpoint.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/legacy_writer.h"
#include "support/pickles.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kCorrupt = ErrorCode::kCorruptFile;

const std::string kFloats = little_endian(1.5F) + little_endian(-2.0F) + little_endian(3.25F);

std::string two_tensors() {
  return ordered_dict({{"a", tensor(legacy_storage("140", 3), 1, {2}, {1})},
                       {"b", tensor(legacy_storage("7", 2, "HalfStorage"), 0, {2}, {1})}});
}

// Keys stand in the order of their names, as torch.save sorts them.
const std::vector<LegacyStorage> kStorages = {{"140", 3, kFloats}, {"7", 2, std::string(4, '\0')}};

TEST(TorchLegacy, ReadsTensors) {
  const TempDir dir;
  write_bytes(dir / "a.pth", legacy_file(two_tensors(), kStorages) + "what follows is nobody's");
  const Weights weights = read_checkpoint(dir / "a.pth");
  EXPECT_EQ(weights.names(), (std::vector<std::string>{"a", "b"}));
  const Tensor a = weights.dense("a");
  EXPECT_EQ(a.view().as<float>()[0], -2.0F);
  EXPECT_EQ(a.view().as<float>()[1], 3.25F);
  EXPECT_EQ(weights.at("b").dtype, DType::kF16);
}

// torch.save(..., pickle_protocol=4) puts a frame around the first number.
TEST(TorchLegacy, ReadsProtocol4) {
  const TempDir dir;
  std::string file = legacy_file(two_tensors(), kStorages);
  const std::string frame = std::string("\x80\x04\x95\x0d\0\0\0\0\0\0\0", 11);
  write_bytes(dir / "a.pth", frame + file.substr(2));
  EXPECT_EQ(read_checkpoint(dir / "a.pth").size(), 2U);
}

// In files of PyTorch 0.1 to 0.3 a storage may be a part of another one.
TEST(TorchLegacy, ReadsPartsOfStorages) {
  const TempDir dir;
  const auto part = [](std::int64_t first, std::int64_t count) {
    return legacy_storage("140", 3, "FloatStorage",
                          tuple({text("view"), integer(first), integer(count)}));
  };
  write_bytes(dir / "a.pth",
              legacy_file(dict({{"a", tensor(part(1, 2), 1, {1}, {1})}}), {{"140", 3, kFloats}}));
  EXPECT_EQ(read_checkpoint(dir / "a.pth").dense("a").view().as<float>()[0], 3.25F);
  write_bytes(dir / "b.pth",
              legacy_file(dict({{"a", tensor(part(1, 2), 1, {2}, {1})}}), {{"140", 3, kFloats}}));
  EXPECT_ERROR(read_checkpoint(dir / "b.pth"), kCorrupt, "leaves its storage");
  write_bytes(dir / "c.pth",
              legacy_file(dict({{"a", tensor(part(2, 2), 0, {1}, {1})}}), {{"140", 3, kFloats}}));
  EXPECT_ERROR(read_checkpoint(dir / "c.pth"), kCorrupt, "2 elements from 2 on");
}

TEST(TorchLegacy, NamesWholeModules) {
  const TempDir dir;
  const std::string module = tuple({text("module"), global("torch.nn.modules.linear", "Linear"),
                                    text("linear.py"), text("class Linear")}) +
                             "Q)\x81";
  write_bytes(dir / "a.pth", legacy_file(module, {}));
  EXPECT_ERROR(read_checkpoint(dir / "a.pth"), ErrorCode::kUnsupported,
               "a whole Python object (class torch.nn.modules.linear.Linear)");
}

TEST(TorchLegacy, RefusesDamage) {
  const TempDir dir;
  const std::string whole = legacy_file(two_tensors(), kStorages);
  for (std::size_t size = 20; size < whole.size(); ++size) {
    write_bytes(dir / "a.pth", whole.substr(0, size));
    EXPECT_EQ(code_of([&] { read_checkpoint(dir / "a.pth"); }, dir / "a.pth"), kCorrupt) << size;
  }
  const auto refuse = [&](const std::vector<LegacyStorage>& storages, const std::string& part) {
    write_bytes(dir / "b.pth", legacy_file(two_tensors(), storages));
    EXPECT_ERROR(read_checkpoint(dir / "b.pth"), kCorrupt, part);
  };
  refuse({{"140", 3, kFloats}}, "storage 7 is missing");
  refuse({{"140", 2, kFloats.substr(4)}, kStorages[1]}, "storage 140 has 8 bytes, and 3 elements");
  refuse({{"140", -1, ""}, kStorages[1]}, "storage 140 has -1 elements");
  refuse({{"140", std::int64_t{1} << 62U, ""}, kStorages[1]}, "elements");
  refuse({kStorages[0], kStorages[0], kStorages[1]}, "storage 140 is listed twice");
  refuse({kStorages[0], kStorages[1], {"9", 0, ""}}, "storage 9 is listed, and no tensor has it");
  write_bytes(dir / "c.pth", legacy_file(two_tensors(), kStorages, "\x89"));
  EXPECT_ERROR(read_checkpoint(dir / "c.pth"), ErrorCode::kUnsupported, "big-endian");
}

}  // namespace
}  // namespace lasso
