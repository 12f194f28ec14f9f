#include "kernels/conv/conv_windows.h"

#include "core/aligned_buffer.h"

namespace lasso::kernels {

namespace {

constexpr std::int64_t ceil_of(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit;
}

std::int64_t aligned(std::int64_t bytes) {
  return static_cast<std::int64_t>(align_up(static_cast<std::size_t>(bytes)));
}

bool is_pointwise(const Conv2dProblem& p) {
  return p.kernel_h == 1 && p.kernel_w == 1 && p.stride == 1 && p.padding == 0;
}

}  // namespace

const char* refused_by_windows(const Conv2dProblem& p) {
  if (is_pointwise(p)) return nullptr;
  // Dilations and paddings of thousands make bands that take seconds and gigabytes to fill, and
  // those of millions bands of more bytes than there are numbers for.
  constexpr double kMost = 1 << 27;
  const auto number = [](std::int64_t x) { return static_cast<double>(x); };
  const double rows = number(p.kernel_h - 1) * number(p.dilation.h) + 1;
  const double columns = number(p.width) + number(p.padding.left) + number(p.padding.right);
  if (rows * columns * number(p.channels) > kMost) {
    return "rows under a window of more than 2^27 numbers";
  }
  return nullptr;
}

Windows::Windows(const Conv2dProblem& p, const WindowNeeds& needs, int threads)
    : needs(needs),
      threads(threads),
      images(p.batch),
      height(p.height),
      width(p.width),
      image_pixels(p.height * p.width),
      channels(p.channels),
      joined(p.joined),
      filters(p.filters),
      lines(std::max<std::int64_t>(p.out_h(), 0)),
      line_pixels(std::max<std::int64_t>(p.out_w(), 0)),
      result_pixels(lines * line_pixels),
      stride(p.stride),
      top(p.padding.top),
      left(p.padding.left),
      window_rows((p.kernel_h - 1) * p.dilation.h + 1) {
  if (is_pointwise(p)) {
    image_pixels = result_pixels = p.batch * p.height * p.width;
    images = 1;
    width = line_pixels = needs.rows;
    height = lines = ceil_of(result_pixels, width);
  }
  if (images * result_pixels * filters == 0) {
    images = 0;
    return;
  }
  // Pieces are rows of the window, or its pixels where these are not beside each other.
  const std::int64_t columns = p.dilation.w == 1 ? 1 : p.kernel_w;
  source_depth = p.kernel_w / columns * channels;
  gathers =
      source_depth % needs.group != 0 || std::min(line_pixels, result_pixels) < needs.least_pixels;
  in_place = !needs.converts && !gathers && joined.empty() && p.padding == 0;
  band_columns = (line_pixels - 1) * stride.w + (p.kernel_w - 1) * p.dilation.w + 1;
  const std::int64_t row = (in_place ? width : band_columns) * channels;
  for (std::int64_t u = 0; u < p.kernel_h; ++u) {
    for (std::int64_t v = 0; v < columns; ++v) {
      source_offsets.push_back(u * p.dilation.h * row + v * p.dilation.w * channels);
    }
  }
  source_pixel_step = stride.w * channels;
  source_line_step = stride.h * row;
  offsets = source_offsets;
  depth = source_depth;
  pixel_step = source_pixel_step;
  line_step = source_line_step;
  if (gathers) {
    offsets = {0};
    const std::int64_t pieces = static_cast<std::int64_t>(source_offsets.size());
    depth = pixel_step = ceil_of(pieces * source_depth, needs.group) * needs.group;
    line_step = line_pixels * pixel_step;
  }

  // A chunk has pixels enough for the weights, which come from the third cache, to be used often,
  // and its band leaves room for them in the second.
  constexpr std::int64_t kPixels = 480;
  constexpr std::int64_t kBandBytes = std::int64_t{384} << 10;
  std::int64_t most = std::max<std::int64_t>(kPixels / line_pixels, 1);
  if (!in_place) {
    const std::int64_t rows = kBandBytes / (row * needs.element_bytes);
    most = std::clamp<std::int64_t>((rows - window_rows) / stride.h + 1, 1, most);
  }
  chunks = ceil_of(lines, std::min(most, lines));
  if (images % threads != 0) chunks = std::min(lines, ceil_of(chunks, threads) * threads);
  if (images * chunks < threads) {
    parts = std::min(ceil_of(filters, 64), ceil_of(threads, images * chunks));
  }
  const std::int64_t chunk = ceil_of(lines, chunks);
  constexpr std::int64_t kBehind = 64;  // bytes that copies of whole vectors touch
  if (!in_place) band_bytes = aligned(band_rows(chunk) * row * needs.element_bytes + kBehind);
  if (gathers) {
    const std::int64_t windows = chunk * line_pixels + needs.least_pixels - 1;
    gathered_bytes = aligned(windows * pixel_step * needs.element_bytes + kBehind);
  }
  chunk_lines = chunk;
}

}  // namespace lasso::kernels
