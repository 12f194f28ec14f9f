#include "formats/sharded.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "formats/checkpoint.h"
#include "formats/safetensors/safetensors_writer.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/pickles.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kCorrupt = ErrorCode::kCorruptFile;

// A folder with tensors a and b, of 1 and 2 elements, in two files.
class Sharded : public testing::Test {
 protected:
  Sharded() {
    const Tensor a = make_tensor({1}, std::vector<float>{1});
    const Tensor b = make_tensor({2}, std::vector<float>{2, 3});
    write_safetensors(dir_ / "model-00001-of-00002.safetensors", {{"a", a.view()}});
    write_safetensors(dir_ / "model-00002-of-00002.safetensors", {{"b", b.view()}});
    write_index(R"("a": "model-00001-of-00002.safetensors",
                   "b": "model-00002-of-00002.safetensors")");
  }
  void write_index(const std::string& entries) {
    write_bytes(index(), R"({"metadata": {"total_size": 12}, "weight_map": {)" + entries + "}}");
  }
  std::string index() const { return dir_ / "model.safetensors.index.json"; }

  TempDir dir_;
};

TEST_F(Sharded, ReadsAllFiles) {
  const std::string folder = dir_ / "";
  EXPECT_EQ(model_file(folder), index());
  const Weights weights = read_checkpoint(model_file(folder));
  EXPECT_EQ(weights.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(weights.dense("b").view().as<float>()[1], 3.0F);
  // Through links, as Hugging Face's cache lays files out.
  std::filesystem::create_directory(dir_ / "snapshot");
  for (const char* name : {"model.safetensors.index.json", "model-00001-of-00002.safetensors",
                           "model-00002-of-00002.safetensors"}) {
    std::filesystem::create_symlink(dir_ / name, dir_ / (std::string("snapshot/") + name));
  }
  EXPECT_EQ(read_checkpoint(model_file(dir_ / "snapshot")).size(), 2U);
}

TEST_F(Sharded, LooksForFilesInHuggingFacesOrder) {
  const std::string folder = dir_ / "all";
  std::filesystem::create_directory(folder);
  EXPECT_ERROR(model_file(folder), ErrorCode::kNotFound, "a folder without a model");
  for (const char* name : {"pytorch_model.bin.index.json", "pytorch_model.bin",
                           "model.safetensors.index.json", "model.safetensors"}) {
    write_bytes(folder + "/" + name, "");
    EXPECT_EQ(model_file(folder), folder + "/" + name);
  }
  EXPECT_EQ(model_file(folder + "/x"), folder + "/x");
}

TEST_F(Sharded, ReadsPytorchsFiles) {
  const TempDir dir;
  const std::string state = dict({{"a", tensor(storage("0", 2), 0, {2}, {1})}});
  write_archive(dir / "pytorch_model-1.bin", program(state), {{"0", "12345678"}});
  write_bytes(dir / "pytorch_model.bin.index.json",
              R"({"weight_map": {"a": "pytorch_model-1.bin"}})");
  EXPECT_EQ(read_checkpoint(model_file(dir / "")).names(), std::vector<std::string>{"a"});
}

TEST_F(Sharded, RefusesWrongIndexes) {
  const auto refuse = [&](const std::string& entries, const std::string& part) {
    write_index(entries);
    EXPECT_ERROR(read_checkpoint(index()), kCorrupt, part);
    EXPECT_ERROR(read_checkpoint(index()), kCorrupt, index());
  };
  refuse(R"("a": "model-00003-of-00003.safetensors")", "which is not there");
  refuse(R"("c": "model-00001-of-00002.safetensors")", "tensor c is not in model-00001");
  refuse(R"("a": "../model-00001-of-00002.safetensors")", "a file in the same folder is expected");
  refuse(R"("a": "/etc/passwd")", "a file in the same folder is expected");
  refuse(R"("a": "..")", "a file in the same folder is expected");
  refuse(R"("a": 3)", "is no file name");
  refuse(R"("a": "model.safetensors.index.json")", "is an index itself");
  write_bytes(index(), R"({"weight_map": [1]})");
  EXPECT_ERROR(read_checkpoint(index()), kCorrupt, "an object of file names");
  write_bytes(index(), R"({"weight_map": {)");
  EXPECT_ERROR(read_checkpoint(index()), kCorrupt, "an object of file names");
}

TEST_F(Sharded, TheIndexDecidesBetweenTwoTensorsOfOneName) {
  const Tensor other = make_tensor({1}, std::vector<float>{7});
  write_safetensors(dir_ / "more.safetensors",
                    {{"a", other.view()}, {"c", other.view()}, {"d", other.view()}});
  write_index(R"("a": "model-00001-of-00002.safetensors", "c": "more.safetensors")");
  const Weights weights = read_checkpoint(index());
  EXPECT_EQ(weights.names(), (std::vector<std::string>{"a", "c", "d"}));
  EXPECT_EQ(weights.dense("a").view().as<float>()[0], 1.0F);
  // Of two that it does not name nobody can tell.
  write_safetensors(dir_ / "rest.safetensors", {{"d", other.view()}, {"e", other.view()}});
  write_index(R"("c": "more.safetensors", "e": "rest.safetensors")");
  EXPECT_ERROR(read_checkpoint(index()), kCorrupt,
               "tensor d is in rest.safetensors and in a file before it");
}

}  // namespace
}  // namespace lasso
