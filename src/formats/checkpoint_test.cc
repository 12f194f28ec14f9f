#include "formats/checkpoint.h"

#include <gtest/gtest.h>

#include "core/log.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/pickles.h"
#include "support/torch_writer.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kCorrupt = ErrorCode::kCorruptFile;
constexpr auto kUnsupported = ErrorCode::kUnsupported;

std::string one_tensor(const std::string& key = "0") {
  return tensor(storage(key, 2), 0, {2}, {1});
}
const std::string kEightBytes = "12345678";

TEST(Checkpoint, ReadsTheMicroModel) {
  const Weights weights = read_checkpoint(data_path("sam_micro/checkpoint.pth"));
  EXPECT_EQ(weights.size(), 202U);
  EXPECT_EQ(weights.at("image_encoder.pos_embed").dims, (Dims{1, 16, 16, 64}));
  EXPECT_EQ(weights.at("mask_decoder.iou_prediction_head.layers.2.bias").dims, (Dims{4}));
}

TEST(Checkpoint, FlattensNestedDictionaries) {
  const TempDir dir;
  const std::string state = ordered_dict({{"w", one_tensor()}, {"steps", integer(3)}}) +
                            dict({{"_metadata", dict({})}}) + "b";
  // Optimizer state stands under integer keys.
  const std::string optimizer =
      dict({{"state", "}(" + integer(0) + dict({{"exp_avg", one_tensor("1")}}) + "u"},
            {"param_groups", list({dict({{"lr", integer(1)}})})}});
  write_archive(dir / "a.pth",
                program(dict({{"epoch", integer(7)}, {"model", state}, {"optimizer", optimizer}})),
                {{"0", kEightBytes}});
  const Weights weights = read_checkpoint(dir / "a.pth");
  EXPECT_EQ(weights.names(), std::vector<std::string>{"model.w"});
}

TEST(Checkpoint, ReadsEveryFloatType) {
  const TempDir dir;
  std::vector<std::pair<std::string, std::string>> entries;
  for (const char* type : {"FloatStorage", "HalfStorage", "BFloat16Storage", "LongStorage"}) {
    const bool wide = std::string(type) == "LongStorage";
    const std::int64_t elements = wide ? 1 : (std::string(type) == "FloatStorage" ? 2 : 4);
    entries.emplace_back(type, tensor(storage("0", elements, type), 0, {elements}, {1}));
  }
  write_archive(dir / "a.pth", program(ordered_dict(entries)), {{"0", kEightBytes}});
  const Weights weights = read_checkpoint(dir / "a.pth");
  EXPECT_EQ(weights.at("FloatStorage").dtype, DType::kF32);
  EXPECT_EQ(weights.at("HalfStorage").dtype, DType::kF16);
  EXPECT_EQ(weights.at("BFloat16Storage").dtype, DType::kBF16);
  EXPECT_EQ(weights.at("LongStorage").dtype, DType::kI64);
}

