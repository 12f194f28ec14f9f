// Convolutions as products whose rows, the windows of the result's pixels, are read where they lie:
// pixels beside each other have windows beside each other, and a window is a few pieces of which
// each lies together. No patches are copied, as long as pieces are what the product takes.
//
// The rows of the image under a few lines of the result are copied first, to a band that the second
// cache holds, with the padding around them and in the type that the product reads, or joined of
// several images; what needs nothing of that is read in the image. Where pieces are not whole
// groups of numbers, as of three channels, the windows are copied one after another out of the
// band.
#ifndef LASSO_KERNELS_CONV_CONV_WINDOWS_H_
#define LASSO_KERNELS_CONV_CONV_WINDOWS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "core/threads.h"
#include "kernels/conv/conv.h"

namespace lasso::kernels {

// What a product asks for.
struct WindowNeeds {
  std::int64_t element_bytes = 1;
  std::int64_t group = 1;   // numbers that an instruction takes together
  std::int64_t rows = 1;    // of a tile, at most
  std::int64_t strip = 64;  // columns of a tile; divides 64
  bool converts = false;    // its numbers are not those of the image as they are
  // Of pixels beside each other, which are read even where fewer are wanted.
  std::int64_t least_pixels = 1;
};

// Why the image's rows under a window can't be copied; null where they can.
const char* refused_by_windows(const Conv2dProblem& problem);

// How a convolution of one group is divided, if it is not refused. A line is a row of the result,
// or, where windows are pixels as they lie, as many of these as a tile has rows. Distances are
// elements.
class Windows {
 public:
  Windows(const Conv2dProblem& problem, const WindowNeeds& needs, int threads);

  std::int64_t workspace_bytes() const { return threads * thread_bytes(); }
  std::int64_t thread_bytes() const { return band_bytes + gathered_bytes; }
  std::int64_t tasks() const { return images * chunks * parts; }
  std::int64_t band_rows(std::int64_t count) const { return (count - 1) * stride.h + window_rows; }

  WindowNeeds needs;
  int threads = 1;
  std::int64_t images = 0;
  std::int64_t height = 0;  // of an image, of which the last row of pixels may be shorter
  std::int64_t width = 0;
  std::int64_t image_pixels = 0;
  std::int64_t channels = 0;
  std::vector<std::int64_t> joined;  // of Conv2dProblem
  std::int64_t filters = 0;
  std::int64_t lines = 0;  // of an image's result, of which the last may be shorter
  std::int64_t line_pixels = 0;
  std::int64_t result_pixels = 0;
  graph::Size2d stride;
  std::int64_t top = 0;  // padding
  std::int64_t left = 0;
  std::int64_t window_rows = 0;  // with what a dilated window leaves out

