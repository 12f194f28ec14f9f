// Linear in int8 on packed weights, for AVX-512 VNNI, AVX-VNNI and AVX2: sums are exact, and the
// rest the same operations in the same order, so that all three give the same bits.
#include <algorithm>

#include "core/threads.h"
#include "kernels/cpu/int8_product.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/linear_int8_layout.h"

namespace lasso::kernels {

namespace {

constexpr std::int64_t kLine = 16;  // floats of a cache line

constexpr std::int64_t round_up(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// How the product is cut, and what lies in the workspace: y as float32 where its rows must be
// quantised once they are whole, and x where it cannot be read as it is.
struct Cut {
  Cut(const LinearProblem& p, const Int8Isa& isa, int threads) {
    const std::int64_t groups = round_up(p.k, kInt8Group);
    by_columns = p.m < 4 * isa.rows * threads;
    const bool prepared = isa.x_bytes > 1 || groups != p.k;
    x_stride = prepared ? groups * isa.x_bytes : 0;
    // An odd number of cache lines: rows at a multiple of 4096 bytes would share places in the
    // first cache.
    y_stride = p.output == DType::kU8 ? round_up(p.n, kLine) | kLine : 0;
    // A block's x, and y where it is kept, stay in the second cache while the weights pass through.
    constexpr std::int64_t kBytes = std::int64_t{512} << 10;
    const std::int64_t row = groups * isa.x_bytes + y_stride * 4;
    rows = std::clamp<std::int64_t>(kBytes / row / isa.rows * isa.rows, 2 * isa.rows, 240);
    if (by_columns) rows = p.m;
    y_bytes = round_up(rows * y_stride * 4, 64);
    x_bytes = round_up(rows * x_stride, 64);
  }
  std::int64_t workspace(int threads) const {
    return y_bytes * (by_columns ? 1 : threads) + x_bytes * threads;
  }
  float* y(std::byte* workspace, int thread) const {
    return reinterpret_cast<float*>(workspace + y_bytes * (by_columns ? 0 : thread));
  }
  std::byte* x(std::byte* workspace, int thread, int threads) const {
    return workspace + y_bytes * (by_columns ? 1 : threads) + x_bytes * thread;
  }

  bool by_columns = false;    // few rows: threads divide the columns, and share y in the workspace
  std::int64_t rows = 0;      // of a block
  std::int64_t x_stride = 0;  // bytes, 0: x is read where it lies
  std::int64_t y_stride = 0;  // floats, 0: y is written where it belongs
  std::int64_t y_bytes = 0;
  std::int64_t x_bytes = 0;
};

template <CpuFeature kFeature>
Offer offer(const LinearProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kI8) return Offer::no("weights other than int8");
  if (p.k == 0 || p.k > kInt8MostInputs) return Offer::no("sums of none, or over 65536");
  Offer offer;
  offer.packed_bytes = static_cast<std::size_t>(Int8LinearLayout(p).bytes());
  offer.packed_layout = kInt8LinearLayout;
  offer.workspace_bytes = static_cast<std::size_t>(
      Cut(p, int8_isa(kFeature), target.threads).workspace(target.threads));
  offer.cost = operations(p) / int8_rate(kFeature, target);
  return offer;
}

// One call: its arguments by name.
struct Run {
  Run(const LinearProblem& p, const Int8Isa& isa, const Cut& cut, const KernelArgs& args)
      : p(p), isa(isa), cut(cut), args(args), packed(p, args.packed) {}

