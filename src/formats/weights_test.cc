#include "formats/weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "formats/checkpoint.h"
#include "formats/safetensors/safetensors_writer.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/pickles.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

std::string floats(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += little_endian(static_cast<float>(i));
  return bytes;
}

std::vector<float> values(const Tensor& tensor) {
  const float* begin = tensor.view().as<float>();
  return {begin, begin + element_count(tensor.dims)};
}

// Resident bytes of the process, from /proc.
std::size_t resident() {
  std::size_t size = 0;
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> size >> pages;
  return pages * 4096;
}

TEST(Weights, FingerprintNamesTensorsThatAreNotFinite) {
  Weights weights("some.pth");
  const float inf = std::numeric_limits<float>::infinity();
  weights.set("fine", make_tensor(Dims{2}, std::vector<float>{1, 2}));
  weights.set("bad", make_tensor(Dims{2, 2}, std::vector<float>{1, -inf, 2, std::nanf("")}));
  EXPECT_ERROR(weights.fingerprint(), ErrorCode::kCorruptFile,
               "some.pth: 1 of its 2 tensors have values that are not finite: bad (2 of 4)");
  // What float32 can't hold.
  const auto doubles = std::make_shared<std::vector<double>>(std::vector<double>{1e38, 1e39});
  const Tensor wide{
      DType::kF64, {2}, std::shared_ptr<const void>(doubles, doubles->data()), nullptr};
  weights.set("bad", wide);
  EXPECT_ERROR(weights.fingerprint(), ErrorCode::kCorruptFile, "bad (1 of 2)");
  for (int i = 0; i < 6; ++i) {
    weights.set("z" + std::to_string(i), make_tensor(Dims{1}, std::vector<float>{inf}));
  }
  EXPECT_ERROR(
      weights.fingerprint(), ErrorCode::kCorruptFile,
      "7 of its 8 tensors have values that are not finite: bad (1 of 2), z0 (1 of 1), z1 (1 "
      "of 1), z2 (1 of 1), z3 (1 of 1) and 2 more");
}

TEST(Weights, ViewsDenseTensorsWithoutACopy) {
  const TempDir dir;
  write_archive(dir / "a.pth", program(dict({{"a", tensor(storage("0", 6), 0, {2, 3}, {3, 1})}})),
                {{"0", floats(6)}});
  const Weights weights = read_checkpoint(dir / "a.pth");
  const Tensor a = weights.dense("a");
  EXPECT_EQ(a.data.get(), weights.at("a").data);
  EXPECT_EQ(a.file, weights.at("a").file);
  EXPECT_EQ(values(a), (std::vector<float>{0, 1, 2, 3, 4, 5}));
}

TEST(Weights, TensorsOutliveTheWeightsAndTheFile) {
  const TempDir dir;
  Tensor a;
  {
    write_archive(dir / "a.pth", program(dict({{"a", tensor(storage("0", 6), 0, {6}, {1})}})),
                  {{"0", floats(6)}});
    a = read_checkpoint(dir / "a.pth").dense("a");
    std::filesystem::remove(dir / "a.pth");
  }
  EXPECT_EQ(values(a)[5], 5.0F);
}

