#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/check.h"
#include "core/checksum.h"
#include "core/cpu_features.h"
#include "core/dtype.h"
#include "core/file.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/peak.h"
#include "core/random.h"
#include "core/tensor.h"
#include "core/threads.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

using test::code_of;

// A folder of its own for each test, removed afterwards.
class FileTest : public testing::Test {
 protected:
  ~FileTest() override { chmod(path("").c_str(), 0700); }

  std::string path(const std::string& name) const { return folder_ / name; }
  std::string content(const std::string& name) const { return test::read_bytes(path(name)); }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path(""))) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }

 private:
  test::TempDir folder_;
};

// The value of a half by the definition of binary16.
double value_of_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const double sign = bits >> 15 != 0 ? -1 : 1;
  if (exponent == 31) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(DType, EveryHalfConvertsThereAndBack) {
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto half = static_cast<std::uint16_t>(i);
    const float value = f16_to_f32(half);
    const double expected = value_of_half(half);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << i;
      ASSERT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value)))) << i;
      continue;
    }
    ASSERT_EQ(static_cast<double>(value), expected) << i;
    ASSERT_EQ(std::signbit(value), i >= 32768) << i;
    ASSERT_EQ(f32_to_f16(value), half) << i;
  }
}

TEST(DType, HalvesRoundToNearestAndTiesToEven) {
  // Between every two neighbours among the positive finite halves: their middle, and the floats
  // beside it.
  for (std::uint16_t low = 0; low < 0x7bff; ++low) {
    const auto high = static_cast<std::uint16_t>(low + 1);
    const float middle = 0.5f * (f16_to_f32(low) + f16_to_f32(high));
    const float below = std::nextafter(middle, 0.0f);
    const float above = std::nextafter(middle, 1e9f);
    ASSERT_EQ(f32_to_f16(middle), low % 2 == 0 ? low : high) << low;
    ASSERT_EQ(f32_to_f16(below), low) << low;
    ASSERT_EQ(f32_to_f16(above), high) << low;
  }
  EXPECT_EQ(f32_to_f16(65519.996f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(-1e30f), 0xfc00);
}

TEST(DType, EveryBfloat16ConvertsThereAndBack) {
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float value = bf16_to_f32(bits);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(value), i << 16);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(value)))) << i;
    } else {
      ASSERT_EQ(f32_to_bf16(value), bits) << i;
    }
  }
}

TEST(DType, Bfloat16RoundsToNearestAndTiesToEven) {
  const auto round = [](std::uint32_t bits) { return f32_to_bf16(std::bit_cast<float>(bits)); };
  EXPECT_EQ(round(0x3f808000), 0x3f80);  // a tie, and the lower one is even
  EXPECT_EQ(round(0x3f818000), 0x3f82);  // a tie, and the upper one is even
  EXPECT_EQ(round(0x3f808001), 0x3f81);
  EXPECT_EQ(round(0x3f807fff), 0x3f80);
  EXPECT_EQ(round(0x7f7fffff), 0x7f80);  // the largest float rounds to infinity
  EXPECT_EQ(round(0xff800000), 0xff80);
  // A NaN whose upper half alone would read as infinity.
  EXPECT_TRUE(std::isnan(bf16_to_f32(round(0x7f800001))));
}

TEST(DType, NamesAndSizes) {
  const std::vector<std::pair<DType, std::size_t>> all{
      {DType::kF32, 4}, {DType::kF16, 2}, {DType::kBF16, 2}, {DType::kF64, 8}, {DType::kI8, 1},
      {DType::kU8, 1},  {DType::kI16, 2}, {DType::kI32, 4},  {DType::kI64, 8}, {DType::kBool, 1}};
  std::set<std::string_view> names;
  for (const auto& [dtype, size] : all) {
    EXPECT_EQ(size_of(dtype), size);
    names.insert(to_string(dtype));
  }
  EXPECT_EQ(names.size(), all.size());
  EXPECT_EQ(to_string(DType::kBF16), "bfloat16");
}

TEST(AlignedBuffer, IsAlignedAndWritable) {
  EXPECT_EQ(align_up(0), 0u);
  EXPECT_EQ(align_up(1), 64u);
  EXPECT_EQ(align_up(64), 64u);
  EXPECT_EQ(align_up(65, 32), 96u);
  const std::size_t mapped = std::size_t{8} << 20;
  for (const std::size_t size : {std::size_t{1}, std::size_t{63}, std::size_t{4096}, mapped - 1,
                                 mapped, mapped + 1, 2 * mapped + 5000}) {
    const AlignedBuffer buffer(size);
    ASSERT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % kAlignment, 0u);
    if (size >= mapped) {
      EXPECT_TRUE(std::all_of(buffer.data(), buffer.data() + size,
                              [](std::byte b) { return b == std::byte{0}; }));
    }
    std::memset(buffer.data(), 0xa5, size);
    EXPECT_EQ(buffer.data()[size - 1], std::byte{0xa5});
  }
  EXPECT_EQ(AlignedBuffer(0).data(), nullptr);
}