TEST(Checkpoint, ReadsWhatTheWriterWrites) {
  const TempDir dir;
  const Tensor a = make_tensor({2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  const Tensor b = make_tensor({}, std::vector<std::int32_t>{7});
  write_pytorch(dir / "a.pth", {{"a", a.dtype, a.dims}, {"b", b.dtype, b.dims}},
                [&](std::size_t i) { return i == 0 ? a : b; });
  const Weights weights = read_checkpoint(dir / "a.pth");
  EXPECT_EQ(weights.dense("a").view().as<float>()[5], 6.0F);
  EXPECT_EQ(weights.dense("b").view().as<std::int32_t>()[0], 7);
  EXPECT_EQ(weights.at("b").dims, Dims{});
}

TEST(Checkpoint, RefusesStoragesThatAreNotThere) {
  const TempDir dir;
  const std::string pickle = program(dict({{"w", one_tensor()}}));
  write_archive(dir / "a.pth", pickle, {{"1", kEightBytes}});
  EXPECT_ERROR(read_checkpoint(dir / "a.pth"), kCorrupt, "zip entry archive/data/0 is missing");
  write_archive(dir / "b.pth", pickle, {{"0", "1234567"}});
  EXPECT_ERROR(read_checkpoint(dir / "b.pth"), kCorrupt,
               "has 7 bytes, and 2 elements of FloatStorage");
}

TEST(Checkpoint, RefusesCompressedEntries) {
  const TempDir dir;
  write_archive(dir / "a.pth", program(dict({{"w", one_tensor()}})), {{"0", kEightBytes}});
  std::string bytes = read_bytes(dir / "a.pth");
  bytes[bytes.rfind("PK\x01\x02") + 10] = 8;
  bytes[bytes.rfind("PK\x03\x04") + 8] = 8;
  write_bytes(dir / "a.pth", bytes);
  EXPECT_ERROR(read_checkpoint(dir / "a.pth"), kUnsupported, "archive/data/0 is compressed");
}

TEST(Checkpoint, ReadsTheByteOrder) {
  const TempDir dir;
  const std::string pickle = program(dict({{"w", one_tensor()}}));
  for (const char* order : {"little", "big", "middle"}) {
    write_archive(dir / (std::string(order) + ".pth"), pickle, {{"0", kEightBytes}},
                  {{"archive/byteorder", order}});
  }
  EXPECT_EQ(read_checkpoint(dir / "little.pth").size(), 1U);
  EXPECT_ERROR(read_checkpoint(dir / "big.pth"), kUnsupported, "big-endian");
  EXPECT_ERROR(read_checkpoint(dir / "middle.pth"), kCorrupt, "byte order");
}

TEST(Checkpoint, RunsNothing) {
  const TempDir dir;
  const std::string proof = dir / "proof";
  write_archive(dir / "a.pth",
                program(dict({{"w", one_tensor()},
                              {"x", call(global("os", "system"), {text("touch " + proof)})}})),
                {{"0", kEightBytes}});
  EXPECT_ERROR(read_checkpoint(dir / "a.pth"), kCorrupt, "would run os.system");
  EXPECT_FALSE(std::filesystem::exists(proof));
}

TEST(Checkpoint, WarnsOfAWrongChecksum) {
  const TempDir dir;
  write_archive(dir / "a.pth", program(dict({{"w", one_tensor()}})), {{"0", kEightBytes}});
  std::string bytes = read_bytes(dir / "a.pth");
  // The checksum of the first entry, data.pkl, in both places.
  bytes[bytes.find("PK\x01\x02") + 16] ^= 1;
  bytes[bytes.find("PK\x03\x04") + 14] ^= 1;
  write_bytes(dir / "a.pth", bytes);
  std::string message;
  set_log_callback([&](LogLevel, const std::string& text) { message = text; });
  EXPECT_EQ(read_checkpoint(dir / "a.pth").size(), 1U);
  set_log_callback({});
  EXPECT_NE(message.find("checksum"), std::string::npos);
}

TEST(Checkpoint, BoundsNestedDictionaries) {
  const TempDir dir;
  // Each level refers twice to the one below: 2^40 paths, if all were followed.
  std::string value = dict({{"w", one_tensor()}}) + std::string("q\x00", 2);
  for (int level = 1; level <= 40; ++level) {
    const auto below = static_cast<char>(level - 1);
    const std::string get = std::string("h") + below;
    value.append("0}(").append(text("a")).append(get).append(text("b")).append(get).append("uq");
    value += static_cast<char>(level);
  }
  write_archive(dir / "a.pth", program(value), {{"0", kEightBytes}});
  EXPECT_ERROR(read_checkpoint(dir / "a.pth"), kUnsupported, "no tensors");
  // Endless names are left out.
  write_archive(dir / "b.pth",
                program(dict({{std::string(100000, 'x'), one_tensor()}, {"w", one_tensor()}})),
                {{"0", kEightBytes}});
  EXPECT_EQ(read_checkpoint(dir / "b.pth").size(), 1U);
}

TEST(Checkpoint, SaysWhatAFileIs) {
  const TempDir dir;
  const auto check = [&](const std::string& name, const std::string& bytes, ErrorCode code,
                         const std::string& part) {
    write_bytes(dir / name, bytes);
    EXPECT_ERROR(read_checkpoint(dir / name), code, part);
    EXPECT_ERROR(read_checkpoint(dir / name), code, dir / name);
  };
  check("a.pth", "", kCorrupt, "empty");
  check("b.pth", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", kUnsupported,
        "git lfs pull");
  check("c.pth", "  <!DOCTYPE html><html>", kUnsupported, "web page");
  check("d.pth", "\x80\x02}.", kUnsupported, "torch.save did not write");
  check("e.pth", std::string(257, '\0') + "ustar" + std::string(300, '\0'), kUnsupported,
        "before version 0.1.10");
  check("f.onnx", std::string("\x08\x08\x12\x07pytorch", 11), kUnsupported, "ONNX");
  check("g.engine", std::string("ftrt\0\0\0\0", 8), kUnsupported, "TensorRT");
  check("h.engine", "????????", kUnsupported, "TensorRT");
  check("i.lasso", "????????", kUnsupported, "Lasso engine");
  check("j.json", "{\"a\": {}}", kUnsupported, "JSON");
  check("k.pth", "\x1f\x8b\x08", kUnsupported, "compressed");
  check("l.npy", "\x93NUMPY\x01", kUnsupported, "NumPy array");
  check("m.safetensors", "????????????", kCorrupt, "safetensors header");
  check("n.pth", "PK\x05\x06" + std::string(18, '\0'), kUnsupported, "no data.pkl");
  check("o.pth", "random text", kCorrupt, "not a checkpoint");
  check("p.png", "\x89PNG\r\n\x1a\n", kUnsupported, "an image");
  check("q.h5", "\x89HDF\r\n", kUnsupported, "HDF5");
  EXPECT_ERROR(read_checkpoint(dir / "nowhere.pth"), ErrorCode::kNotFound, "nowhere.pth");
}

TEST(Checkpoint, RefusesTorchScript) {
  const TempDir dir;
  write_archive(dir / "a.pt", program(dict({})), {}, {{"archive/constants.pkl", "x"}});
  EXPECT_ERROR(read_checkpoint(dir / "a.pt"), kUnsupported, "TorchScript");
  write_archive(dir / "b.pt", program(dict({})), {}, {{"archive/code/__torch__/m.py", "x"}});
  EXPECT_ERROR(read_checkpoint(dir / "b.pt"), kUnsupported, "TorchScript");
}

}  // namespace
}  // namespace lasso
