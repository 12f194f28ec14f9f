// Damaged YOLOv7 checkpoints: whatever happens to one, it is described or refused in one line;
// never a crash, a hang or a large allocation. The asan preset runs this with address and
// undefined-behaviour sanitizers.
#include <gtest/gtest.h>

#include "core/memory.h"
#include "formats/checkpoint.h"
#include "models/yolov7/family.h"
#include "passes/pass.h"
#include "support/damaged_file.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/small_detector.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr int kTruncations = 150;
constexpr int kFlips = 1'000;
constexpr int kMoves = 200;

// Everything that happens before kernels are chosen. What is taken can be optimised.
bool loads(const std::string& path, bool optimises = true) {
  graph::Module module;
  const bool accepted = is_accepted(path, [&] {
    const ModelSource source(path);
    const Family& family = yolov7::family();
    LASSO_CHECK(family.recognise(source).recognised, ErrorCode::kUnsupported, "{}: no detector",
                path);
    module = family.describe(source, {})->programs();
  });
  if (accepted && optimises) {
    EXPECT_NO_THROW(passes::optimize(std::move(module), {}));
  }
  return accepted;
}

TEST(HostileDetector, EveryTruncationIsRefused) {
  const std::string bytes = read_bytes(data_path("yolov7_blocks/checkpoint.pt"));
  const TempDir dir;
  for (int i = 0; i < kTruncations; ++i) {
    const std::size_t size = truncated_size(bytes.size(), i, kTruncations);
    write_bytes(dir / "a.pt", bytes.substr(0, size));
    EXPECT_FALSE(loads(dir / "a.pt")) << "cut off at " << size;
  }
}

TEST(HostileDetector, FlippedBytes) {
  const TempDir dir;
  const std::string path = dir / "a.pt";
  const std::string bytes = read_bytes(data_path("yolov7_blocks/checkpoint.pt"));
  write_bytes(path, bytes);
  ASSERT_TRUE(loads(path));
  const std::size_t before = peak_resident_bytes();
  const File file(path);
  SplitMix64 random(1);
  int accepted = 0;
  // The pickle is what the file begins with; behind it little but numbers stands.
  const std::size_t pickle = bytes.find("PK\3\4", 1);
  ASSERT_GT(pickle, bytes.size() / 8);
  for (int i = 0; i < kFlips; ++i) {
    const std::size_t at = i % 8 == 0 ? random.below(bytes.size()) : random.below(pickle);
    const Patch change(file.fd(), at, random_patch(random, bytes, at, i % 4 == 3));
    accepted += loads(path, i % 10 == 0) ? 1 : 0;
  }
  ASSERT_TRUE(loads(path)) << "every change was taken back";
  // Much of a module's state means nothing for what it computes.
  EXPECT_GT(accepted, kFlips / 20);
  EXPECT_LT(accepted, kFlips * 3 / 4);
  // The address sanitizer keeps 256 MiB of what is freed.
  EXPECT_LT(peak_resident_bytes(), before + 512 * kMiB);
}

TEST(HostileDetector, MovedPieces) {
  const TempDir dir;
  const std::string bytes = read_bytes(data_path("yolov7_blocks/checkpoint.pt"));
  const std::vector<std::size_t> structure = structure_of(bytes);
  SplitMix64 random(3);
  for (int i = 0; i < kMoves; ++i) {
    write_bytes(dir / "a.pt", with_moved_piece(random, bytes, structure));
    loads(dir / "a.pt", i % 10 == 0);
  }
}

// A sequence that stands in itself, and sequences of sequences that have nothing in them.
TEST(HostileDetector, ModulesInCircles) {
  const TempDir dir;
  const auto sequence = [](const std::string& slot, const std::string& modules) {
    return global("torch.nn.modules.container", "Sequential") + ")\x81q" + slot +
           dict({{"_modules", modules}, {"f", integer(-1)}, {"i", integer(1)}}) + "b";
  };
  const auto refused = [&](const std::string& block) {
    SmallDetector detector;
    std::string pickle = detector.pickle();
    const std::string old = detector.model.at("model.1").opcodes();
    pickle.replace(pickle.find(old), old.size(), block);
    write_archive(dir / "a.pt", pickle, detector.tensors.storages());
    return !loads(dir / "a.pt");
  };
  EXPECT_TRUE(refused(sequence("\x09", dict({{"0", "h\x09"}}))));
  // Twelve levels, each of which has the next one a hundred times.
  std::string nested = sequence("\x09", dict({}));
  for (char slot = '\x0b'; slot < '\x17'; ++slot) {
    std::vector<std::pair<std::string, std::string>> copies{{"0", nested}};
    for (int i = 1; i < 100; ++i) {
      copies.emplace_back(std::to_string(i),
                          std::string("h") + static_cast<char>(slot == '\x0b' ? '\x09' : slot - 1));
    }
    nested = sequence(std::string(1, slot), dict(copies));
  }
  EXPECT_TRUE(refused(nested));
}

// Small shapes of views that claim more than is there.
TEST(HostileDetector, ExpandedWeights) {
  const TempDir dir;
  SmallDetector detector;
  SavedModule& conv = detector.model.at("model.0.conv");
  SavedModule::set(conv.parameters, "weight",
                   tensor(storage("0", 108), 0, {std::int64_t{1} << 20, 3, 3, 3}, {0, 0, 0, 0}));
  detector.write(dir / "a.pt");
  EXPECT_FALSE(loads(dir / "a.pt"));
}

}  // namespace
}  // namespace lasso
