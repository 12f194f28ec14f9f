// Resize with AVX2 and AVX-512: rows of the result are divided between the threads. Places and
// weights are tables.
#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "core/threads.h"
#include "kernels/resize/resize.h"
#include "kernels/resize/resize_isa.h"

namespace lasso::kernels {

namespace {

// Pixels of so few channels are gathered element by element.
constexpr std::int64_t kFewChannels = 4;

constexpr std::int64_t width_of(CpuFeature feature) {  // elements of a vector
  return feature == CpuFeature::kAvx512 ? 16 : 8;
}

class State final : public KernelState {
 public:
  State(const ResizeProblem& p, std::int64_t width)
      : problem(p),
        taps(taps_of(p.mode, p.is_double)),
        gathers(p.dtype == DType::kF32 && p.channels < kFewChannels) {
    if (p.count() == 0) return;
    for (std::int64_t i = 0; i < p.h.result; ++i) {
      rows.push_back(row_samples(p, p.mode, p.is_double, i));
    }
    const std::int64_t elements = gathers ? p.channels : 1;
    for (std::int64_t j = 0; j < p.w.result; ++j) {
      const ResizeSamples samples = column_samples(p, p.mode, p.is_double, j);
      for (std::int64_t c = 0; c < elements; ++c) {
        for (int k = 0; k < taps; ++k) {
          places[k].push_back(static_cast<std::int32_t>(samples.places[k] * p.channels + c));
          weights[k].push_back(samples.weights[k]);
        }
      }
    }
    pixels = static_cast<std::int64_t>(places[0].size());
    for (int k = 0; k < taps; ++k)
      places[k].resize(places[k].size() + static_cast<std::size_t>(width));
    if (gathers) find_windows(width);
  }

  // Where the elements of each vector stand close together, as they do unless the result is much
  // smaller, two vectors of the row hold them all.
  void find_windows(std::int64_t width) {
    const std::int64_t last = problem.columns() * problem.channels - 2 * width;
    if (last < 0) return;
    for (std::int64_t i = 0; i < pixels; i += width) {
      std::int64_t least = last;
      std::int64_t most = 0;
      for (int k = 0; k < taps; ++k) {
        const auto begin = places[k].begin() + i;
        const auto end = places[k].begin() + std::min(i + width, pixels);
        const auto [low, high] = std::minmax_element(begin, end);
        least = std::min<std::int64_t>(least, *low);
        most = std::max<std::int64_t>(most, *high);
      }
      if (most >= least + 2 * width) {
        windows.clear();
        return;
      }
      windows.push_back(static_cast<std::int32_t>(least));
    }
    for (int k = 0; k < taps; ++k) {
      for (std::int64_t i = 0; i < pixels; ++i) {
        places[k][static_cast<std::size_t>(i)] -= windows[static_cast<std::size_t>(i / width)];
      }
    }
  }

