// How cuBLASLt calculates a product, as its attributes and as text.
#ifndef LASSO_KERNELS_CUDA_GEMM_ALGORITHM_H_
#define LASSO_KERNELS_CUDA_GEMM_ALGORITHM_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace lasso::kernels::gpu {

// Any values are safe to try: what cuBLASLt does not accept, or what would not add up in float32 in
// a fixed order, is not run.
struct GemmAlgorithm {
  std::int32_t id = 0;
  std::uint32_t tile = 0;
  std::uint32_t stages = 0;
  std::int32_t splits = 1;  // parts that k is divided into
  std::uint32_t reduction = 0;
  std::uint32_t swizzle = 0;
  std::uint32_t custom = 0;
  std::uint16_t inner_shape = 0;
  std::uint16_t cluster_shape = 0;

  bool operator==(const GemmAlgorithm& other) const = default;

  // Whether it says how the parts of k are added up, if there are several.
  bool adds_up() const { return splits <= 1 || reduction != 0; }

  // In the order of the text.
  template <typename Algorithm>
  static auto attributes(Algorithm& a) {
    return std::tie(a.id, a.tile, a.stages, a.splits, a.reduction, a.swizzle, a.custom,
                    a.inner_shape, a.cluster_shape);
  }

  // "66.5.20.1.0.0.0.0.2"
  std::string text() const {
    std::string text;
    const auto add = [&](auto value) {
      if (!text.empty()) text += '.';
      text += std::to_string(value);
    };
    std::apply([&](auto... values) { (add(values), ...); }, attributes(*this));
    return text;
  }

  // Empty for anything that text() does not write.
  static std::optional<GemmAlgorithm> parse(std::string_view text) {
    GemmAlgorithm algorithm;
    const char* at = text.data();
    const char* const end = at + text.size();
    bool valid = true;
    const auto read = [&](auto& value) {
      if (at != text.data()) valid = valid && at != end && *at++ == '.';
      valid = valid && at != end && *at != '-';
      if (!valid) return;
      const auto [next, error] = std::from_chars(at, end, value);
      valid = error == std::errc();
      at = next;
    };
    std::apply([&](auto&... values) { (read(values), ...); }, attributes(algorithm));
    valid = valid && at == end && algorithm.text() == text;  // no zeros before a number
    return valid ? std::optional(algorithm) : std::nullopt;
  }
};

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_GEMM_ALGORITHM_H_
