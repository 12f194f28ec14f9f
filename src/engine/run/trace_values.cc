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

// A convolution and QuantizeTensor say by which scheme; what moves such numbers keeps it.
void TraceValues::begin(const graph::Graph& graph) {
  schemes_.clear();
  for (const graph::Node& node : graph.nodes) {
    const graph::ValueId out = node.outputs.front();
    if (graph.value(out).dtype != DType::kU8 || node.outputs.size() > 1) continue;
    const auto moved = schemes_.find(node.inputs.front());
    if (const auto* conv = std::get_if<graph::Conv2d>(&node.op)) {
      schemes_[out] = conv->result;
    } else if (const auto* quantize = std::get_if<graph::QuantizeTensor>(&node.op)) {
      schemes_[out] = quantize->scheme;
    } else if (moved != schemes_.end()) {
      schemes_[out] = moved->second;
    }
  }
}

const float* TraceValues::convert(const backend::Device& device, backend::Stream& stream,
                                  const graph::Node& node, DType dtype, const Dims& dims,
                                  std::span<void* const> results) {
  const auto scheme = schemes_.find(node.outputs.front());
  if (dtype == DType::kU8 && results.size() < 2 && scheme == schemes_.end()) return nullptr;
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
  const auto* q = static_cast<const std::uint8_t*>(first);
  if (scheme != schemes_.end()) {
    const auto zero = static_cast<int>(scheme->second.zero);
    for (std::size_t i = 0; i < count; ++i) {
      values_[i] = scheme->second.scale * static_cast<float>(q[i] - zero);
    }
    return values_.data();
  }
  const auto channels = static_cast<std::size_t>(dims.back());
  const auto* scales = static_cast<const float*>(
      on_host(device, stream, results[1], count / channels * sizeof(float), second_));
  for (std::size_t i = 0; i < count; ++i) {
    values_[i] = scales[i / channels] * static_cast<float>(q[i] - 128);
  }
  return values_.data();
}

}  // namespace lasso::engine
