// Peak resident memory of building an engine, mapped pages included: a checkpoint is packed tensor
// by tensor and its pages are given back. LASSO_MEMORY_TEST_ARCH=vit_h runs it at the size of the
// largest published model (2.5 GB).
#include "core/memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "lasso/segmenter.h"
#include "models/sam/checkpoint/checkpoint.h"
#include "support/files.h"
#include "support/torch_writer.h"

namespace lasso {
namespace {

// The peak resident set of a child process that calls `work`, in bytes; -1 if it failed.
std::int64_t peak_resident_bytes(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child || status != 0) return -1;
  return std::int64_t{usage.ru_maxrss} * 1024;
}

sam::SamConfig architecture() {
  const char* name = std::getenv("LASSO_MEMORY_TEST_ARCH");
  return name != nullptr && std::string(name) == "vit_h" ? sam::vit_h() : sam::vit_b();
}

TEST(Memory, BuildingHoldsThePackedWeightsAndLittleMore) {
  const sam::SamConfig config = architecture();
  const auto expected = sam::expected_tensors(config);
  const test::TempDir folder;
  const std::string path = folder / "random.pth";
  // In a process of its own, so that the writer's memory is not the reader's.
  ASSERT_GE(peak_resident_bytes([&] {
              std::vector<test::TorchEntry> entries;
              for (const auto& tensor : expected) {
                entries.push_back({tensor.name, DType::kF32, tensor.dims});
              }
              test::write_pytorch(
                  path, entries, [&](std::size_t i) { return sam::random_tensor(expected[i], 1); });
            }),
            0);
  const auto file_bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
  std::int64_t build = -1;
  std::int64_t run = -1;
  std::int64_t build_file = -1;
  std::int64_t verify = -1;
  build = peak_resident_bytes([&] { Engine::build(path); });
  run = peak_resident_bytes([&] {
    const Engine engine = Engine::build(path);
    Segmenter(engine, {2}).warm_up();
  });
  // Into a file: a layer at a time.
  EngineOptions limited;
  limited.memory_limit = 320 * kMiB;
  build_file =
      peak_resident_bytes([&] { Engine::build_file(path, folder / "random.lasso", limited); });
  verify = peak_resident_bytes([&] { Engine::load(folder / "random.lasso", {true}); });
  const std::int64_t packed = sam::parameter_count(config) * 4;
  std::printf(
      "file %ld MiB, packed weights %ld MiB, peak while building %ld MiB, warmed up %ld MiB, while "
      "building an engine file %ld MiB, verifying it %ld MiB\n",
      file_bytes / kMiB, packed / kMiB, build / kMiB, run / kMiB, build_file / kMiB, verify / kMiB);
  ASSERT_GT(build, 0);
  ASSERT_GT(run, 0);
  EXPECT_LE(build, packed + 200 * kMiB);
  EXPECT_LE(run, packed + 400 * kMiB);
  ASSERT_GT(build_file, 0);
  ASSERT_GT(verify, 0);
  EXPECT_LE(build_file, 200 * kMiB);
  EXPECT_LE(verify, 100 * kMiB);
}

}  // namespace
}  // namespace lasso