TEST(AlignedBuffer, MovesItsMemory) {
  AlignedBuffer a(100);
  std::byte* memory = a.data();
  AlignedBuffer b(std::move(a));
  EXPECT_EQ(b.data(), memory);
  AlignedBuffer c;
  c = std::move(b);
  EXPECT_EQ(c.data(), memory);
  EXPECT_EQ(c.size(), 100u);
}

TEST(AlignedBuffer, TooMuchIsOutOfMemory) {
  const auto ask = [](std::size_t bytes) {
    return code_of([&] { const AlignedBuffer buffer(bytes); }, "bytes");
  };
  EXPECT_EQ(ask(std::numeric_limits<std::size_t>::max()), ErrorCode::kOutOfMemory);
  EXPECT_EQ(ask(std::size_t{1} << 60), ErrorCode::kOutOfMemory);
}

TEST(ByteReader, ReadsLittleEndianNumbersInOrder) {
  const std::string bytes("\x01\x02\x03\x04\x05\x06\x07name", 11);
  ByteReader reader(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), "f.bin");
  EXPECT_EQ(reader.read<std::uint8_t>(), 1);
  EXPECT_EQ(reader.read<std::uint16_t>(), 0x0302);
  EXPECT_EQ(reader.read<std::uint32_t>(), 0x07060504u);
  EXPECT_EQ(reader.position(), 7u);
  EXPECT_EQ(reader.remaining(), 4u);
  EXPECT_EQ(reader.text(4), "name");
  EXPECT_EQ(reader.text(0), "");
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(Checksum, IsXxh3) {
  EXPECT_EQ(to_hex(checksum(nullptr, 0)), "99aa06d3014798d86001c324468d497f");
  const std::string text(100'000, 'x');
  Checksum pieces;
  for (std::size_t i = 0; i < text.size(); i += 7777) {
    pieces.update(std::string_view(text).substr(i, 7777));
  }
  EXPECT_EQ(pieces.digest(), checksum(text.data(), text.size()));
  pieces.update("x");
  EXPECT_NE(pieces.digest(), checksum(text.data(), text.size()));
}

TEST(Memory, ResidentBytesGrowWithWhatIsTouched) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  const std::uint64_t before = resident_bytes();
  const AlignedBuffer buffer(kBytes);
  std::memset(buffer.data(), 1, kBytes);
  EXPECT_GE(resident_bytes(), before + kBytes * 9 / 10);
}

TEST(ByteReader, NeverLeavesItsBytes) {
  const std::string bytes(10, 'x');
  ByteReader reader(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), "f.bin");
  const auto corrupt = ErrorCode::kCorruptFile;
  EXPECT_EQ(code_of([&] { reader.seek(11); }, "f.bin"), corrupt);
  reader.seek(10);
  EXPECT_EQ(code_of([&] { reader.read<std::uint8_t>(); }, "offset 10"), corrupt);
  reader.seek(3);
  EXPECT_EQ(code_of([&] { reader.read<std::uint64_t>(); }, "8 bytes"), corrupt);
  // A failed read moves nothing, and a length near the largest number does not wrap around.
  EXPECT_EQ(reader.position(), 3u);
  EXPECT_EQ(code_of([&] { reader.take(8); }, "7 are left"), corrupt);
  const std::size_t most = std::numeric_limits<std::size_t>::max();
  for (const std::size_t length : {most, most - 2, most - 3}) {
    EXPECT_EQ(code_of([&] { reader.take(length); }, "f.bin"), corrupt);
    EXPECT_EQ(code_of([&] { reader.seek(length); }, "f.bin"), corrupt);
  }
  EXPECT_EQ(reader.take(7), reinterpret_cast<const std::byte*>(bytes.data()) + 3);
  ByteReader empty(nullptr, 0, "empty");
  EXPECT_EQ(code_of([&] { empty.read<std::uint8_t>(); }, "empty"), corrupt);
}

