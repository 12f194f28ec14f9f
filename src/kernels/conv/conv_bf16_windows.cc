// Convolutions in bfloat16, whose windows are read where they lie.
#include <algorithm>
#include <cstring>

#include "kernels/conv/conv.h"
#include "kernels/conv/conv_filters.h"
#include "kernels/conv/conv_windows.h"
#include "kernels/cpu/product_bf16.h"

namespace lasso::kernels {

namespace {

Windows windows_of(const Conv2dProblem& p, int threads) {
  return {p,
          {.element_bytes = sizeof(std::uint16_t),
           .group = 2,
           .rows = bf16::kMaxTileRows,
           .strip = bf16::kWindowStrip,
           .converts = p.input != DType::kBF16},
          threads};
}

class State final : public KernelState {
 public:
  State(const Conv2dProblem& p, int threads) : problem(p), windows(windows_of(p, threads)) {}
  Conv2dProblem problem;
  Windows windows;
};

Offer offer(const Conv2dProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kBF16) return Offer::no("weights other than bfloat16");
  if (p.groups != 1) return Offer::no("groups of channels");
  if (p.channels == 0) return Offer::no("sums of none");
  if (const char* reason = refused_by_windows(p); reason != nullptr) return Offer::no(reason);
  Offer offer;
  offer_bf16_filters(p, offer);
  offer.workspace_bytes = static_cast<std::size_t>(windows_of(p, target.threads).workspace_bytes());
  offer.cost = operations(p) / target.rate(MultiplyAdd::kBf16Avx512);
  return offer;
}

std::unique_ptr<KernelState> create(const Conv2dProblem& p, const TargetInfo& target,
                                    const Offer& /*offer*/) {
  return std::make_unique<State>(p, target.threads);
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const State&>(state);
  const Conv2dProblem& p = s.problem;
  const Windows& windows = s.windows;
  const std::int64_t k = p.kernel_h * p.kernel_w * p.channels;
  const auto* weights = reinterpret_cast<const std::uint16_t*>(args.packed);
  const auto* bias = reinterpret_cast<const float*>(weights + bf16::panel_elements(p.filters, k));
  const auto copy = [&](const void* x, std::int64_t at, std::int64_t count, std::byte* out) {
    if (p.input == DType::kBF16) {
      std::memcpy(out, static_cast<const std::uint16_t*>(x) + at,
                  static_cast<std::size_t>(count) * sizeof(std::uint16_t));
    } else {
      bf16::kAvx512Bf16.round(static_cast<const float*>(x) + at, count,
                              reinterpret_cast<std::uint16_t*>(out));
    }
  };
  const auto fill = [](std::int64_t count, std::byte* out) {
    std::memset(out, 0, static_cast<std::size_t>(count) * sizeof(std::uint16_t));
  };
  auto* y = static_cast<std::byte*>(args.outputs[0]);
  const auto size = static_cast<std::int64_t>(size_of(p.output));
  run_windows(windows, args, copy, fill, [&](std::int64_t column, const auto& tiles) {
    bf16::WindowTile t;
    t.tile.columns = static_cast<int>(std::min(bf16::kWindowStrip, p.filters - column));
    t.tile.weights =
        weights + column / bf16::kPanel * bf16::panel_size(k) + column % bf16::kPanel * 2;
    t.tile.bias = bias + column;
    t.tile.bf16_output = p.output == DType::kBF16;
    t.tile.activation = p.activation;
    t.stride = windows.pixel_step;
    t.pairs = windows.depth / 2;
    t.pieces = static_cast<int>(windows.offsets.size());
    t.offsets = windows.offsets.data();
    tiles([&](const WindowRows& rows) {
      t.tile.rows = rows.count;
      t.x = reinterpret_cast<const std::uint16_t*>(rows.x);
      for (int r = 0; r < rows.count; ++r) {
        t.tile.y[r] = y + ((rows.pixel + r) * p.filters + column) * size;
      }
      bf16::kAvx512Bf16.run_windows(t);
    });
  });
}

}  // namespace

const Kernel<Conv2dProblem> kConv2dBf16Windows{
    .name = "windows",
    .needs = {.features = CpuFeature::kAvx512Bf16},
    .offer = offer,
    .pack = pack_bf16_filters,
    .create = create,
    .run = run,
};

}  // namespace lasso::kernels
