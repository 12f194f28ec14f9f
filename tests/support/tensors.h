// Values and tensors for tests, the same for the same seed.
#ifndef LASSO_TESTS_SUPPORT_TENSORS_H_
#define LASSO_TESTS_SUPPORT_TENSORS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "core/random.h"
#include "core/tensor.h"

namespace lasso::test {

// The values are nearly normal, and their mean is 0.
inline std::vector<float> random_values(std::int64_t count, std::uint64_t seed,
                                        float deviation = 1.0F) {
  SplitMix64 random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = random.normal(deviation);
  return values;
}

inline Tensor random_tensor(Dims dims, std::uint64_t seed, float deviation = 1.0F) {
  const std::vector<float> values = random_values(element_count(dims), seed, deviation);
  return make_tensor(std::move(dims), values);
}

inline Tensor zeros(Dims dims) {
  const std::vector<float> values(static_cast<std::size_t>(element_count(dims)));
  return make_tensor(std::move(dims), values);
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_TENSORS_H_
