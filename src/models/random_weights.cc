#include "models/random_weights.h"

#include <cstddef>
#include <memory>

#include "core/aligned_buffer.h"
#include "core/random.h"
#include "core/threads.h"

namespace lasso {

Tensor normal_tensor(const Dims& dims, std::uint64_t start, float mean, float deviation) {
  const std::int64_t count = element_count(dims);
  auto buffer = std::make_shared<AlignedBuffer>(static_cast<std::size_t>(count) * sizeof(float));
  auto* values = reinterpret_cast<float*>(buffer->data());
  // SplitMix64 as a counter-based generator: any element on its own, on any thread.
  const auto fill = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::uint64_t bits = mix(start + static_cast<std::uint64_t>(i) * kGoldenRatio);
      values[i] = mean + deviation * nearly_normal(bits);
    }
  };
  constexpr std::int64_t kWorthThreads = 1 << 18;
  if (count < kWorthThreads) {
    fill(0, count);
  } else {
    parallel_ranges(count, fill);
  }
  return {DType::kF32, dims, std::shared_ptr<const void>(buffer, values), nullptr};
}

}  // namespace lasso
