// Data of tensors in files beside the model.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "formats/onnx/onnx_reader.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/onnx_writer.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

class ExternalData : public testing::Test {
 protected:
  std::string write(const std::vector<std::string>& tensors,
                    const std::string& name = "m.onnx") const {
    write_bytes(dir_ / name, onnx_model(onnx_graph({.initializers = tensors})));
    return dir_ / name;
  }
  void expect_corrupt(const std::string& tensor, const std::string& part) const {
    const std::string path = write({tensor});
    EXPECT_ERROR(read_onnx(path), ErrorCode::kCorruptFile,
                 path + ": graph, initialiser 0 (w)" + part);
  }
  static float value_of(const OnnxTensor& tensor) {
    return to_tensor(tensor).view().as<float>()[0];
  }

  TempDir dir_;
};

TEST_F(ExternalData, LiesAtItsOffset) {
  fs::create_directory(dir_ / "data");
  write_bytes(dir_ / "data/w.bin", raw_bytes<float>({1, 2, 3, 4}));
  const OnnxModel model =
      read_onnx(write({onnx_external_tensor("a", {4}, "data/w.bin"),
                       onnx_external_tensor("b", {2}, "data/w.bin", "8", "8"),
                       onnx_external_tensor("c", {1}, "./data//w.bin", "4"),
                       onnx_external_tensor("d", {0}, "data/w.bin", "16", "0")}));
  const std::vector<OnnxTensor>& tensors = model.graph.initializers;
  EXPECT_EQ(value_of(tensors[0]), 1);
  EXPECT_EQ(value_of(tensors[1]), 3);
  EXPECT_EQ(value_of(tensors[2]), 2);
  EXPECT_EQ(tensors[3].bytes, 0U);
  EXPECT_EQ(tensors[0].file, tensors[2].file) << "mapped once, whatever it is called";
  EXPECT_EQ(tensors[1].data, tensors[0].data + 8) << "a view, and no copy";
}

TEST_F(ExternalData, MustFit) {
  write_bytes(dir_ / "w.bin", std::string(16, '\0'));
  const auto tensor = [](const std::string& offset, const std::string& length) {
    return onnx_external_tensor("w", {4}, "w.bin", offset, length);
  };
  expect_corrupt(tensor("1", ""), ", external_data: 16 bytes at 1 lie outside w.bin, which has 16");
  expect_corrupt(tensor("18446744073709551615", ""), ", external_data: 16 bytes at 1844674");
  expect_corrupt(tensor("18446744073709551616", ""),
                 ": external_data: offset is 18446744073709551616, and");
  expect_corrupt(tensor("-1", ""), ": external_data: offset is -1, and a number");
  expect_corrupt(tensor("0x1", ""), ": external_data: offset is 0x1, and a number");
  expect_corrupt(tensor("", "15"), ", external_data: length is 15, and type float32 and shape [4]");
  expect_corrupt(onnx_external_tensor("w", {std::int64_t{1} << 40}, "w.bin"),
                 ", external_data: 4398046511104 bytes at 0 lie outside w.bin");
  expect_corrupt(onnx_tensor("w", 1, {4}) + wire_number(14, 1),
                 ", external_data: location is miss");
  expect_corrupt(onnx_external_tensor("w", {4}, "w.bin") + wire_bytes(9, std::string(16, 'x')),
                 ": has two fields of data, external_data and raw_data");
  expect_corrupt(onnx_tensor("w", 8, {0}) + wire_number(14, 1) +
                     wire_bytes(13, onnx_entry("location", "w.bin")),
                 ": string_data: 0 texts");
}

TEST_F(ExternalData, MustBeThere) {
  expect_corrupt(onnx_external_tensor("w", {1}, "none.bin"),
                 ", external_data: its data are in none.bin, which is not there: the model is not "
                 "complete");
  fs::create_directory(dir_ / "folder");
  expect_corrupt(onnx_external_tensor("w", {1}, "folder"),
                 ", external_data: its data are in folder");
  write_bytes(dir_ / "lfs.bin", "version https://git-lfs.github.com/spec/v1\n");
  expect_corrupt(onnx_external_tensor("w", {100}, "lfs.bin"),
                 ", external_data: lfs.bin is a Git LFS pointer");
}

