// Convolutions as products of bfloat16 matrices (cpu/bf16_arithmetic.h): output pixels are the rows
// of A. What a window covers is copied, a few pixels at a time.
#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/conv/conv_filters.h"
#include "kernels/cpu/bf16_arithmetic.h"

namespace lasso::kernels {

namespace {

// out[0:count] = x[at:at + count], rounded where it is float32.
void copy_rounded(const bf16::Arithmetic& arithmetic, const void* x, DType input, std::int64_t at,
                  std::int64_t count, std::uint16_t* out) {
  if (input == DType::kBF16) {
    std::memcpy(out, static_cast<const std::uint16_t*>(x) + at,
                static_cast<std::size_t>(count) * sizeof(*out));
  } else {
    arithmetic.round(static_cast<const float*>(x) + at, count, out);
  }
}

template <CpuFeature kFeature>
Offer offer_product(const bf16::Product& product, const TargetInfo& target) {
  const bf16::Arithmetic& arithmetic = bf16::arithmetic_of(kFeature);
  Offer offer;
  offer.workspace_bytes =
      arithmetic.scratch_bytes(product) * static_cast<std::size_t>(target.threads);
  offer.cost = arithmetic.cost(product, target);
  return offer;
}

bf16::Product product_of(const Conv2dProblem& p, const std::byte* packed) {
  return {.rows = p.batch * p.out_h() * p.out_w(),
          .n = p.filters,
          .k = p.kernel_h * p.kernel_w * p.channels,
          .packed = packed,
          .bf16_output = p.output == DType::kBF16,
          .activation = p.activation};
}

template <CpuFeature kFeature>
Offer offer_conv(const Conv2dProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kBF16) return Offer::no("weights other than bfloat16");
  if (kFeature == CpuFeature::kAvx512Bf16 && !p.joined.empty()) {
    return Offer::no("several images, which the row of windows reads");
  }
  if (p.groups != 1) return Offer::no("groups of channels");
  if (p.dilation != 1) return Offer::no("a dilated window");
  const bf16::Product product = product_of(p, nullptr);
  Offer offer = offer_product<kFeature>(product, target);
  offer_bf16_filters(p, offer);
  return offer;
}

// `count` pixels from the one at `pixel` on, of all images, joined.
void copy_pixels(const bf16::Arithmetic& arithmetic, const Conv2dProblem& p,
                 std::span<const void* const> inputs, std::int64_t pixel, std::int64_t count,
                 std::uint16_t* out) {
  if (p.joined.empty()) {
    copy_rounded(arithmetic, inputs[0], p.input, pixel * p.channels, count * p.channels, out);
    return;
  }
  for (const std::int64_t end = pixel + count; pixel < end; ++pixel) {
    for (std::size_t i = 0; i < p.joined.size(); ++i) {
      const std::int64_t channels = p.joined[i];
      copy_rounded(arithmetic, inputs[i == 0 ? 0 : graph::Conv2d::kFirstJoined + i - 1], p.input,
                   pixel * channels, channels, out);
      out += channels;
    }
  }
}

// The window of output pixel (b, top, left): the part of each of its rows that lies in the image,
// between zeros.
void copy_window(const bf16::Arithmetic& arithmetic, const Conv2dProblem& p,
                 std::span<const void* const> inputs, std::int64_t b, std::int64_t top,
                 std::int64_t left, std::uint16_t* out) {
  const std::int64_t size = p.kernel_w * p.channels;
  const std::int64_t skipped = std::clamp<std::int64_t>(-left, 0, p.kernel_w);
  const std::int64_t end = std::clamp<std::int64_t>(p.width - left, skipped, p.kernel_w);
  for (std::int64_t u = 0; u < p.kernel_h; ++u, out += size) {
    const std::int64_t row = top + u;
    const bool inside = row >= 0 && row < p.height && skipped < end;
    if (!inside || skipped > 0 || end < p.kernel_w) std::fill_n(out, size, std::uint16_t{0});
    if (!inside) continue;
    copy_pixels(arithmetic, p, inputs, (b * p.height + row) * p.width + left + skipped,
                end - skipped, out + skipped * p.channels);
  }
}

template <CpuFeature kFeature>
void run_conv(const KernelState& state, const KernelArgs& args) {
  const bf16::Arithmetic& arithmetic = bf16::arithmetic_of(kFeature);
  const auto& s = static_cast<const ProblemState<Conv2dProblem>&>(state);
  const Conv2dProblem& p = s.problem;
  const bf16::Product product = product_of(p, args.packed);
  const std::int64_t out_h = p.out_h();
  const std::int64_t out_w = p.out_w();
  const auto gather = [&](std::int64_t first, int count,
                          std::uint16_t* rows) -> const std::uint16_t* {
    for (int r = 0; r < count; ++r) {
      const std::int64_t pixel = first + r;
      copy_window(arithmetic, p, args.inputs, pixel / (out_h * out_w), p.top(pixel / out_w % out_h),
                  p.left(pixel % out_w), rows + r * product.k);
    }
    return rows;
  };
  const std::int64_t pixel_bytes = p.filters * static_cast<std::int64_t>(size_of(p.output));
  const auto locate = [&](std::int64_t /*w*/, std::int64_t pixel) -> bf16::ProductRow {
    return {static_cast<std::byte*>(args.outputs[0]) + pixel * pixel_bytes};
  };
  bf16::run_product(arithmetic, product, s.target.threads, args.workspace, gather, locate);
}

// One product for each kernel row (conv_filters.h).
bf16::Product product_of(const ConvTranspose2dProblem& p, const std::byte* packed) {
  return {.rows = p.batch * p.height * p.width,
          .n = p.stride * p.filters,
          .k = p.channels,
          .weights = static_cast<int>(p.stride),
          .packed = packed,
          .bf16_output = p.output == DType::kBF16,
          .activation = p.activation};
}

template <CpuFeature kFeature>
Offer offer_transpose(const ConvTranspose2dProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kBF16) return Offer::no("weights other than bfloat16");
  const bf16::Product product = product_of(p, nullptr);
  Offer offer = offer_product<kFeature>(product, target);
  offer.packed_bytes =
      static_cast<std::size_t>(p.stride) * bf16::packed_bytes(product.n, product.k);
  offer.packed_layout = "kernel rows of [kw*n, c]: " + std::string(bf16::kPanelLayout);
  return offer;
}