  // Rows [begin, end), one block, of the panels [panel_begin, panel_end).
  void block(std::int64_t begin, std::int64_t end, std::int64_t panel_begin, std::int64_t panel_end,
             int thread, int threads) const {
    Int8Tile tile;
    tile.groups = packed.groups;
    tile.activation = p.activation;
    // What is quantised by rows is float32 until they are whole.
    tile.output = p.output == DType::kBF16 ? DType::kBF16 : DType::kF32;
    tile.narrow = p.output != DType::kF32;
    tile.residual_stride = p.n;
    tile.y_stride = cut.y_stride != 0 ? cut.y_stride : p.n;
    const auto* x = static_cast<const std::byte*>(args.inputs[0]) + begin * p.k;
    std::int64_t x_bytes = p.k;
    if (cut.x_stride != 0) {
      std::byte* prepared = cut.x(args.workspace, thread, threads);
      for (std::int64_t row = 0; row < end - begin; ++row) {
        std::byte* to = prepared + row * cut.x_stride;
        isa.prepare(reinterpret_cast<const std::uint8_t*>(x + row * p.k), p.k, 128, to);
        // The weights beyond are zeros: any value will do.
        std::fill(to + p.k * isa.x_bytes, to + cut.x_stride, std::byte{0});
      }
      x = prepared;
      x_bytes = cut.x_stride;
    }
    tile.x_stride = x_bytes / isa.x_bytes;
    const std::int64_t y_size = tile.output == DType::kBF16 ? 2 : 4;
    auto* y = cut.y_stride != 0 ? reinterpret_cast<std::byte*>(cut.y(args.workspace, thread))
                                : static_cast<std::byte*>(args.outputs[0]) + begin * p.n * y_size;
    const std::int64_t tiles = (end - begin + isa.rows - 1) / isa.rows;
    const std::int64_t column_end = std::min(panel_end * kInt8Panel, p.n);
    for (std::int64_t column = panel_begin * kInt8Panel; column < column_end;
         column += isa.columns) {
      tile.columns = static_cast<int>(std::min<std::int64_t>(isa.columns, p.n - column));
      tile.weights = packed.q + packed.offset(column, 0);
      tile.correction = packed.correction + column;
      tile.scales = packed.scales + column;
      tile.bias = packed.bias + column;
      tile.output_gain = p.output_gain ? packed.output_gain + column : nullptr;
      for (std::int64_t i = 0; i < tiles; ++i) {
        const std::int64_t row = (end - begin) * i / tiles;
        tile.rows = static_cast<int>((end - begin) * (i + 1) / tiles - row);
        tile.x = x + row * x_bytes;
        tile.x_scales = static_cast<const float*>(args.inputs[4]) + begin + row;
        tile.y = y + (row * tile.y_stride + column) * y_size;
        if (p.residual) {
          tile.residual = static_cast<const float*>(args.inputs[3]) + (begin + row) * p.n + column;
        }
        if (column == panel_begin * kInt8Panel && i + 1 < tiles) {
          // The next tile's rows are too many short streams for the hardware to foresee.
          const std::int64_t next = row + tile.rows;
          const std::int64_t bytes = ((end - begin) * (i + 2) / tiles - next) * x_bytes;
          for (std::int64_t b = 0; b < bytes; b += 64)
            __builtin_prefetch(x + next * x_bytes + b, 0, 2);
        }
        isa.run(tile);
      }
    }
  }

  void quantize(std::int64_t begin, std::int64_t end, const float* y) const {
    for (std::int64_t row = begin; row < end; ++row, y += cut.y_stride) {
      static_cast<float*>(args.outputs[1])[row] =
          isa.quantize(y, p.n, static_cast<std::uint8_t*>(args.outputs[0]) + row * p.n);
    }
  }

  const LinearProblem& p;
  const Int8Isa& isa;
  const Cut& cut;
  const KernelArgs& args;
  PackedInt8Linear packed;
};

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<LinearProblem>&>(state);
  const LinearProblem& p = s.problem;
  const Int8Isa& isa = int8_isa(kFeature);
  const Cut cut(p, isa, s.target.threads);
  const Run run(p, isa, cut, args);
  const std::int64_t panels = run.packed.columns / kInt8Panel;
  const bool quantize = p.output == DType::kU8;
  if (cut.by_columns) {
    const auto part = [&](int thread, int threads) {
      run.block(0, p.m, panels * thread / threads, panels * (thread + 1) / threads, thread,
                threads);
    };
    // To start and to join a team costs some microseconds, in which one core does megaflops.
    if (p.m * p.n * p.k < 2'000'000) {
      part(0, 1);
    } else {
      parallel(part);
    }
    if (quantize) run.quantize(0, p.m, cut.y(args.workspace, 0));
    return;
  }
  parallel([&](int thread, int threads) {
    const std::int64_t begin = p.m * thread / threads;
    const std::int64_t rows = p.m * (thread + 1) / threads - begin;
    const std::int64_t blocks = (rows + cut.rows - 1) / cut.rows;
    for (std::int64_t i = 0; i < blocks; ++i) {
      const std::int64_t first = begin + rows * i / blocks;
      const std::int64_t last = begin + rows * (i + 1) / blocks;
      run.block(first, last, 0, panels, thread, threads);
      if (quantize) run.quantize(first, last, cut.y(args.workspace, thread));
    }
  });
}

template <CpuFeature kFeature>
constexpr Kernel<LinearProblem> packed_kernel() {
  return {
      .name = "packed",
      .needs = {.features = kFeature},
      .offer = offer<kFeature>,
      .pack = pack_int8_linear,
      .create = create_problem_state<LinearProblem>,
      .run = run<kFeature>,
  };
}

}  // namespace

const Kernel<LinearProblem> kLinearInt8Avx512Vnni = packed_kernel<CpuFeature::kAvx512Vnni>();
const Kernel<LinearProblem> kLinearInt8AvxVnni = packed_kernel<CpuFeature::kAvxVnni>();
const Kernel<LinearProblem> kLinearInt8Avx2 = packed_kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
