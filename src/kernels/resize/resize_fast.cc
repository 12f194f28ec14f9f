// Resize with AVX2 and AVX-512, to the nearest pixels and by linear weights: rows of the result are
// divided between the threads. Places and weights are tables.
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
constexpr std::int64_t kWidest = 16;  // elements of a vector

class State final : public KernelState {
 public:
  explicit State(const ResizeProblem& p) : problem(p), gathers(p.channels < kFewChannels) {
    if (p.count() == 0) return;
    for (std::int64_t i = 0; i < p.h.result; ++i) rows.push_back(samples_of(p, p.mode, p.h, i));
    const std::int64_t elements = gathers ? p.channels : 1;
    for (std::int64_t j = 0; j < p.w.result; ++j) {
      const ResizeSamples samples = samples_of(p, p.mode, p.w, j);
      for (std::int64_t c = 0; c < elements; ++c) {
        left.push_back(static_cast<std::int32_t>(samples.places[0] * p.channels + c));
        right.push_back(static_cast<std::int32_t>(samples.places[1] * p.channels + c));
        left_weights.push_back(samples.weights[0]);
        right_weights.push_back(samples.weights[1]);
      }
    }
    pixels = static_cast<std::int64_t>(left.size());
    left.resize(left.size() + kWidest);
    right.resize(right.size() + kWidest);
  }

  ResizeProblem problem;
  bool gathers;
  std::vector<ResizeSamples> rows;
  std::vector<std::int32_t> left, right;
  std::vector<float> left_weights, right_weights;
  std::int64_t pixels = 0;
};

// Of a row of the image, for each thread.
std::int64_t scratch_bytes(const ResizeProblem& p) {
  constexpr std::int64_t kLine = 64;
  const std::int64_t bytes = p.w.size * p.channels * static_cast<std::int64_t>(sizeof(float));
  return p.mode == graph::ResizeMode::kNearest ? 0 : (bytes + kLine - 1) / kLine * kLine;
}

Offer offer(const ResizeProblem& p, const TargetInfo& target) {
  if (p.mode == graph::ResizeMode::kCubic) return Offer::no("cubic weights");
  if (p.w.size > std::numeric_limits<std::int32_t>::max() / std::max<std::int64_t>(p.channels, 1)) {
    return Offer::no("rows of more than 2^31 numbers");
  }
  Offer offer;
  offer.workspace_bytes = static_cast<std::size_t>(scratch_bytes(p) * target.threads);
  return offer;
}

std::unique_ptr<KernelState> create(const ResizeProblem& p, const TargetInfo& /*target*/,
                                    const Offer& /*offer*/) {
  return std::make_unique<State>(p);
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const State&>(state);
  const ResizeProblem& p = s.problem;
  if (p.count() == 0) return;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  const std::int64_t out_floats = p.w.result * p.channels;
  ResizeRow all{.row_floats = p.w.size * p.channels,
                .left = s.left.data(),
                .right = s.right.data(),
                .left_weights = s.left_weights.data(),
                .right_weights = s.right_weights.data(),
                .pixels = s.pixels,
                .channels = s.gathers ? 1 : p.channels,
                .nearest = p.mode == graph::ResizeMode::kNearest};
  const auto run_rows = [&](int thread, std::int64_t begin, std::int64_t end) {
    ResizeRow row = all;
    row.scratch = reinterpret_cast<float*>(args.workspace + thread * scratch_bytes(p));
    const float* last = nullptr;  // what the last row of nearest pixels was made of
    for (std::int64_t i = begin; i < end; ++i) {
      const ResizeSamples& samples = s.rows[static_cast<std::size_t>(i % p.h.result)];
      const float* image = x + i / p.h.result * p.h.size * row.row_floats;
      row.y = y + i * out_floats;
      row.above = image + samples.places[0] * row.row_floats;
      row.below = row.nearest ? row.above : image + samples.places[1] * row.row_floats;
      row.row_weights[0] = samples.weights[0];
      row.row_weights[1] = samples.weights[1];
      if (row.nearest && row.above == last) {
        std::memcpy(row.y, row.y - out_floats,
                    static_cast<std::size_t>(out_floats) * sizeof(float));
        continue;
      }
      last = row.above;
      if constexpr (kFeature == CpuFeature::kAvx512) {
        resize_row_avx512(row);
      } else {
        resize_row_avx2(row);
      }
    }
  };
  const std::int64_t rows = p.batch * p.h.result;
  constexpr std::int64_t kSmall = 16384;  // elements
  parallel_ranges_unless(p.count() <= kSmall, rows, run_rows);
}

template <CpuFeature kFeature>
constexpr Kernel<ResizeProblem> kernel() {
  return {
      .name = "rows",
      .needs = {.features = kFeature},
      .offer = offer,
      .pack = nullptr,
      .create = create,
      .run = run<kFeature>,
  };
}

}  // namespace

const Kernel<ResizeProblem> kResizeAvx512 = kernel<CpuFeature::kAvx512>();
const Kernel<ResizeProblem> kResizeAvx2 = kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