TEST(Weights, CopiesStridedTensors) {
  const TempDir dir;
  const std::string shared = storage("0", 24);
  write_archive(dir / "a.pth",
                program(dict({{"transposed", tensor(shared, 0, {3, 2}, {1, 3})},
                              {"strided", tensor(shared, 1, {2, 2, 2}, {12, 4, 2})},
                              {"expanded", tensor(shared, 7, {3, 2}, {0, 0})},
                              {"too_large", tensor(shared, 0, {1 << 20, 1 << 20}, {0, 0})},
                              {"scalar", tensor(shared, 9, {}, {})},
                              {"empty", tensor(shared, 0, {0, 5}, {5, 1})},
                              {"odd_stride_of_one", tensor(shared, 2, {1, 3}, {17, 1})}})),
                {{"0", floats(24)}});
  const Weights weights = read_checkpoint(dir / "a.pth");
  EXPECT_EQ(values(weights.dense("transposed")), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(values(weights.dense("strided")), (std::vector<float>{1, 3, 5, 7, 13, 15, 17, 19}));
  EXPECT_EQ(values(weights.dense("expanded")), std::vector<float>(6, 7.0F));
  EXPECT_ERROR(weights.dense("too_large"), ErrorCode::kCorruptFile, "expanded view");
  EXPECT_EQ(values(weights.dense("scalar")), std::vector<float>{9.0F});
  EXPECT_EQ(values(weights.dense("empty")), std::vector<float>{});
  EXPECT_TRUE(weights.at("odd_stride_of_one").is_contiguous());
  EXPECT_EQ(values(weights.dense("odd_stride_of_one")), (std::vector<float>{2, 3, 4}));
  EXPECT_ERROR(weights.fingerprint(), ErrorCode::kCorruptFile, "too_large");
  EXPECT_ERROR(weights.dense("nowhere"), ErrorCode::kNotFound, "no tensor is named nowhere");
}

TEST(Weights, CopiesUnalignedTensors) {
  auto buffer = std::make_shared<AlignedBuffer>(64);
  const float value = 2.5F;
  std::memcpy(buffer->data() + 1, &value, sizeof(value));
  WeightTensor tensor;
  tensor.dims = Dims{1};
  tensor.strides = Dims{1};
  tensor.data = buffer->data() + 1;
  tensor.storage_bytes = 4;
  tensor.owner = buffer;
  Weights weights("memory");
  weights.add("a", tensor);
  EXPECT_EQ(values(weights.dense("a")), std::vector<float>{2.5F});
  EXPECT_ERROR(weights.add("a", tensor), ErrorCode::kCorruptFile, "two tensors are named a");
}

TEST(Weights, FingerprintDependsOnTensorsAlone) {
  const TempDir dir;
  const std::string shared = storage("0", 6);
  write_archive(dir / "a.pth",
                program(dict({{"x", tensor(shared, 0, {2, 3}, {3, 1})},
                              {"y", tensor(shared, 0, {3, 2}, {1, 3})}})),
                {{"0", floats(6)}});
  const Weights pth = read_checkpoint(dir / "a.pth");
  const Tensor x = pth.dense("x");
  const Tensor y = pth.dense("y");
  write_safetensors(dir / "a.safetensors", {{"x", x.view()}, {"y", y.view()}}, {{"k", "v"}});
  const Weights safetensors = read_checkpoint(dir / "a.safetensors");
  Weights memory("memory");
  memory.set("y", y);
  memory.set("x", x);
  EXPECT_EQ(pth.fingerprint().size(), 32U);
  EXPECT_EQ(pth.fingerprint(), safetensors.fingerprint());
  EXPECT_EQ(pth.fingerprint(), memory.fingerprint());

  Weights renamed("memory");
  renamed.set("x", x);
  renamed.set("z", y);
  EXPECT_NE(pth.fingerprint(), renamed.fingerprint());
  Weights reshaped("memory");
  Tensor flat = x;
  flat.dims = Dims{6};
  reshaped.set("x", flat);
  reshaped.set("y", y);
  EXPECT_NE(pth.fingerprint(), reshaped.fingerprint());
}

TEST(Weights, FingerprintHoldsOneTensorAtATime) {
  const TempDir dir;
  constexpr int kTensors = 16;
  constexpr std::int64_t kElements = 2 << 20;  // 8 MiB each
  std::map<std::string, std::string> storages;
  std::vector<std::pair<std::string, std::string>> entries;
  for (int i = 0; i < kTensors; ++i) {
    const std::string key = std::to_string(i);
    storages[key] = std::string(kElements * 4, static_cast<char>('a' + i));
    entries.emplace_back("t" + key, tensor(storage(key, kElements), 0, {kElements}, {1}));
  }
  write_archive(dir / "a.pth", program(ordered_dict(entries)), storages);
  storages.clear();
  const Weights weights = read_checkpoint(dir / "a.pth");
  const std::size_t before = resident();
  EXPECT_EQ(weights.fingerprint().size(), 32U);
  const std::size_t after = resident();
  EXPECT_LT(after, before + 3 * kElements * 4) << "of " << kTensors * kElements * 4;
}

}  // namespace
}  // namespace lasso
