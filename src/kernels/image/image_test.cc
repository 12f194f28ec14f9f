// A GPU's images and masks against the CPU's code.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/dtype.h"
#include "core/random.h"
#include "gpu/gpu_test.h"
#include "image/random_picture.h"
#include "kernels/image/finite.h"
#include "kernels/image/problems.h"
#include "kernels/kernel.h"

namespace lasso::kernels {
namespace {

using Bytes = std::vector<std::byte>;

template <typename T>
Bytes bytes_of(const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// The results of a row on the GPU, whose memory is filled with ones before; run twice, for equal
// bits.
template <typename Problem>
std::vector<Bytes> run_on(const backend::Device& gpu, const Kernel<Problem>& kernel,
                          const Problem& problem, const std::vector<Bytes>& inputs,
                          const std::vector<std::size_t>& output_bytes) {
  const Offer offer = ask(kernel, problem, gpu.target());
  EXPECT_TRUE(offer) << offer.reason;
  const auto state = kernel.create(problem, gpu.target(), offer);
  const auto stream = gpu.make_stream();
  const backend::Buffer workspace = gpu.allocate(offer.workspace_bytes);
  std::vector<backend::Buffer> buffers;
  std::vector<const void*> in;
  for (const Bytes& input : inputs) {
    if (input.empty()) {  // an absent one
      in.push_back(nullptr);
      continue;
    }
    buffers.push_back(gpu.allocate(input.size()));
    in.push_back(buffers.back().data());
    stream->upload(buffers.back().data(), input.data(), input.size());
  }
  std::vector<void*> out;
  for (const std::size_t bytes : output_bytes) {
    buffers.push_back(gpu.allocate(bytes));
    out.push_back(buffers.back().data());
  }
  std::vector<Bytes> results;
  for (int repeat = 0; repeat < 2; ++repeat) {
    std::vector<Bytes> again;
    stream->fill(workspace.data(), std::byte{0xFF}, workspace.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      stream->fill(out[i], std::byte{0xFF}, output_bytes[i]);
    }
    stream->launch(
        kernel.run, *state,
        {.inputs = in, .outputs = out, .packed = nullptr, .workspace = workspace.data()});
    for (std::size_t i = 0; i < out.size(); ++i) {
      again.emplace_back(output_bytes[i]);
      stream->download(again.back().data(), out[i], output_bytes[i]);
    }
    stream->wait();
    if (repeat == 0) results = again;
    EXPECT_EQ(results, again) << "a second run gave other bits";
  }
  return results;
}

// The picture in another format: each pixel has the bytes of its R, G and B where `channel` says.
Image in_format(const Image& rgb, PixelFormat format) {
  const auto pixels = static_cast<std::size_t>(rgb.width) * static_cast<std::size_t>(rgb.height);
  const auto bytes = static_cast<std::size_t>(channels(format));
  Image out{rgb.width, rgb.height, format, std::vector<std::uint8_t>(pixels * bytes, 77)};
  const bool swap = format == PixelFormat::kBgr || format == PixelFormat::kBgra;
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < std::min<std::size_t>(bytes, 3); ++c) {
      out.pixels[i * bytes + (swap ? 2 - c : c)] = rgb.pixels[3 * i + c];
    }
  }
  return out;
}

// Calls check(gpu, row) for every row of the problem that the GPU has.
template <typename Problem, typename Check>
void for_each_row(const Check& check) {
  std::string reason;
  const auto gpu = test::gpu(&reason);
  if (gpu == nullptr) GTEST_SKIP() << "no GPU: " << reason;
  const auto& rows = device_library(backend::DeviceKind::kCuda).rows().of<Problem>();
  ASSERT_FALSE(rows.empty());
  for (const Kernel<Problem>& row : rows) {
    SCOPED_TRACE(row.label());
    check(*gpu, row);
  }
}

// Of a float type, rounded to it.
void expect_values(const Bytes& result, const std::vector<float>& expected, DType output) {
  if (output == DType::kF32) {
    EXPECT_TRUE(result == bytes_of(expected));
    return;
  }
  std::vector<std::uint16_t> halves;
  for (const float value : expected) halves.push_back(f32_to_half(output, value));
  EXPECT_TRUE(result == bytes_of(halves));
}

// The sizes of the model's square are not the GPU's favourites.
constexpr int kSide = 70;

void check_image(const backend::Device& gpu, const Kernel<PreprocessProblem>& row,
                 const Preprocess& preprocess, const Image& image, DType output) {
  SCOPED_TRACE(fmt::format("{} {}x{} of {} bytes", preprocess.name, image.width, image.height,
                           channels(image.format)));
  PreprocessScratch scratch;
  const std::size_t values = std::size_t{kSide} * kSide * 3;
  std::vector<float> expected(values);
  preprocess_image(preprocess, image.view(), kSide, scratch, expected.data());
  ResizeTaps columns;
  ResizeTaps rows;
  PreprocessProblem problem =
      make_preprocess_problem(preprocess, image.view(), kSide, columns, rows);
  problem.output = output;
  std::vector<std::int32_t> column_table(columns.table_size());
  std::vector<std::int32_t> row_table(rows.table_size());
  columns.table(column_table.data());
  rows.table(row_table.data());
  const auto results = run_on(gpu, row, problem,
                              {bytes_of(image.pixels), bytes_of(column_table), bytes_of(row_table)},
                              {values * size_of(output)});
  expect_values(results.front(), expected, output);
}

TEST(ImageKernels, PrepareImagesAsTheCpuDoes) {
  struct Size {
    int width, height;
  };
  Preprocess centred = preprocess_preset("sam");
  centred.name = "centred";
  centred.padding = Preprocess::Padding::kCenter;
  centred.pad_value = 0.25F;
  Preprocess unit = centred;
  unit.name = "unit";
  unit.resize = Preprocess::Resize::kNone;
  unit.scale = Preprocess::Scale::kUnit;
  for_each_row<PreprocessProblem>([&](const backend::Device& gpu, const auto& row) {
    for (const Size& size : {Size{90, 50}, Size{50, 90}, Size{1, 1}, Size{300, 7}, Size{3, 211},
                             Size{kSide, kSide}, Size{643, 479}}) {
      const Image image = random_picture(size.width, size.height, 5);
      for (const Preprocess& preprocess :
           {preprocess_preset("sam"), preprocess_preset("medsam"), centred}) {
        check_image(gpu, row, preprocess, image, DType::kF32);
      }
    }
    check_image(gpu, row, unit, random_picture(61, 43, 6), DType::kF32);
    const Image image = random_picture(95, 59, 7);
    for (const PixelFormat format : {PixelFormat::kRgb, PixelFormat::kBgr, PixelFormat::kRgba,
                                     PixelFormat::kBgra, PixelFormat::kGray}) {
      check_image(gpu, row, preprocess_preset("sam"), in_format(image, format), DType::kF32);
    }
    for (const DType half : {DType::kBF16, DType::kF16}) {
      check_image(gpu, row, preprocess_preset("sam"), image, half);
      check_image(gpu, row, preprocess_preset("medsam"), image, half);
    }
    // A flat image has no range to divide by.
    const Image flat{4, 4, PixelFormat::kGray, std::vector<std::uint8_t>(16, 99)};
    check_image(gpu, row, preprocess_preset("medsam"), flat, DType::kF32);
  });
}

void check_letterbox(const backend::Device& gpu, const Kernel<LetterboxProblem>& row,
                     const Image& image, const LetterboxTarget& target, DType output) {
  const Letterbox box = letterbox_of(image.width, image.height, target);
  SCOPED_TRACE(fmt::format("{}x{} of {} bytes in {}x{}", image.width, image.height,
                           channels(image.format), box.input_width, box.input_height));
  std::vector<float> expected(3 * static_cast<std::size_t>(box.input_width) *
                              static_cast<std::size_t>(box.input_height));
  LetterboxScratch scratch;
  letterbox_image(box, image.view(), scratch, expected.data());
  const auto results = run_on(gpu, row, make_letterbox_problem(box, image.format, output),
                              {bytes_of(image.pixels)}, {expected.size() * size_of(output)});
  expect_values(results.front(), expected, output);
}

TEST(ImageKernels, LetterboxImagesAsTheCpuDoes) {
  for_each_row<LetterboxProblem>([&](const backend::Device& gpu, const auto& row) {
    for (const auto& [width, height] :
         {std::pair{90, 50}, std::pair{50, 90}, std::pair{1, 1}, std::pair{300, 1},
          std::pair{3, 211}, std::pair{96, 96}, std::pair{192, 192}, std::pair{643, 479}}) {
      const Image image = random_picture(width, height, 5);
      check_letterbox(gpu, row, image, {96, 96, 32}, DType::kF32);
      check_letterbox(gpu, row, image, {96, 64, 0}, DType::kF32);
      check_letterbox(gpu, row, image, {320, 320, 64}, DType::kF16);
    }
    const Image image = random_picture(95, 59, 7);
    for (const PixelFormat format :
         {PixelFormat::kBgr, PixelFormat::kRgba, PixelFormat::kBgra, PixelFormat::kGray}) {
      check_letterbox(gpu, row, in_format(image, format), {96, 96, 32}, DType::kF32);
    }
  });
}

struct MaskCase {
  int side, image_size, width, height;
};

void check_masks(const backend::Device& gpu, const Kernel<MaskProblem>& row,
                 const Preprocess& preprocess, const MaskCase& c, float threshold) {
  SCOPED_TRACE(fmt::format("{} {} -> {} -> {}x{}", preprocess.name, c.side, c.image_size, c.width,
                           c.height));
  const MaskUpsample upsample =
      mask_upsample_of(preprocess, c.side, c.image_size, c.width, c.height);
  constexpr int kPlanes = 4;
  const std::vector<std::int32_t> planes{2, 0, 3};
  const auto count = planes.size();
  const std::size_t plane = static_cast<std::size_t>(c.side) * static_cast<std::size_t>(c.side);
  std::vector<float> logits(kPlanes * plane);
  SplitMix64 random(3);
  for (float& logit : logits) logit = random.uniform(-4, 4);
  const MaskProblem problem = make_mask_problem(upsample, static_cast<int>(count), threshold);
  const std::size_t words = mask_words(c.width, c.height);
  const auto results = run_on(gpu, row, problem, {bytes_of(logits), bytes_of(planes)},
                              {count * words * sizeof(std::uint32_t)});
  // The exponentials of the two differ by a few units in the last place, as do probabilities below
  // 1; bilinear sums keep that.
  const float margin = problem.probabilities ? 1e-6F : 0.0F;
  MaskScratch scratch;
  const auto width = static_cast<std::size_t>(c.width);
  std::vector<float> values(width * static_cast<std::size_t>(c.height));
  std::size_t wrong = 0;
  for (std::size_t m = 0; m < count; ++m) {
    const auto* bits = reinterpret_cast<const std::uint32_t*>(results[0].data()) + m * words;
    upsample_logits(upsample, logits.data() + static_cast<std::size_t>(planes[m]) * plane, scratch,
                    values.data());
    for (std::size_t y = 0; y < static_cast<std::size_t>(c.height); ++y) {
      for (std::size_t x = 0; x < 32 * mask_words(c.width); ++x) {
        const bool bit = (bits[y * mask_words(c.width) + x / 32] >> (x % 32) & 1) != 0;
        const float value = x < width ? values[y * width + x] : -1000.0F;
        const bool near = std::abs(value - problem.limit) < margin;
        wrong += !near && bit != (value > problem.limit);
      }
    }
  }
  EXPECT_EQ(wrong, 0U);
}

TEST(ImageKernels, MakeMasksAsTheCpuDoes) {
  Preprocess centred = preprocess_preset("sam");
  centred.name = "centred";
  centred.padding = Preprocess::Padding::kCenter;
  for_each_row<MaskProblem>([&](const backend::Device& gpu, const auto& row) {
    for (const MaskCase& c :
         {MaskCase{64, 256, 600, 420}, MaskCase{64, 256, 100, 333}, MaskCase{64, 256, 256, 256},
          MaskCase{64, 256, 1, 1}, MaskCase{64, 256, 2000, 3}, MaskCase{64, 256, 7, 1999},
          MaskCase{16, 64, 900, 700}, MaskCase{1, 1, 5, 9}, MaskCase{3, 50, 31, 33},
          MaskCase{64, 16, 40, 30}}) {
      for (const Preprocess& preprocess :
           {preprocess_preset("sam"), preprocess_preset("medsam"), centred}) {
        check_masks(gpu, row, preprocess, c, 0.0F);
      }
    }
    check_masks(gpu, row, preprocess_preset("sam"), {64, 256, 333, 251}, 1.5F);
    check_masks(gpu, row, preprocess_preset("medsam"), {64, 256, 333, 251}, 1.5F);
  });
}

TEST(ImageKernels, CountValuesThatAreNotFinite) {
  for_each_row<FiniteProblem>([](const backend::Device& gpu, const auto& row) {
    for (const int size : {1, 49, 4096}) {
      const auto plane = static_cast<std::size_t>(size);
      std::vector<float> values(3 * plane, 1.0F);
      values[0] = std::numeric_limits<float>::infinity();
      values[2 * plane] = std::nanf("");
      values[3 * plane - 1] = -std::numeric_limits<float>::infinity();
      const std::int32_t last = size == 1 ? 1 : 2;
      const std::vector<std::int32_t> order{1, 2, 0};
      const std::vector<std::int32_t> expected{0, last, 1};
      const auto results = run_on(gpu, row, FiniteProblem{3, size},
                                  {bytes_of(values), bytes_of(order)}, {3 * sizeof(std::int32_t)});
      EXPECT_EQ(results[0], bytes_of(expected));
      const auto all = run_on(gpu, row, FiniteProblem{3, size}, {bytes_of(values), {}},
                              {3 * sizeof(std::int32_t)});
      EXPECT_EQ(all[0], bytes_of(std::vector<std::int32_t>{1, 0, last}));
    }
  });
}

}  // namespace
}  // namespace lasso::kernels