  bool in_place = false;
  bool gathers = false;
  std::int64_t chunks = 1;       // of an image: lines that are computed together
  std::int64_t chunk_lines = 0;  // at most
  std::int64_t parts = 1;        // of the panels of filters
  std::int64_t band_columns = 0;
  std::int64_t band_bytes = 0;  // for each thread
  std::int64_t gathered_bytes = 0;
  std::int64_t window_size = 0;  // of a window that is copied
  // Of windows in the band or the image, and of them as the product reads them.
  std::vector<std::int64_t> source_offsets;
  std::int64_t source_depth = 0;
  std::int64_t source_pixel_step = 0;
  std::int64_t source_line_step = 0;
  std::vector<std::int64_t> offsets;
  std::int64_t depth = 0;  // of a piece, whole groups
  std::int64_t pixel_step = 0;
  std::int64_t line_step = 0;
};

// Consecutive pixels of the result: where the first one's window begins, and its number in y.
struct WindowRows {
  const std::byte* x = nullptr;
  std::int64_t pixel = 0;
  int count = 0;
};

// Pixels from the one at `at` on, as the convolution's inputs have them. copy(x, at, count, out)
// gives elements of an image.
template <typename Copy>
void copy_pixels(const Windows& w, std::span<const void* const> inputs, std::int64_t at,
                 std::int64_t count, const Copy& copy, std::byte* out) {
  if (w.joined.empty()) {
    copy(inputs[0], at * w.channels, count * w.channels, out);
    return;
  }
  for (std::int64_t pixel = at; pixel < at + count; ++pixel) {
    for (std::size_t i = 0; i < w.joined.size(); ++i) {
      const std::int64_t channels = w.joined[i];
      copy(inputs[i == 0 ? 0 : graph::Conv2d::kFirstJoined + i - 1], pixel * channels, channels,
           out);
      out += channels * w.needs.element_bytes;
    }
  }
}

// Copies an image's rows under the lines [begin, end) to `band`; fill(count, out) gives elements of
// the padding.
template <typename Copy, typename Fill>
void copy_band(const Windows& w, std::span<const void* const> inputs, std::int64_t image,
               std::int64_t begin, std::int64_t end, const Copy& copy, const Fill& fill,
               std::byte* band) {
  const std::int64_t pixel_bytes = w.channels * w.needs.element_bytes;
  const std::int64_t rows = w.band_rows(end - begin);
  for (std::int64_t r = 0; r < rows; ++r, band += w.band_columns * pixel_bytes) {
    const std::int64_t row = begin * w.stride.h - w.top + r;
    const bool inside = row >= 0 && row < w.height;
    const std::int64_t width = inside ? std::min(w.width, w.image_pixels - row * w.width) : 0;
    const std::int64_t first = std::min(w.left, w.band_columns);
    const std::int64_t last = std::clamp(w.left + width, first, w.band_columns);
    if (first > 0) fill(first * w.channels, band);
    if (last > first) {
      const std::int64_t pixel = image * w.image_pixels + row * w.width + first - w.left;
      copy_pixels(w, inputs, pixel, last - first, copy, band + first * pixel_bytes);
    }
    if (last < w.band_columns) {
      fill((w.band_columns - last) * w.channels, band + last * pixel_bytes);
    }
  }
}

// Copies the windows of the lines [begin, end) out of the band, each filled up with zeros. Whole
// vectors are copied, beyond a piece's end; the next piece overwrites what is too much, and behind
// the last one the band and the windows have room for a vector.
inline void gather_windows(const Windows& w, std::int64_t begin, std::int64_t end,
                           const std::byte* band, std::byte* out) {
  constexpr std::int64_t kVector = 32;
  const std::int64_t size = w.needs.element_bytes;
  const std::int64_t piece_bytes = w.source_depth * size;
  const std::int64_t window_bytes = w.depth * size;
  const std::int64_t step = w.source_pixel_step * size;
  const std::int64_t pixels = w.line_pixels;
  const std::int64_t* offsets = w.source_offsets.data();
  const std::size_t pieces = w.source_offsets.size();
  for (std::int64_t line = begin; line < end; ++line) {
    const std::byte* pixel = band + (line - begin) * w.source_line_step * size;
    for (std::int64_t j = 0; j < pixels; ++j, pixel += step) {
      std::byte* to = out;
      for (std::size_t piece = 0; piece < pieces; ++piece, to += piece_bytes) {
        const std::byte* from = pixel + offsets[piece] * size;
        for (std::int64_t i = 0; i < piece_bytes; i += kVector) {
          std::memcpy(to + i, from + i, kVector);
        }
      }
      out += window_bytes;
      while (to < out) *to++ = std::byte{0};
    }
  }
}

// Some lines of an image's result, for some panels of filters.
struct WindowTask {
  const std::byte* x = nullptr;  // where the first window begins
  std::int64_t image = 0;
  std::int64_t begin = 0;  // lines
  std::int64_t end = 0;
  std::int64_t panel_begin = 0;
  std::int64_t panel_end = 0;
};

// A task, whose windows are brought to where they are read: to `scratch` unless they lie in place.
template <typename Copy, typename Fill>
WindowTask make_task(const Windows& w, const KernelArgs& args, std::int64_t index, const Copy& copy,
                     const Fill& fill, std::byte* scratch) {
  constexpr std::int64_t kPanel = 64;
  const std::int64_t panels = (w.filters + kPanel - 1) / kPanel;
  const std::int64_t part = index % w.parts;
  const std::int64_t chunk = index / w.parts % w.chunks;
  WindowTask task;
  task.image = index / w.parts / w.chunks;
  task.begin = w.lines * chunk / w.chunks;
  task.end = w.lines * (chunk + 1) / w.chunks;
  task.panel_begin = panels * part / w.parts;
  task.panel_end = panels * (part + 1) / w.parts;
  if (w.in_place) {
    const std::int64_t row = task.image * w.image_pixels + task.begin * w.stride.h * w.width;
    task.x =
        static_cast<const std::byte*>(args.inputs[0]) + row * w.channels * w.needs.element_bytes;
    return task;
  }
  copy_band(w, args.inputs, task.image, task.begin, task.end, copy, fill, scratch);
  task.x = scratch;
  if (w.gathers) {
    gather_windows(w, task.begin, task.end, scratch, scratch + w.band_bytes);
    task.x = scratch + w.band_bytes;
  }
  return task;
}

// Calls run(next, thread) on each thread that takes part, where next() gives tasks until it gives
// none, which is a number of tasks() or more.
template <typename Run>
void share_tasks(const Windows& w, const Run& run) {
  const auto per_pixel = static_cast<double>(w.depth) * static_cast<double>(w.offsets.size()) *
                         static_cast<double>(w.filters);
  // To start and to join a team costs some microseconds, in which one core does megaflops.
  const bool small = static_cast<double>(w.images * w.result_pixels) * per_pixel < 2e6;
  lasso::share_tasks(small, w.threads, run);
}

// Computes all tiles: strip(column, tiles) is called for each strip of columns of some lines, and
// calls tiles(run), which calls run(WindowRows) for each tile.
template <typename Copy, typename Fill, typename Strip>
void run_windows(const Windows& w, const KernelArgs& args, const Copy& copy, const Fill& fill,
                 const Strip& strip) {
  constexpr std::int64_t kPanel = 64;
  const auto run_task = [&](const WindowTask& task) {
    const std::int64_t first_column = task.panel_begin * kPanel;
    const std::int64_t columns = std::min(task.panel_end * kPanel, w.filters);
    for (std::int64_t column = first_column; column < columns; column += w.needs.strip) {
      strip(column, [&](const auto& run) {
        for (std::int64_t line = task.begin; line < task.end; ++line) {
          const std::int64_t at = line * w.line_pixels;
          const std::int64_t length = std::min(w.line_pixels, w.result_pixels - at);
          const std::int64_t tiles = (length + w.needs.rows - 1) / w.needs.rows;
          for (std::int64_t i = 0; i < tiles; ++i) {
            const std::int64_t j = length * i / tiles;
            const std::int64_t count = length * (i + 1) / tiles - j;
            const std::int64_t element = (line - task.begin) * w.line_step + j * w.pixel_step;
            const std::byte* x = task.x + element * w.needs.element_bytes;
            // What is read where it lies comes from far: the next tile's rows are too many short
            // streams for the hardware to foresee.
            if (column == first_column && w.in_place && (i + 1 < tiles || line + 1 < task.end)) {
              const std::int64_t bytes = count * w.pixel_step * w.needs.element_bytes;
              for (std::int64_t b = bytes; b < 2 * bytes; b += 64) __builtin_prefetch(x + b, 0, 2);
            }
            run(WindowRows{x, task.image * w.result_pixels + at + j, static_cast<int>(count)});
          }
        }
      });
    }
  };
  share_tasks(w, [&](const auto& next, int thread) {
    std::byte* scratch = args.workspace + thread * w.thread_bytes();
    for (std::int64_t i = next(); i < w.tasks(); i = next()) {
      run_task(make_task(w, args, i, copy, fill, scratch));
    }
  });
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_CONV_WINDOWS_H_
