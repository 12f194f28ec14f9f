// Whether float32 values in a device's memory are finite.
#ifndef LASSO_MODELS_SAM_RUN_FINITE_CHECK_H_
#define LASSO_MODELS_SAM_RUN_FINITE_CHECK_H_

#include <array>
#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/image/finite.h"
#include "models/device_kernel.h"

namespace lasso::sam {

class FiniteCheck {
 public:
  explicit FiniteCheck(engine::Session& session) : session_(session), kernel_(session) {}

  bool exists() const { return kernel_.exists(); }

  // Of `count` planes of so many values: those that `planes` lists, on the device, or the first
  // ones.
  void enqueue(const void* values, const void* planes, std::size_t count, std::size_t size) {
    const std::size_t bytes = count * sizeof(std::int32_t);
    grow(session_, device_counts_, bytes);
    counts_.resize(count);
    const std::array<const void*, 2> inputs{values, planes};
    const std::array<void*, 1> outputs{device_counts_.data()};
    kernel_.launch({static_cast<int>(count), static_cast<int>(size)}, inputs, outputs);
    session_.stream().download(counts_.data(), device_counts_.data(), bytes);
  }

  // How many values of planes first, first + 1, ... are not finite, when the stream has been waited
  // for.
  std::size_t sum(std::size_t first, std::size_t count) const {
    const auto begin = counts_.begin() + static_cast<std::ptrdiff_t>(first);
    return std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(count), std::size_t{0});
  }

 private:
  engine::Session& session_;
  DeviceKernel<kernels::FiniteProblem> kernel_;
  backend::Buffer device_counts_;
  std::vector<std::int32_t> counts_;
};

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_RUN_FINITE_CHECK_H_
