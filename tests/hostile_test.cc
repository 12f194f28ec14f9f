// Damaged model files: whatever happens to one, it is loaded or refused in one line; never a crash,
// a hang or a large allocation. The asan preset runs this with address and undefined-behaviour
// sanitizers.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "core/memory.h"
#include "core/random.h"
#include "formats/safetensors/safetensors_writer.h"
#include "formats/zip/zip_reader.h"
#include "models/sam/checkpoint/checkpoint.h"
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
    try {
      const sam::SamCheckpoint checkpoint = sam::load_sam_checkpoint(path_);
      if (read_all) checkpoint.weights.fingerprint();
      return true;
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_TRUE(error.code() == ErrorCode::kCorruptFile ||
                  error.code() == ErrorCode::kUnsupported)
          << to_string(error.code()) << ": " << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      EXPECT_EQ(message.find(path_), 0U) << message;
      EXPECT_LT(message.size(), 2000U) << message;
      return false;
    }
  }

 private:
  std::string path_;
};

// Changes bytes of a file in place and puts them back.
class Patch {
 public:
  Patch(int fd, std::size_t at, const std::string& bytes) : fd_(fd), at_(at), before_(bytes) {
    EXPECT_EQ(pread(fd_, before_.data(), before_.size(), static_cast<off_t>(at_)),
              static_cast<ssize_t>(before_.size()));
    write(bytes);
  }
  ~Patch() { write(before_); }
  Patch(const Patch&) = delete;
  Patch& operator=(const Patch&) = delete;

 private:
  void write(const std::string& bytes) const {
    EXPECT_EQ(pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at_)),
              static_cast<ssize_t>(bytes.size()));
  }
  int fd_;
  std::size_t at_;
  std::string before_;
};

class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDWR)) {}
  ~File() { close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::size_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

// Positions of everything in the archive but the tensors' data: the pickle, headers, the directory.
std::vector<std::size_t> structure_of(const std::string& bytes) {
  const ZipArchive zip(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), "micro");
  std::vector<bool> data(bytes.size(), false);
  for (const ZipEntry& entry : zip.entries()) {
    if (entry.name.find("/data/") == entry.name.npos) continue;
    std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(entry.offset), entry.size, true);
  }
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!data[i]) positions.push_back(i);
  }
  return positions;
}

TEST(Hostile, EveryTruncationIsRefused) {
  const std::string bytes = read_bytes(data_path("sam_micro/checkpoint.pth"));
  const TempDir dir;
  const Victim victim(dir / "micro.pth");
  for (int i = 0; i < kTruncations; ++i) {
    // The first and the last 50 bytes one by one, and places all over.
    std::size_t size = bytes.size() * static_cast<std::size_t>(i) / kTruncations;
    if (i < 50) size = static_cast<std::size_t>(i);
    if (i >= kTruncations - 50) size = bytes.size() - static_cast<std::size_t>(kTruncations - i);
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
    std::string patch(1, static_cast<char>(bytes[at] ^ static_cast<char>(1 + random.below(255))));
    if (i % 4 == 3 && at + 8 <= bytes.size()) {
      static const std::string numbers[] = {std::string(4, '\xff'), std::string(8, '\xff'),
                                            std::string(4, '\0'), std::string("\0\0\0\x80", 4),
                                            std::string(8, '\x7f')};
      patch = numbers[random.below(5)];
    }
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
    const std::string patch(
        1, static_cast<char>(bytes[at] ^ static_cast<char>(1 + random.below(255))));
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
    std::string changed = bytes;
    const std::size_t length = 1 + random.below(64);
    const std::size_t from = structure[random.below(structure.size())];
    const std::size_t to = structure[random.below(structure.size())];
    if (std::max(from, to) + length > bytes.size()) continue;
    if (i % 3 == 0) {
      changed.erase(to, length);
    } else if (i % 3 == 1) {
      changed.insert(to, bytes, from, length);
    } else {
      changed.replace(to, length, bytes, from, length);
    }
    write_bytes(dir / "micro.pth", changed);
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
