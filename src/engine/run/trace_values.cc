#include "engine/run/trace_values.h"

#include <cstdint>

namespace lasso::engine {

namespace {

const void* on_host(const backend::Device& device, backend::Stream& stream, const void* data,
                    std::size_t bytes, std::vector<std::byte>& copy) {
  if (device.is_host()) return data;
  copy.resize(bytes);
  stream.download(copy.data(), data, bytes);
  stream.wait();
  return copy.data();
}

}  // namespace

const float* TraceValues::convert(const backend::Device& device, backend::Stream& stream,
                                  DType dtype, const Dims& dims, std::span<void* const> results) {
  const auto count = static_cast<std::size_t>(element_count(dims));
  if (dtype != DType::kF32 && !is_half(dtype) && dtype != DType::kU8) return nullptr;
  const void* first = on_host(device, stream, results[0], count * size_of(dtype), first_);
  if (dtype == DType::kF32) return static_cast<const float*>(first);
  values_.resize(count);
  if (is_half(dtype)) {
    const auto* bits = static_cast<const std::uint16_t*>(first);
    for (std::size_t i = 0; i < count; ++i) values_[i] = half_to_f32(dtype, bits[i]);
    return values_.data();
  }
  const auto channels = static_cast<std::size_t>(dims.back());
  const auto* q = static_cast<const std::uint8_t*>(first);
  const auto* scales = static_cast<const float*>(
      on_host(device, stream, results[1], count / channels * sizeof(float), second_));
  for (std::size_t i = 0; i < count; ++i) {
    values_[i] = scales[i / channels] * static_cast<float>(q[i] - 128);
  }
  return values_.data();
}

}  // namespace lasso::engine