  ResizeProblem problem;
  int taps;
  bool gathers;
  std::vector<ResizeSamples> rows;
  std::vector<std::int32_t> places[kMostTaps];
  std::vector<float> weights[kMostTaps];
  std::vector<std::int32_t> windows;
  std::int64_t pixels = 0;
};

// Of a row of the image, for each thread.
std::int64_t scratch_bytes(const ResizeProblem& p) {
  constexpr std::int64_t kLine = 64;
  const std::int64_t bytes = p.columns() * p.channels * static_cast<std::int64_t>(sizeof(float));
  return p.mode == graph::ResizeMode::kNearest ? 0 : (bytes + kLine - 1) / kLine * kLine;
}

Offer offer(const ResizeProblem& p, const TargetInfo& target) {
  if (p.dtype != DType::kF32 && p.mode != graph::ResizeMode::kNearest) {
    return Offer::no("sums of numbers other than float32");
  }
  if (p.columns() >
      std::numeric_limits<std::int32_t>::max() / std::max<std::int64_t>(p.channels, 1)) {
    return Offer::no("rows of more than 2^31 numbers");
  }
  Offer offer;
  offer.workspace_bytes = static_cast<std::size_t>(scratch_bytes(p) * target.threads);
  return offer;
}

template <CpuFeature kFeature>
std::unique_ptr<KernelState> create(const ResizeProblem& p, const TargetInfo& /*target*/,
                                    const Offer& /*offer*/) {
  return std::make_unique<State>(p, width_of(kFeature));
}

// Calls f(thread, begin, end) on ranges of the result's rows.
template <typename F>
void for_rows(const ResizeProblem& p, const F& f) {
  constexpr std::int64_t kSmall = 16384;  // elements
  parallel_ranges_unless(p.count() <= kSmall, p.batch * p.h.result, f);
}

// Nearest pixels are copied, whatever their numbers are.
void copy_pixels(const State& s, const std::byte* row, std::byte* y) {
  const std::int64_t number = static_cast<std::int64_t>(size_of(s.problem.dtype));
  const std::int64_t bytes = s.problem.channels * number;
  const std::int32_t* places = s.places[0].data();
  constexpr std::int64_t kVector = 32;
  for (std::int64_t j = 0; j < s.pixels; ++j, y += bytes) {
    const std::byte* x = row + places[j] * number;
    std::int64_t i = 0;
    for (; i + kVector <= bytes; i += kVector) std::memcpy(y + i, x + i, kVector);
    for (; i < bytes; ++i) y[i] = x[i];
  }
}

void run_copies(const State& s, const KernelArgs& args) {
  const ResizeProblem& p = s.problem;
  const auto size = static_cast<std::int64_t>(size_of(p.dtype));
  const std::int64_t in_bytes = p.columns() * p.channels * size;
  const std::int64_t out_bytes = p.w.result * p.channels * size;
  for_rows(p, [&](int /*thread*/, std::int64_t begin, std::int64_t end) {
    const std::byte* last = nullptr;  // what the last row was made of
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t place = s.rows[static_cast<std::size_t>(i % p.h.result)].places[0];
      const std::byte* row = static_cast<const std::byte*>(args.inputs[0]) +
                             (i / p.h.result * p.rows() + place) * in_bytes;
      std::byte* y = static_cast<std::byte*>(args.outputs[0]) + i * out_bytes;
      if (row == last) {
        std::memcpy(y, y - out_bytes, static_cast<std::size_t>(out_bytes));
      } else {
        copy_pixels(s, row, y);
      }
      last = row;
    }
  });
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const State&>(state);
  const ResizeProblem& p = s.problem;
  if (p.count() == 0) return;
  if (p.dtype != DType::kF32) return run_copies(s, args);
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  const std::int64_t out_floats = p.w.result * p.channels;
  const std::int64_t row_floats = p.columns() * p.channels;
  const bool is_nearest = s.taps == 1;
  ResizeRow all{.taps = s.taps,
                .row_floats = row_floats,
                .windows = s.windows.empty() ? nullptr : s.windows.data(),
                .pixels = s.pixels,
                .channels = s.gathers ? 1 : p.channels};
  for (int k = 0; k < s.taps; ++k) {
    all.places[k] = s.places[k].data();
    all.weights[k] = s.weights[k].data();
  }
  const auto run_rows = [&](int thread, std::int64_t begin, std::int64_t end) {
    ResizeRow row = all;
    row.scratch = reinterpret_cast<float*>(args.workspace + thread * scratch_bytes(p));
    const float* last = nullptr;  // what the last row of nearest pixels was made of
    for (std::int64_t i = begin; i < end; ++i) {
      const ResizeSamples& samples = s.rows[static_cast<std::size_t>(i % p.h.result)];
      const float* image = x + i / p.h.result * p.rows() * row_floats;
      row.y = y + i * out_floats;
      for (int k = 0; k < s.taps; ++k) {
        row.rows[k] = image + samples.places[k] * row_floats;
        row.row_weights[k] = samples.weights[k];
      }
      if (is_nearest && row.rows[0] == last) {
        std::memcpy(row.y, row.y - out_floats,
                    static_cast<std::size_t>(out_floats) * sizeof(float));
        continue;
      }
      last = row.rows[0];
      if constexpr (kFeature == CpuFeature::kAvx512) {
        resize_row_avx512(row);
      } else {
        resize_row_avx2(row);
      }
    }
  };
  for_rows(p, run_rows);
}

template <CpuFeature kFeature>
constexpr Kernel<ResizeProblem> kernel() {
  return {
      .name = "rows",
      .needs = {.features = kFeature},
      .offer = offer,
      .pack = nullptr,
      .create = create<kFeature>,
      .run = run<kFeature>,
  };
}

}  // namespace

const Kernel<ResizeProblem> kResizeAvx512 = kernel<CpuFeature::kAvx512>();
const Kernel<ResizeProblem> kResizeAvx2 = kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
