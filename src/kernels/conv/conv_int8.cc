// Convolutions in int8 on packed weights, for AVX-512 VNNI, AVX-VNNI and AVX2: sums are exact, and
// the rest the same operations in the same order, so that all three give the same bits.
#include "kernels/conv/conv_int8.h"

#include <algorithm>
#include <cstring>

#include "kernels/conv/conv_windows.h"
#include "kernels/cpu/int8_product.h"

namespace lasso::kernels {

namespace {

Windows windows_of(const Conv2dProblem& p, const Int8Isa& isa, int threads) {
  return {p,
          {.element_bytes = isa.x_bytes,
           .group = kInt8Group,
           .rows = isa.rows,
           .strip = isa.columns,
           .converts = isa.x_bytes > 1},
          threads};
}

class State final : public KernelState {
 public:
  State(const Conv2dProblem& p, const Int8Isa& isa, int threads)
      : problem(p), windows(windows_of(p, isa, threads)) {}
  Conv2dProblem problem;
  Windows windows;
};

template <CpuFeature kFeature>
Offer offer(const Conv2dProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kI8) return Offer::no("weights other than int8");
  if (p.groups != 1) return Offer::no("groups of channels");
  const std::int64_t k = window_inputs(p);
  if (k == 0 || k > kInt8MostInputs) return Offer::no("sums of none, or over 65536");
  if (const char* reason = refused_by_windows(p); reason != nullptr) return Offer::no(reason);
  Offer offer;
  offer.packed_bytes = static_cast<std::size_t>(Int8FilterLayout(p).bytes());
  offer.packed_layout = kInt8FilterLayout;
  offer.workspace_bytes =
      static_cast<std::size_t>(windows_of(p, int8_isa(kFeature), target.threads).workspace_bytes());
  offer.cost = operations(p) / int8_rate(kFeature, target);
  return offer;
}

template <CpuFeature kFeature>
std::unique_ptr<KernelState> create(const Conv2dProblem& p, const TargetInfo& target,
                                    const Offer& /*offer*/) {
  return std::make_unique<State>(p, int8_isa(kFeature), target.threads);
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const Int8Isa& isa = int8_isa(kFeature);
  const auto& s = static_cast<const State&>(state);
  const Conv2dProblem& p = s.problem;
  const Windows& windows = s.windows;
  const PackedInt8Filters packed(p, args.packed);
  const auto zero = static_cast<int>(p.input_scheme.zero);
  const auto copy = [&](const void* x, std::int64_t at, std::int64_t count, std::byte* out) {
    isa.prepare(static_cast<const std::uint8_t*>(x) + at, count, zero, out);
  };
  const auto fill = [&](std::int64_t count, std::byte* out) {
    const int value = isa.x_bytes == 1 ? zero : 0;
    std::memset(out, value, static_cast<std::size_t>(count * isa.x_bytes));
  };
  constexpr std::size_t kMostRows = 16;
  float x_scales[kMostRows];
  std::fill_n(x_scales, kMostRows, p.input_scheme.scale);
  auto* y = static_cast<std::byte*>(args.outputs[0]);
  const auto y_size = static_cast<std::int64_t>(size_of(p.output));
  run_windows(windows, args, copy, fill, [&](std::int64_t column, const auto& tiles) {
    std::int32_t correction[kInt8Panel];
    for (int i = 0; i < isa.columns; ++i) correction[i] = -zero * packed.sums[column + i];
    Int8Tile tile;
    tile.columns = static_cast<int>(std::min<std::int64_t>(isa.columns, p.filters - column));
    tile.x_stride = windows.pixel_step;
    tile.groups = windows.depth / kInt8Group;
    tile.pieces = static_cast<int>(windows.offsets.size());
    tile.piece_offsets = windows.offsets.data();
    tile.x_scales = x_scales;
    tile.weights = packed.q + packed.offset(column, 0);
    tile.correction = correction;
    tile.scales = packed.scales + column;
    tile.bias = packed.bias + column;
    tile.y_stride = p.filters;
    tile.output = p.output;
    if (p.output == DType::kU8) {
      tile.y_inverse = 1.0F / p.output_scheme.scale;
      tile.y_zero = static_cast<int>(p.output_scheme.zero);
    }
    tile.narrow = p.output != DType::kF32;
    tile.activation = p.activation;
    tiles([&](const WindowRows& rows) {
      tile.rows = rows.count;
      tile.x = rows.x;
      tile.y = y + (rows.pixel * p.filters + column) * y_size;
      isa.run(tile);
    });
  });
}

template <CpuFeature kFeature>
constexpr Kernel<Conv2dProblem> kernel() {
  return {
      .name = "windows",
      .needs = {.features = kFeature},
      .offer = offer<kFeature>,
      .pack = pack_int8_filters,
      .create = create<kFeature>,
      .run = run<kFeature>,
  };
}

}  // namespace

const Kernel<Conv2dProblem> kConv2dInt8Avx512Vnni = kernel<CpuFeature::kAvx512Vnni>();
const Kernel<Conv2dProblem> kConv2dInt8AvxVnni = kernel<CpuFeature::kAvxVnni>();
const Kernel<Conv2dProblem> kConv2dInt8Avx2 = kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