TEST_F(FileTest, MappedFilesShowTheirBytes) {
  const std::string text(10000, 'a');
  write_file(path("a"), text);
  const auto file = MappedFile::open(path("a"));
  ASSERT_EQ(file->size(), text.size());
  EXPECT_EQ(file->path(), path("a"));
  EXPECT_EQ(std::memcmp(file->data(), text.data(), text.size()), 0);
  // Ranges outside the file are ignored; those inside are read again.
  file->release(file->data(), file->size());
  file->release(file->data() + 9999, 100);
  file->release(file->data(), std::numeric_limits<std::size_t>::max());
  EXPECT_EQ(std::memcmp(file->data(), text.data(), text.size()), 0);
  write_file(path("empty"), "");
  EXPECT_EQ(MappedFile::open(path("empty"))->size(), 0u);
}

TEST_F(FileTest, WhatIsNoFileIsNotFound) {
  const auto open = [&](const std::string& file) {
    return code_of([&] { MappedFile::open(file); }, file);
  };
  EXPECT_EQ(open(path("missing")), ErrorCode::kNotFound);
  EXPECT_EQ(open(path("")), ErrorCode::kNotFound);
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(open(path("pipe")), ErrorCode::kNotFound);  // and does not wait for a writer
}

TEST_F(FileTest, WritesReplaceTheWholeFile) {
  write_file(path("a"), "first, and longer");
  write_file(path("a"), "second");
  EXPECT_EQ(content("a"), "second");
  EXPECT_EQ(names(), std::set<std::string>{"a"});
  struct stat status {};
  ASSERT_EQ(stat(path("a").c_str(), &status), 0);
  const mode_t mask = umask(0);
  umask(mask);
  EXPECT_EQ(status.st_mode & 0777u, 0666u & ~mask);
}

