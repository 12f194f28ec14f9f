#include "image/resize.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/check.h"
#include "core/threads.h"
#include "image/value_range.h"

namespace lasso {

namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;  // 8 of the 32 bits for the value, 2 for overshoot
constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);
constexpr std::size_t kSlack = 64;  // bytes that vector loads and stores may pass a row's end by

double radius(ResizeFilter filter) { return filter == ResizeFilter::kBilinear ? 1.0 : 2.0; }

double evaluate(ResizeFilter filter, double x) {
  x = std::abs(x);
  if (filter == ResizeFilter::kBilinear) return x < 1.0 ? 1.0 - x : 0.0;
  constexpr double kA = -0.5;
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kA;
  return 0.0;
}

// One row of RGBX pixels to `taps.out_size` RGB pixels. Two taps are summed at a time: the lower
// half of the accumulator takes the even ones. Writes one byte past the last pixel.
void resample_row(const std::uint8_t* rgbx, const ResizeTaps& taps, std::uint8_t* out) {
  const __m256i spread = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  const std::int32_t* first = taps.first.data();
  const std::int32_t* count = taps.count.data();
  const std::int32_t* weight = taps.weight.data();
  for (int x = 0; x < taps.out_size; ++x, weight += taps.stride, out += 3) {
    const std::uint8_t* pixel = rgbx + std::ptrdiff_t{4} * first[x];
    __m256i sum = _mm256_setr_epi32(kHalf, kHalf, kHalf, kHalf, 0, 0, 0, 0);
    for (int k = 0; k < count[x]; k += 2) {
      const __m128i two = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pixel + 4 * k));
      const __m128i pair = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(weight + k));
      const __m256i w = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(pair), spread);
      sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(two), w));
    }
    __m128i value = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    value = _mm_srai_epi32(value, kPrecisionBits);
    value = _mm_packus_epi16(_mm_packs_epi32(value, value), value);
    const int bytes = _mm_cvtsi128_si32(value);
    std::memcpy(out, &bytes, 4);
  }
}

// out[i] = sum over k of weight[k] * rows[k * stride + i], in steps of 32 bytes; the rows are
// readable, and `out` is writable, up to the next multiple of 32.
void mix_rows(const std::uint8_t* rows, std::size_t stride, const std::int32_t* weight, int count,
              std::size_t bytes, std::uint8_t* out) {
  for (std::size_t i = 0; i < bytes; i += 32) {
    __m256i sum[4];
    for (__m256i& s : sum) s = _mm256_set1_epi32(kHalf);
    const std::uint8_t* row = rows + i;
    for (int k = 0; k < count; ++k, row += stride) {
      const __m256i w = _mm256_set1_epi32(weight[k]);
      for (int j = 0; j < 4; ++j) {
        const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + 8 * j));
        sum[j] = _mm256_add_epi32(sum[j], _mm256_mullo_epi32(_mm256_cvtepu8_epi32(eight), w));
      }
    }
    for (__m256i& s : sum) s = _mm256_srai_epi32(s, kPrecisionBits);
    const __m256i low = _mm256_packs_epi32(sum[0], sum[1]);
    const __m256i high = _mm256_packs_epi32(sum[2], sum[3]);
    // Packing works within 128-bit lanes; the permutation puts groups of four back in order.
    const __m256i packed = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high),
                                                       _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), packed);
  }
}

// Groups of 4 pixels through a byte shuffle, as long as a 16-byte load stays in the row.
void unpack_three(const std::uint8_t* in, int width, bool swap, std::uint8_t* out) {
  const __m128i order = swap ? _mm_setr_epi8(2, 1, 0, 3, 5, 4, 3, 6, 8, 7, 6, 9, 11, 10, 9, 12)
                             : _mm_setr_epi8(0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12);
  int x = 0;
  for (; 3 * static_cast<std::int64_t>(x) + 16 <= 3 * static_cast<std::int64_t>(width); x += 4) {
    const __m128i four =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + std::ptrdiff_t{3} * x));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + std::ptrdiff_t{4} * x),
                     _mm_shuffle_epi8(four, order));
  }
  const int red = swap ? 2 : 0;
  for (; x < width; ++x) {
    const std::uint8_t* pixel = in + std::ptrdiff_t{3} * x;
    std::uint8_t* to = out + std::ptrdiff_t{4} * x;
    to[0] = pixel[red];
    to[1] = pixel[1];
    to[2] = pixel[2 - red];
    to[3] = 0;
  }
}

}  // namespace

