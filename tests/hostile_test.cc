// Damaged model files: whatever happens to one, it is loaded or refused in one line; never a crash,
// a hang or a large allocation. The asan preset runs this with address and undefined-behaviour
// sanitizers.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/memory.h"
#include "core/random.h"
#include "formats/safetensors/safetensors_writer.h"
#include "models/sam/checkpoint/checkpoint.h"
#include "support/damaged_file.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/pickles.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr int kTruncations = 200;
constexpr int kFlips = 10'000;
constexpr int kSafetensorsFlips = 2'000;

// Loads the file as an engine's build would, reads every element now and then, and says whether it
// was accepted.
class Victim {
 public:
  explicit Victim(std::string path) : path_(std::move(path)) {}

  bool loads(bool read_all) const {
    return is_accepted(path_, [&] {
      const sam::SamCheckpoint checkpoint = sam::load_sam_checkpoint(path_);
      if (read_all) checkpoint.weights.fingerprint();
    });
  }

 private:
  std::string path_;
};

TEST(Hostile, EveryTruncationIsRefused) {
  const std::string bytes = read_bytes(data_path("sam_micro/checkpoint.pth"));
  const TempDir dir;
  const Victim victim(dir / "micro.pth");
  for (int i = 0; i < kTruncations; ++i) {
    const std::size_t size = truncated_size(bytes.size(), i, kTruncations);
    write_bytes(dir / "micro.pth", bytes.substr(0, size));
    EXPECT_FALSE(victim.loads(true)) << "cut off at " << size;
  }
}

TEST(Hostile, FlippedBytesOfAnArchive) {
  const TempDir dir;
  const std::string path = dir / "micro.pth";
  const std::string bytes = read_bytes(data_path("sam_micro/checkpoint.pth"));
  write_bytes(path, bytes);
  const std::vector<std::size_t> structure = structure_of(bytes);
  const File file(path);
  const Victim victim(path);
  ASSERT_TRUE(victim.loads(true));
  const std::size_t before = peak_resident_bytes();
  SplitMix64 random(1);
  int accepted = 0;
  for (int i = 0; i < kFlips; ++i) {
    // Three of four hit the structure, of these a third the pickle's first part or a whole number.
    const bool in_structure = i % 4 != 0;
    const std::size_t at =
        in_structure ? structure[random.below(structure.size())] : random.below(bytes.size());
    const std::string patch = random_patch(random, bytes, at, i % 4 == 3);
    const Patch change(file.fd(), at, patch);
    accepted += victim.loads(i % 50 == 0) ? 1 : 0;
  }
  ASSERT_TRUE(victim.loads(true)) << "every change was taken back";
  // Flips in the tensors' data pass; most of those in the structure must not.
  EXPECT_GT(accepted, kFlips / 8);
  EXPECT_LT(accepted, kFlips * 3 / 4);
  EXPECT_LT(peak_resident_bytes(), before + 256 * kMiB);
}

TEST(Hostile, FlippedBytesOfASafetensorsHeader) {
  const TempDir dir;
  const std::string path = dir / "micro.safetensors";
  const sam::SamCheckpoint micro = sam::load_sam_checkpoint(data_path("sam_micro/checkpoint.pth"));
  std::vector<Tensor> tensors;
  std::map<std::string, TensorView> views;
  for (const auto& [name, tensor] : micro.weights.tensors()) {
    tensors.push_back(micro.weights.dense(name));
    views[name] = tensors.back().view();
  }
  write_safetensors(path, views);
  const std::string bytes = read_bytes(path);
  const std::size_t header = bytes.find("}}") + 2;
  const File file(path);
  const Victim victim(path);
  ASSERT_TRUE(victim.loads(true));
  SplitMix64 random(2);
  for (int i = 0; i < kSafetensorsFlips; ++i) {
    const std::size_t at = i % 10 == 0 ? random.below(8) : random.below(header);
    const std::string patch = random_patch(random, bytes, at, false);
    const Patch change(file.fd(), at, patch);
    victim.loads(i % 50 == 0);
  }
  for (std::size_t size = 0; size < bytes.size(); size += bytes.size() / 199) {
    write_bytes(dir / "cut.safetensors", bytes.substr(0, size));
    EXPECT_FALSE(Victim(dir / "cut.safetensors").loads(true)) << "cut off at " << size;
  }
}

// Parts of the micro checkpoint put in each other's place.
TEST(Hostile, SwappedPiecesOfAnArchive) {
  const TempDir dir;
  const std::string bytes = read_bytes(data_path("sam_micro/checkpoint.pth"));
  const std::vector<std::size_t> structure = structure_of(bytes);
  SplitMix64 random(3);
  for (int i = 0; i < 300; ++i) {
    write_bytes(dir / "micro.pth", with_moved_piece(random, bytes, structure));
    Victim(dir / "micro.pth").loads(i % 10 == 0);
  }
}

TEST(Hostile, ShapesThatClaimTheMoon) {
  const TempDir dir;
  constexpr std::int64_t kHuge = std::int64_t{1} << 23U;
  // Expanded views cost the file nothing, whatever their shape says.
  std::vector<std::pair<std::string, std::string>> entries;
  sam::SamConfig config = sam::load_sam_checkpoint(data_path("sam_micro/checkpoint.pth")).config;
  for (const sam::ExpectedTensor& expected : sam::expected_tensors(config)) {
    std::vector<std::int64_t> dims = expected.dims;
    for (std::int64_t& dim : dims) {
      if (dim > 16) dim = kHuge;
    }
    entries.emplace_back(
        expected.name, tensor(storage("0", 1), 0, dims, std::vector<std::int64_t>(dims.size(), 0)));
  }
  write_archive(dir / "a.pth", program(dict(entries)), {{"0", "1234"}});
  EXPECT_FALSE(Victim(dir / "a.pth").loads(true));
  // The right shapes, every one of them an expanded view of one number.
  entries.clear();
  for (const sam::ExpectedTensor& expected : sam::expected_tensors(sam::vit_h())) {
    entries.emplace_back(expected.name, tensor(storage("0", 1), 0, expected.dims,
                                               std::vector<std::int64_t>(expected.dims.size(), 0)));
  }
  write_archive(dir / "b.pth", program(dict(entries)), {{"0", "1234"}});
  EXPECT_ERROR(sam::load_sam_checkpoint(dir / "b.pth"), ErrorCode::kCorruptFile, "expanded view");
}

}  // namespace
}  // namespace lasso