TEST_F(FileTest, AFailedWriteLeavesNothingBehind) {
  write_file(path("a"), "old");
  const auto interrupted = [&](const std::string& temporary) {
    std::ofstream(temporary) << "half of the n";
    fail(ErrorCode::kDevice, "interrupted");
  };
  EXPECT_EQ(code_of([&] { write_atomically(path("a"), interrupted); }, "interrupted"),
            ErrorCode::kDevice);
  EXPECT_EQ(code_of([&] { write_atomically(path("b"), interrupted); }, "interrupted"),
            ErrorCode::kDevice);
  EXPECT_EQ(content("a"), "old");
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(FileTest, AKilledWriteLeavesTheOldFileAndNothingElse) {
  write_file(path("a"), "old");
  const pid_t child = fork();
  if (child == 0) {
    write_atomically(path("a"), [](const std::string& temporary) {
      std::ofstream(temporary) << "half of the n";
      raise(SIGKILL);
    });
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(content("a"), "old");
  // Where the file system has no unnamed files, the temporary one stays.
  const int unnamed = open(path(".").c_str(), O_TMPFILE | O_RDWR, 0600);
  if (unnamed < 0) GTEST_SKIP() << "no unnamed files here";
  close(unnamed);
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(FileTest, PlacesThatCannotBeWrittenAreNamed) {
  std::filesystem::create_directory(path("folder"));
  const auto code = [&](const std::string& file) {
    return code_of([&] { write_file(file, "x"); }, file);
  };
  EXPECT_EQ(code(path("missing/a")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(path("folder")), ErrorCode::kInvalidArgument);  // the rename fails
  EXPECT_EQ(names(), std::set<std::string>{"folder"});
}

TEST(Threads, RangesCoverEachIndexOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    const ThreadLimit limit(threads);
    for (const std::int64_t count : {0, 1, 2, 7, 1000}) {
      std::vector<int> hits(static_cast<std::size_t>(count));
      parallel_ranges(count, [&](std::int64_t begin, std::int64_t end) {
        ASSERT_LT(begin, end);
        for (std::int64_t i = begin; i < end; ++i) ++hits[static_cast<std::size_t>(i)];
      });
      EXPECT_EQ(std::count(hits.begin(), hits.end(), 1), count);
      parallel_tasks(count, [&](std::int64_t i) { ++hits[static_cast<std::size_t>(i)]; });
      EXPECT_EQ(std::count(hits.begin(), hits.end(), 2), count);
    }
  }
}

TEST(Threads, TheLimitIsRestored) {
  const int before = omp_get_max_threads();
  {
    const ThreadLimit limit(before + 3);
    EXPECT_EQ(omp_get_max_threads(), before + 3);
    std::atomic<int> calls{0};
    std::atomic<int> size{0};
    parallel([&](int thread, int threads) {
      EXPECT_LT(thread, threads);
      size = threads;
      ++calls;
    });
    EXPECT_EQ(calls, size);
  }
  EXPECT_EQ(omp_get_max_threads(), before);
}

TEST(Threads, ExceptionsReachTheCaller) {
  const ThreadLimit limit(4);
  const auto refuse = [](auto&&...) { fail(ErrorCode::kUnsupported, "no"); };
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(code_of([&] { parallel(refuse); }, "no"), ErrorCode::kUnsupported);
    EXPECT_EQ(code_of([&] { parallel_ranges(100, refuse); }, "no"), ErrorCode::kUnsupported);
    EXPECT_EQ(code_of([&] { parallel_tasks(100, refuse); }, "no"), ErrorCode::kUnsupported);
  }
  std::atomic<int> done{0};
  EXPECT_EQ(code_of(
                [&] {
                  parallel_tasks(1000, [&](std::int64_t i) {
                    if (i == 3) fail(ErrorCode::kInternal, "third");
                    ++done;
                  });
                },
                "third"),
            ErrorCode::kInternal);
  EXPECT_LE(done, 999);
  // The team serves on.
  std::atomic<int> sum{0};
  parallel_tasks(10, [&](std::int64_t i) { sum += static_cast<int>(i); });
  EXPECT_EQ(sum, 45);
}

TEST(Threads, ThereIsACore) {
  EXPECT_GE(available_cores(), 1);
  EXPECT_LE(available_cores(), static_cast<int>(sysconf(_SC_NPROCESSORS_CONF)));
}

TEST(WriteAtomically, TakesNamesAsLongAsTheyMayBe) {
  const test::TempDir folder;
  const std::string longest = folder / std::string(255, 'a');
  write_file(longest, "x");
  write_file(longest, "y");  // replaced, not only made
  EXPECT_EQ(read_file(longest), "y");
  bool is_asked = false;
  EXPECT_EQ(code_of(
                [&] {
                  write_atomically(folder / std::string(256, 'a'),
                                   [&](const std::string&) { is_asked = true; });
                },
                "File name too long"),
            ErrorCode::kInvalidArgument);
  EXPECT_FALSE(is_asked) << "before the work begins";
}

TEST(WriteAtomically, FollowsLinksAndRefusesWhatIsNoFile) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("lasso_core_links_{}", getpid());
  std::filesystem::create_directories(folder);
  std::filesystem::create_symlink("later", folder / "link");
  for (const char* content : {"one", "two"}) {  // the target does not exist, then it does
    write_file((folder / "link").string(), content);
    EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
    std::string text;
    std::ifstream(folder / "later") >> text;
    EXPECT_EQ(text, content);
  }
  const std::string pipe = (folder / "pipe").string();
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(code_of([&] { write_file(pipe, "x"); }, "not a regular file"),
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  std::filesystem::remove_all(folder);
}

TEST(CpuFeatures, NamesConvertThereAndBack) {
  for (const std::string_view name : cpu_feature_names()) {
    EXPECT_EQ(to_string(cpu_features_from_string(name)), name);
    EXPECT_TRUE(cpu_feature_cap(name).contains(cpu_features_from_string(name)));
    EXPECT_EQ(best_name(cpu_feature_cap(name)), name);
  }
  for (const char* name : {"", "AVX2", "reference", "sse", "avx5122", "avx2+", "+avx2"}) {
    EXPECT_EQ(code_of([&] { cpu_features_from_string(name); }, "avx512_vnni or avx512_bf16"),
              ErrorCode::kInvalidArgument);
  }
  const CpuFeatures both{CpuFeature::kAvx512Vnni, CpuFeature::kAvx512Bf16};
  EXPECT_EQ(to_string(both), "avx512_vnni+avx512_bf16");
  EXPECT_EQ(cpu_features_from_string("avx512_vnni+avx512_bf16"), both);
  EXPECT_EQ(to_string(CpuFeatures()), "none");
  EXPECT_EQ(best_name({}), "reference");
}

TEST(CpuFeatures, AreNotOrdered) {
  const CpuFeatures avx_vnni = CpuFeature::kAvxVnni;
  const CpuFeatures bf16 = CpuFeature::kAvx512Bf16;
  EXPECT_FALSE(avx_vnni.contains(bf16));
  EXPECT_FALSE(bf16.contains(avx_vnni));
  EXPECT_FALSE(bf16.has(CpuFeature::kAvx512Vnni));
  EXPECT_TRUE(bf16.has(CpuFeature::kAvx512));
  EXPECT_EQ(avx_vnni & bf16, CpuFeature::kAvx2);
  EXPECT_EQ(bf16.size(), 3);
}

TEST(CpuFeatures, OfThisMachine) {
  EXPECT_TRUE(cpu_features().has(CpuFeature::kAvx2));
  EXPECT_FALSE(cpu_model().empty());
  const RateClasses& rates = measured_rates(cpu_features());
  EXPECT_EQ(rates.exponent(MultiplyAdd::kFp32Avx2), 0);
  EXPECT_EQ(&rates, &measured_rates(cpu_features()));
}

TEST(RateClasses, AreBounded) {
  RateClasses rates;
  rates.set_exponent(MultiplyAdd::kBf16Avx512, -2);
  EXPECT_EQ(rates.rate(MultiplyAdd::kBf16Avx512), 0.25);
  EXPECT_EQ(code_of([&] { rates.set_exponent(MultiplyAdd::kBf16Avx512, 9); }, "vdpbf16ps"),
            ErrorCode::kInvalidArgument);
}

TEST(Tensor, ShapesAreChecked) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({2, 3, 4}), 24);
  EXPECT_EQ(element_count({5, 0, 7}), 0);
  EXPECT_EQ(to_string(Dims{1, 64, 64, 256}), "[1, 64, 64, 256]");
  const auto code = [](const Dims& dims) {
    return code_of([&] { element_count(dims); }, to_string(dims));
  };
  EXPECT_EQ(code({2, -1}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({std::int64_t{1} << 40, std::int64_t{1} << 40}), ErrorCode::kInvalidArgument);
}

TEST(Tensor, OwnsACopyOfItsValues) {
  const Tensor tensor = make_tensor({2, 2}, std::vector<float>{1, 2, 3, 4});
  EXPECT_EQ(tensor.bytes(), 16u);
  const TensorView view = tensor.view();
  EXPECT_EQ(view.dtype, DType::kF32);
  EXPECT_EQ(view.as<float>()[3], 4.0f);
  EXPECT_EQ(make_tensor({1}, std::vector<std::int32_t>{7}).dtype, DType::kI32);
  EXPECT_EQ(code_of(
                [] {
                  make_tensor({2, 2}, std::vector<float>{1, 2, 3});
                },
                "3"),
            ErrorCode::kInternal);
}

TEST(Error, CodesHaveTheNamesOfTheDocumentation) {
  EXPECT_STREQ(to_string(ErrorCode::kInvalidArgument), "invalid_argument");
  EXPECT_STREQ(to_string(ErrorCode::kNotFound), "not_found");
  EXPECT_STREQ(to_string(ErrorCode::kCorruptFile), "corrupt_file");
  EXPECT_STREQ(to_string(ErrorCode::kUnsupported), "unsupported");
  EXPECT_STREQ(to_string(ErrorCode::kOutOfMemory), "out_of_memory");
  EXPECT_STREQ(to_string(ErrorCode::kDevice), "device");
  EXPECT_STREQ(to_string(ErrorCode::kInternal), "internal");
}

TEST(Check, FormatsOnlyWhenItFails) {
  int formatted = 0;
  const auto count = [&] { return ++formatted; };
  LASSO_CHECK(true, ErrorCode::kInternal, "{}", count());
  EXPECT_EQ(formatted, 0);
  EXPECT_EQ(code_of([&] { LASSO_CHECK(formatted > 0, ErrorCode::kNotFound, "value {}", count()); },
                    "value 1"),
            ErrorCode::kNotFound);
}

TEST(Log, GoesToTheCallbackOrNowhere) {
  log(LogLevel::kWarning, "nobody listens");
  std::vector<std::string> messages;
  set_log_callback([&](LogLevel, const std::string& message) { messages.push_back(message); });
  log(LogLevel::kWarning, "heard");
  set_log_callback(nullptr);
  log(LogLevel::kWarning, "not heard");
  EXPECT_EQ(messages, std::vector<std::string>{"heard"});
}

// The first numbers of Vigna's splitmix64.c from this state.
TEST(SplitMix64, IsVignas) {
  SplitMix64 random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317U);
  EXPECT_EQ(random.next(), 3203168211198807973U);
  EXPECT_EQ(random.next(), 9817491932198370423U);
}

TEST(NearlyNormal, ReachesAsFarAsItSays) {
  EXPECT_NEAR(nearly_normal(0), -3.4640487, 1e-6);
  EXPECT_NEAR(nearly_normal(~std::uint64_t{0}), 3.4640487, 1e-6);
  EXPECT_EQ(nearly_normal(0x7fff7fff80008000U), 0);
}

}  // namespace
}  // namespace lasso