void ResizeTaps::prepare(int in, int out, ResizeFilter kernel) {
  if (in == in_size && out == out_size && kernel == filter) return;
  in_size = 0;  // not valid until complete
  const double scale = static_cast<double>(in) / out;
  const double stretch = std::max(scale, 1.0);
  const double support = radius(kernel) * stretch;
  const double inverse = 1.0 / stretch;
  const int most = static_cast<int>(std::min<std::int64_t>(
      2 * static_cast<std::int64_t>(std::ceil(support)) + 1, static_cast<std::int64_t>(in)));
  stride = (most + 1) / 2 * 2;
  const auto row = static_cast<std::size_t>(stride);
  first.get(static_cast<std::size_t>(out));
  count.get(static_cast<std::size_t>(out));
  weight.get(row * static_cast<std::size_t>(out));
  double* w = exact.get(row);
  for (int x = 0; x < out; ++x) {
    const double center = (x + 0.5) * scale;
    const auto begin = static_cast<int>(
        std::max<std::int64_t>(static_cast<std::int64_t>(std::floor(center - support + 0.5)), 0));
    const auto end = static_cast<int>(
        std::min<std::int64_t>(static_cast<std::int64_t>(std::floor(center + support + 0.5)), in));
    const int taps = end - begin;
    double total = 0.0;
    for (int k = 0; k < taps; ++k) {
      w[k] = evaluate(kernel, (k + begin - center + 0.5) * inverse);
      total += w[k];
    }
    std::int32_t* integers = weight.data() + row * static_cast<std::size_t>(x);
    std::fill_n(integers, stride, 0);
    for (int k = 0; k < taps; ++k) {
      const double value = (total != 0.0 ? w[k] / total : w[k]) * (1 << kPrecisionBits);
      integers[k] = static_cast<std::int32_t>(value < 0 ? value - 0.5 : value + 0.5);
    }
    first.data()[x] = begin;
    count.data()[x] = taps;
  }
  in_size = in;
  out_size = out;
  filter = kernel;
}

void ResizeTaps::table(std::int32_t* out) const {
  const auto positions = static_cast<std::size_t>(out_size);
  out = std::copy_n(first.data(), positions, out);
  out = std::copy_n(count.data(), positions, out);
  std::copy_n(weight.data(), positions * static_cast<std::size_t>(stride), out);
}

void check_view(const ImageView& image) {
  LASSO_CHECK(image.data != nullptr && image.width > 0 && image.height > 0,
              ErrorCode::kInvalidArgument, "an image of {}x{} pixels: it is empty", image.width,
              image.height);
  const std::int64_t row = static_cast<std::int64_t>(image.width) * channels(image.format);
  LASSO_CHECK(image.height == 1 || image.stride_bytes >= row, ErrorCode::kInvalidArgument,
              "an image's stride of {} bytes is less than its rows of {}", image.stride_bytes, row);
  if (image.range) check_range(*image.range);
}

void unpack_row(const ImageView& image, int y, std::uint8_t* rgbx) {
  const std::uint8_t* in = image.data + y * image.stride_bytes;
  const auto width = static_cast<std::size_t>(image.width);
  switch (image.format) {
    case PixelFormat::kRgb:
      return unpack_three(in, image.width, false, rgbx);
    case PixelFormat::kBgr:
      return unpack_three(in, image.width, true, rgbx);
    case PixelFormat::kRgba:
      std::memcpy(rgbx, in, 4 * width);
      return;
    case PixelFormat::kBgra:
      for (std::size_t x = 0; x < 4 * width; x += 4) {
        rgbx[x] = in[x + 2];
        rgbx[x + 1] = in[x + 1];
        rgbx[x + 2] = in[x];
        rgbx[x + 3] = in[x + 3];
      }
      return;
    case PixelFormat::kGray:
      for (std::size_t x = 0; x < width; ++x) std::memset(rgbx + 4 * x, in[x], 4);
      return;
  }
}

void resize_rgb(const ImageView& image, int width, int height, ResizeFilter filter,
                ResizeScratch& scratch, std::uint8_t* out) {
  check_view(image);
  LASSO_CHECK(width > 0 && height > 0, ErrorCode::kInvalidArgument,
              "an image can't be resized to {}x{} pixels", width, height);
  scratch.columns.prepare(image.width, width, filter);
  scratch.rows.prepare(image.height, height, filter);

  const std::size_t unpacked = align_up(4 * static_cast<std::size_t>(image.width) + kSlack);
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(width);
  const std::size_t stride = align_up(row_bytes + kSlack);
  const auto threads = static_cast<std::size_t>(omp_get_max_threads());
  std::uint8_t* pixels = scratch.pixels.get(unpacked * threads);
  std::uint8_t* squeezed = scratch.squeezed.get(stride * static_cast<std::size_t>(image.height));

  parallel_ranges(image.height, [&](std::int64_t begin, std::int64_t end) {
    std::uint8_t* row = pixels + unpacked * static_cast<std::size_t>(omp_get_thread_num());
    for (std::int64_t y = begin; y < end; ++y) {
      unpack_row(image, static_cast<int>(y), row);
      resample_row(row, scratch.columns, squeezed + stride * static_cast<std::size_t>(y));
    }
  });
  const ResizeTaps& rows = scratch.rows;
  parallel_ranges(height, [&](std::int64_t begin, std::int64_t end) {
    // Whole steps go straight to the output; the last one of a row, over a small buffer.
    const std::size_t whole = row_bytes / 32 * 32;
    for (std::int64_t y = begin; y < end; ++y) {
      const std::uint8_t* in = squeezed + stride * static_cast<std::size_t>(rows.first.data()[y]);
      const std::int32_t* weight = rows.weight.data() + y * rows.stride;
      std::uint8_t* to = out + row_bytes * static_cast<std::size_t>(y);
      mix_rows(in, stride, weight, rows.count.data()[y], whole, to);
      if (whole < row_bytes) {
        std::uint8_t last[32];
        mix_rows(in + whole, stride, weight, rows.count.data()[y], row_bytes - whole, last);
        std::memcpy(to + whole, last, row_bytes - whole);
      }
    }
  });
}

}  // namespace lasso