void pack_transpose(const ConvTranspose2dProblem& p, const std::vector<TensorView>& constants,
                    std::byte* packed) {
  pack_kernel_rows(
      p, constants,
      [&](std::int64_t u, std::int64_t n, std::int64_t k, const auto& element, const float* bias) {
        bf16::pack_panels(n, k, element, bias,
                          packed + static_cast<std::size_t>(u) * bf16::packed_bytes(n, k));
      });
}

template <CpuFeature kFeature>
void run_transpose(const KernelState& state, const KernelArgs& args) {
  const bf16::Arithmetic& arithmetic = bf16::arithmetic_of(kFeature);
  const auto& s = static_cast<const ProblemState<ConvTranspose2dProblem>&>(state);
  const ConvTranspose2dProblem& p = s.problem;
  const bf16::Product product = product_of(p, args.packed);
  const auto gather = [&](std::int64_t row, int count,
                          std::uint16_t* rows) -> const std::uint16_t* {
    if (p.input == DType::kBF16) {
      return static_cast<const std::uint16_t*>(args.inputs[0]) + row * p.channels;
    }
    copy_rounded(arithmetic, args.inputs[0], p.input, row * p.channels, count * p.channels, rows);
    return rows;
  };
  const std::int64_t pixel_bytes = product.n * static_cast<std::int64_t>(size_of(p.output));
  const auto locate = [&](std::int64_t u, std::int64_t pixel) -> bf16::ProductRow {
    const std::int64_t row = pixel / p.width;  // of all images
    const std::int64_t at = (row * p.stride + u) * p.width + pixel % p.width;
    return {static_cast<std::byte*>(args.outputs[0]) + at * pixel_bytes};
  };
  bf16::run_product(arithmetic, product, s.target.threads, args.workspace, gather, locate);
}

template <CpuFeature kFeature>
constexpr Kernel<Conv2dProblem> conv_kernel(std::string_view name) {
  return {
      .name = name,
      .needs = {.features = kFeature},
      .offer = offer_conv<kFeature>,
      .pack = pack_bf16_filters,
      .create = create_problem_state<Conv2dProblem>,
      .run = run_conv<kFeature>,
  };
}

template <CpuFeature kFeature>
constexpr Kernel<ConvTranspose2dProblem> transpose_kernel(std::string_view name) {
  return {
      .name = name,
      .needs = {.features = kFeature},
      .offer = offer_transpose<kFeature>,
      .pack = pack_transpose,
      .create = create_problem_state<ConvTranspose2dProblem>,
      .run = run_transpose<kFeature>,
  };
}

}  // namespace

const Kernel<Conv2dProblem> kConv2dBf16WidenedAvx512 = conv_kernel<CpuFeature::kAvx512>("widened");
const Kernel<Conv2dProblem> kConv2dBf16WidenedAvx2 = conv_kernel<CpuFeature::kAvx2>("widened");
const Kernel<ConvTranspose2dProblem> kConvTranspose2dBf16Product =
    transpose_kernel<CpuFeature::kAvx512Bf16>("product");
const Kernel<ConvTranspose2dProblem> kConvTranspose2dBf16WidenedAvx512 =
    transpose_kernel<CpuFeature::kAvx512>("widened");
const Kernel<ConvTranspose2dProblem> kConvTranspose2dBf16WidenedAvx2 =
    transpose_kernel<CpuFeature::kAvx2>("widened");

}  // namespace lasso::kernels