TEST_F(ExternalData, DoesNotLeaveTheFolder) {
  fs::create_directory(dir_ / "outside");
  fs::create_directory(dir_ / "in");
  write_bytes(dir_ / "outside/secret", std::string(16, 's'));
  write_bytes(dir_ / "in/w.bin", std::string(16, 'w'));
  const auto expect = [&](const std::string& location, const std::string& part) {
    const std::string path = write({onnx_external_tensor("w", {4}, location)}, "in/m.onnx");
    EXPECT_ERROR(read_onnx(path), ErrorCode::kCorruptFile,
                 path + ": graph, initialiser 0 (w), external_data: location is " + part);
  };
  expect("", "empty, and the name of a file");
  expect(std::string("w.bin\0", 6), "w.bin\\x00, and the name of a file");
  expect(dir_ / "in/w.bin", (dir_ / "in/w.bin") + ", an absolute path");
  expect("../outside/secret", "../outside/secret, with \"..\" in it");
  expect("x/../w.bin", "x/../w.bin, with \"..\" in it");
  fs::create_symlink("../outside/secret", dir_ / "in/link");
  expect("link", "link, a link that leaves the model's folder");
  fs::create_directory_symlink("../outside", dir_ / "in/folder");
  expect("folder/secret", "folder/secret, a link that leaves the model's folder");
  fs::create_symlink("/dev/zero", dir_ / "in/zero");
  EXPECT_ERROR(read_onnx(write({onnx_external_tensor("w", {4}, "zero")}, "in/m.onnx")),
               ErrorCode::kCorruptFile, "zero, which is not there");
  // Folders whose names begin alike are not one beneath the other.
  fs::create_directory(dir_ / "in2");
  write_bytes(dir_ / "in2/w.bin", std::string(16, 'w'));
  fs::create_symlink("../in2/w.bin", dir_ / "in/beside");
  expect("beside", "beside, a link that leaves the model's folder");
  // A link within the folder is as good as a file.
  fs::create_symlink("w.bin", dir_ / "in/alias");
  read_onnx(write({onnx_external_tensor("w", {4}, "alias")}, "in/m.onnx"));
}

// Hugging Face's caches: snapshots/REVISION/model.onnx is a link to blobs/HASH.
TEST_F(ExternalData, MayLieWhereTheModelsLinkLeads) {
  fs::create_directories(dir_ / "snapshots/1/onnx");
  fs::create_directory(dir_ / "blobs");
  write_bytes(dir_ / "blobs/d4", raw_bytes<float>({4}));
  write({onnx_external_tensor("w", {1}, "model.onnx_data")}, "blobs/a1");
  fs::create_symlink("../../../blobs/a1", dir_ / "snapshots/1/onnx/model.onnx");
  fs::create_symlink("../../../blobs/d4", dir_ / "snapshots/1/onnx/model.onnx_data");
  const OnnxModel model = read_onnx(dir_ / "snapshots/1/onnx/model.onnx");
  EXPECT_EQ(value_of(model.graph.initializers[0]), 4);
  // A link to a model elsewhere: its data lie there.
  fs::create_directory(dir_ / "links");
  write_bytes(dir_ / "blobs/model.onnx_data", raw_bytes<float>({5}));
  fs::create_symlink("../blobs/a1", dir_ / "links/m.onnx");
  EXPECT_EQ(value_of(read_onnx(dir_ / "links/m.onnx").graph.initializers[0]), 5);
}

TEST_F(ExternalData, AFileThatShrinks) {
  write_bytes(dir_ / "w.bin", raw_bytes<float>({1, 2, 3, 4}));
  const OnnxModel model = read_onnx(write({onnx_external_tensor("w", {1}, "w.bin", "8")}));
  fs::resize_file(dir_ / "w.bin", 8);
  EXPECT_ERROR(to_tensor(model.graph.initializers[0]).check_file(), ErrorCode::kCorruptFile,
               "it was cut short while in use");
}

// Sparse files, of which the system keeps only what was written.
TEST_F(ExternalData, BeyondTwoGigabytes) {
  constexpr std::uint64_t kOffset = std::uint64_t{5} << 30U;
  write_bytes(dir_ / "w.bin", "");
  fs::resize_file(dir_ / "w.bin", kOffset);
  std::ofstream(dir_ / "w.bin", std::ios::binary | std::ios::app) << raw_bytes<float>({7});
  const std::int64_t all = static_cast<std::int64_t>(kOffset) / 4 + 1;
  const OnnxModel model =
      read_onnx(write({onnx_external_tensor("a", {1}, "w.bin", std::to_string(kOffset), "4"),
                       onnx_external_tensor("b", {all}, "w.bin")}));
  EXPECT_EQ(value_of(model.graph.initializers[0]), 7);
  const OnnxTensor& large = model.graph.initializers[1];
  EXPECT_EQ(large.bytes, kOffset + 4);
  EXPECT_EQ(to_tensor(large).view().as<float>()[all - 1], 7);
}

TEST_F(ExternalData, AModelBeyondTwoGigabytes) {
  constexpr std::uint64_t kBytes = std::uint64_t{3} << 30U;
  const std::string tensor = onnx_tensor("w", 2, {static_cast<std::int64_t>(kBytes)}) +
                             wire_tag(9, 2) + wire_varint(kBytes);
  const std::string initializer = wire_tag(5, 2) + wire_varint(tensor.size() + kBytes) + tensor;
  const std::string graph = wire_tag(7, 2) + wire_varint(initializer.size() + kBytes) + initializer;
  const std::string head = wire_number(1, 8) + graph;
  write_bytes(dir_ / "m.onnx", head);
  fs::resize_file(dir_ / "m.onnx", head.size() + kBytes);
  std::ofstream(dir_ / "m.onnx", std::ios::binary | std::ios::app) << wire_bytes(2, "large");
  const OnnxModel model = read_onnx(dir_ / "m.onnx");
  EXPECT_EQ(model.producer_name, "large");
  EXPECT_EQ(model.graph.initializers[0].bytes, kBytes);
  EXPECT_EQ(model.graph.initializers[0].data[kBytes - 1], std::byte{0});
}

}  // namespace
}  // namespace lasso
