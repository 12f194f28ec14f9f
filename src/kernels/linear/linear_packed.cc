#include "kernels/linear/linear_packed.h"

#include <cstdint>

#include "kernels/cpu/constant.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/product_bf16.h"

namespace lasso::kernels {

Offer offer_packed_linear(const LinearProblem& p) {
  Offer offer;
  const bool bf16 = p.weights == DType::kBF16;
  offer.packed_bytes = bf16 ? bf16::packed_bytes(p.n, p.k) : panel_bytes(p.n, p.k);
  offer.packed_layout = bf16 ? bf16::kPanelLayout : kPanelLayout;
  return offer;
}

void pack_linear(const LinearProblem& p, const std::vector<TensorView>& constants,
                 std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  std::vector<float> bias(static_cast<std::size_t>(p.n));
  read_bias(constants, p.n, bias.data());
  const auto element = [&](std::int64_t n, std::int64_t k) {
    return w[static_cast<std::size_t>(n * p.k + k)];
  };
  if (p.weights == DType::kBF16) {
    bf16::pack_panels(p.n, p.k, element, bias.data(), packed);
  } else {
    pack_panels(p.n, p.k, element, bias.data(), reinterpret_cast<float*>(packed));
  }
}

}  // namespace lasso::kernels
