// The specification of Resize: pixel by pixel.
#include <cstring>

#include "core/threads.h"
#include "kernels/resize/resize.h"

namespace lasso::kernels {

namespace {

// y [channels] from an image; a channel's sum is of rows first.
void resize_pixel(const ResizeProblem& p, const float* x, const ResizeSamples& rows,
                  const ResizeSamples& columns, float* y) {
  const int taps = taps_of(p.mode, p.is_double);
  const auto at = [&](int u, int v, std::int64_t c) {
    return x[(rows.places[u] * p.columns() + columns.places[v]) * p.channels + c];
  };
  for (std::int64_t c = 0; c < p.channels; ++c) {
    if (taps == 1) {
      y[c] = at(0, 0, c);
      continue;
    }
    float sum = 0.0F;
    for (int v = 0; v < taps; ++v) {
      float column = 0.0F;
      for (int u = 0; u < taps; ++u) column += rows.weights[u] * at(u, v, c);
      sum += columns.weights[v] * column;
    }
    y[c] = sum;
  }
}

// Pixels are copied, whatever their numbers are.
void copy_nearest(const ResizeProblem& p, const KernelArgs& args) {
  const std::int64_t bytes = p.channels * static_cast<std::int64_t>(size_of(p.dtype));
  const auto* x = static_cast<const std::byte*>(args.inputs[0]);
  auto* y = static_cast<std::byte*>(args.outputs[0]);
  parallel_ranges(p.batch * p.h.result, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t from =
          row / p.h.result * p.rows() + row_samples(p, p.mode, false, row % p.h.result).places[0];
      for (std::int64_t j = 0; j < p.w.result; ++j) {
        const std::int64_t pixel =
            from * p.columns() + column_samples(p, p.mode, false, j).places[0];
        std::memcpy(y + (row * p.w.result + j) * bytes, x + pixel * bytes,
                    static_cast<std::size_t>(bytes));
      }
    }
  });
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ResizeProblem>&>(state).problem;
  if (p.count() == 0) return;
  if (p.dtype != DType::kF32) return copy_nearest(p, args);
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  parallel_ranges(p.batch * p.h.result, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const ResizeSamples rows = row_samples(p, p.mode, p.is_double, row % p.h.result);
      const float* image = x + row / p.h.result * p.rows() * p.columns() * p.channels;
      for (std::int64_t j = 0; j < p.w.result; ++j) {
        resize_pixel(p, image, rows, column_samples(p, p.mode, p.is_double, j),
                     y + (row * p.w.result + j) * p.channels);
      }
    }
  });
}

}  // namespace

const Kernel<ResizeProblem> kResizeRef{
    .name = "reference",
    .needs = {},
    .offer = always<ResizeProblem>,
    .pack = nullptr,
    .create = create_problem_state<ResizeProblem>,
    .run = run,
};

}  // namespace lasso::kernels
