// Damaged ONNX files: whatever happens to one, it is read or refused in one line; never a crash, a
// hang or a large allocation. The asan preset runs this with address and undefined-behaviour
// sanitizers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/memory.h"
#include "core/random.h"
#include "formats/onnx/check_onnx.h"
#include "formats/onnx/onnx_reader.h"
#include "lasso/error.h"
#include "models/onnx/clean/clean.h"
#include "models/onnx/import/importer.h"
#include "passes/pass.h"
#include "support/damaged_file.h"
#include "support/files.h"
#include "support/onnx_writer.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

constexpr int kMutations = 2'000;
constexpr std::size_t kSmall = 2'000'000;  // bytes

// What every message begins with.
constexpr char kFile[] = "hostile.onnx: ";

// Imports and cleans a model that was accepted. What is taken can be optimised.
void import(const OnnxModel& model) {
  graph::Module module;
  if (test::is_accepted(kFile, [&] { module.programs.push_back(onnx::import_model(model)); })) {
    EXPECT_NO_THROW(passes::optimize(std::move(module), {}));
  }
  test::is_accepted(kFile, [&] { onnx::clean(model); });
}

// Reads and checks a model, touches each end of its tensors, and says whether it was accepted.
bool accepts(const std::string& bytes, bool imports = false) {
  const std::shared_ptr<const void> owner(&bytes, [](const void*) {});
  return test::is_accepted(kFile, [&] {
    const OnnxModel model = check_onnx(parse_onnx(reinterpret_cast<const std::byte*>(bytes.data()),
                                                  bytes.size(), "hostile.onnx", owner));
    unsupported_parts(model);
    unsigned sum = 0;
    for (const OnnxTensor& tensor : model.graph.initializers) {
      if (tensor.bytes == 0) continue;
      sum += std::to_integer<unsigned>(tensor.data[0]);
      sum += std::to_integer<unsigned>(tensor.data[tensor.bytes - 1]);
    }
    const volatile unsigned sink = sum;
    static_cast<void>(sink);
    if (imports) import(model);
  });
}

// Positions of everything but large tensors' data.
std::vector<std::size_t> places_of(const std::string& bytes) {
  const std::shared_ptr<const void> owner(&bytes, [](const void*) {});
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  const OnnxModel model = parse_onnx(begin, bytes.size(), "hostile.onnx", owner);
  std::vector<bool> data(bytes.size(), false);
  for (const OnnxTensor& tensor : model.graph.initializers) {
    if (tensor.owner != owner) continue;
    std::fill_n(data.begin() + (tensor.data - begin), tensor.bytes, true);
  }
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!data[i]) positions.push_back(i);
  }
  return positions;
}

// Changes the bytes in one of several ways, asks whether they are accepted, and changes them back.
class Mutator {
 public:
  Mutator(std::string bytes, std::uint64_t seed)
      : bytes_(std::move(bytes)), structure_(places_of(bytes_)), random_(seed) {}

  bool accepts_mutation(int i) {
    // Importing, cleaning and optimising take thirty times as long as reading.
    imports_ = i % 32 == 5;
    switch (i % 8) {
      case 0:
        return accepts_with(random_.below(bytes_.size()), random_byte());  // data, mostly
      case 1:
        return accepts(bytes_.substr(0, random_.below(bytes_.size())));
      case 2: {
        static const std::string numbers[] = {std::string(4, '\xff'), std::string(8, '\xff'),
                                              std::string(9, '\xff') + "\1", std::string(4, '\0'),
                                              std::string("\xff\xff\xff\xff\x0f", 5)};
        return accepts_with(place(), numbers[random_.below(5)]);
      }
      case 3:
      case 4:
        return accepts_changed(i);
      default:
        return accepts_with(place(), random_byte());
    }
  }

  bool accepts_original() const { return accepts(bytes_, true); }

 private:
  std::size_t place() { return structure_[random_.below(structure_.size())]; }
  std::string random_byte() { return {1, static_cast<char>(random_.below(256))}; }

  bool accepts_with(std::size_t at, const std::string& patch) {
    const std::size_t size = std::min(patch.size(), bytes_.size() - at);
    const std::string before = bytes_.substr(at, size);
    bytes_.replace(at, size, patch, 0, size);
    const bool accepted = accepts(bytes_, imports_);
    bytes_.replace(at, size, before);
    return accepted;
  }

  // Parts of the structure left out, doubled, or in each other's place.
  bool accepts_changed(int i) {
    std::string changed = bytes_;
    const std::size_t length = 1 + random_.below(64);
    const std::size_t from = place();
    const std::size_t to = place();
    if (std::max(from, to) + length > changed.size()) return accepts(changed);
    if (i % 3 == 0) {
      changed.erase(to, length);
    } else if (i % 3 == 1) {
      changed.insert(to, bytes_, from, length);
    } else {
      changed.replace(to, length, bytes_, from, length);
    }
    return accepts(changed, imports_);
  }

  std::string bytes_;
  std::vector<std::size_t> structure_;
  SplitMix64 random_;
  bool imports_ = false;
};

void mutate(const std::string& bytes, const std::string& name) {
  SCOPED_TRACE(name);
  Mutator mutator(bytes, 1);
  ASSERT_TRUE(mutator.accepts_original());
  const std::size_t before = peak_resident_bytes();
  int accepted = 0;
  for (int i = 0; i < kMutations; ++i) accepted += mutator.accepts_mutation(i) ? 1 : 0;
  ASSERT_TRUE(mutator.accepts_original()) << "every change was taken back";
  EXPECT_GT(accepted, kMutations / 20);
  EXPECT_LT(accepted, kMutations * 3 / 4);
  // AddressSanitizer keeps 256 MiB of what was freed.
  EXPECT_LT(peak_resident_bytes(), before + 512 * kMiB);
}

TEST(HostileOnnx, EveryTruncationOfASmallModel) {
  const std::string bytes = onnx_sample_model();
  ASSERT_TRUE(accepts(bytes));
  // Metadata and opset come after the graph: without them a model is one, too.
  const std::size_t graph_end = bytes.find("author") - 14;
  for (std::size_t size = 0; size < graph_end; ++size) {
    EXPECT_FALSE(accepts(bytes.substr(0, size))) << size;
  }
}

TEST(HostileOnnx, MutationsOfASmallModel) { mutate(onnx_sample_model(), "sample"); }

TEST(HostileOnnx, MutationsOfExportedModels) {
  const std::string root = golden_path("");
  if (!fs::exists(root)) GTEST_SKIP() << root << " is not there";
  int models = 0;
  for (const auto& folder : fs::directory_iterator(root)) {
    if (!folder.is_directory()) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() != ".onnx" || entry.file_size() > kSmall) continue;
      mutate(read_bytes(entry.path().string()), entry.path().string());
      ++models;
    }
  }
  EXPECT_GT(models, 0);
}

}  // namespace
}  // namespace lasso
