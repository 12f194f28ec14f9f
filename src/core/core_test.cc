#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/check.h"
#include "core/checksum.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/tensor.h"
#include "support/errors.h"

namespace lasso {
namespace {

using test::code_of;

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

TEST(Tensor, IsMadeDense) {
  Tensor matrix = make_tensor({3, 2}, std::vector<float>{1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(matrix.is_dense());
  EXPECT_EQ(matrix.dense().data, matrix.data) << "nothing is copied";
  matrix.transposed = true;
  matrix.dims = {2, 3};
  EXPECT_FALSE(matrix.is_dense());
  EXPECT_THROW(matrix.view(), Error);
  const Tensor rows = matrix.dense();
  const std::vector<float> expected{1, 3, 5, 2, 4, 6};
  EXPECT_EQ(std::vector<float>(rows.view().as<float>(), rows.view().as<float>() + 6), expected);

  // Larger than the squares that are transposed at once, with rests, in every size of element.
  const auto check = [](DType dtype, std::size_t size) {
    constexpr std::int64_t kRows = 37;
    constexpr std::int64_t kColumns = 65;
    const auto bytes = std::make_shared<std::vector<std::uint8_t>>(kRows * kColumns * size + 1);
    for (std::size_t i = 0; i < bytes->size(); ++i) {
      (*bytes)[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
    }
    // One byte off, as in a file.
    const Tensor stored{dtype,
                        {kRows, kColumns},
                        std::shared_ptr<const void>(bytes, bytes->data() + 1),
                        nullptr,
                        true};
    const Tensor dense = stored.dense();
    const auto* made = static_cast<const std::uint8_t*>(dense.data.get());
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t c = 0; c < kColumns; ++c) {
        for (std::size_t b = 0; b < size; ++b) {
          ASSERT_EQ(made[(r * kColumns + c) * size + b], (*bytes)[1 + (c * kRows + r) * size + b]);
        }
      }
    }
  };
  check(DType::kU8, 1);
  check(DType::kF16, 2);
  check(DType::kF32, 4);
  check(DType::kF64, 8);
}

}  // namespace
}  // namespace lasso
