// Where packed weights and plain constants go as they are made: into memory, or into an engine file
// layer by layer, so that building one never holds all of them.
#ifndef LASSO_ENGINE_WEIGHT_SINK_H_
#define LASSO_ENGINE_WEIGHT_SINK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"

namespace lasso::engine {

// Packed weights or a constant. `offset` is their place among all that one module stores, in the
// order in which they came and each aligned: that of the weights section of an engine file.
struct StoredBytes {
  const std::byte* data = nullptr;  // null where a file took them
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // 0: nothing is stored

  bool operator==(const StoredBytes&) const = default;
};

class WeightSink {
 public:
  using Fill = std::function<void(std::byte* out)>;

  WeightSink() = default;
  virtual ~WeightSink() = default;
  WeightSink(const WeightSink&) = delete;
  WeightSink& operator=(const WeightSink&) = delete;

  // Has `fill` write `bytes` (at least 1) bytes to aligned memory, and keeps them.
  StoredBytes store(std::size_t bytes, const Fill& fill) {
    const std::uint64_t offset = align_up(size_);
    size_ = offset + bytes;
    return {keep(offset, bytes, fill), offset, bytes};
  }
  std::uint64_t size() const { return size_; }

 private:
  virtual const std::byte* keep(std::uint64_t offset, std::size_t bytes, const Fill& fill) = 0;

  std::uint64_t size_ = 0;
};

class MemorySink final : public WeightSink {
 public:
  std::vector<AlignedBuffer> take() { return std::move(buffers_); }

 private:
  const std::byte* keep(std::uint64_t /*offset*/, std::size_t bytes, const Fill& fill) override {
    std::byte* data = buffers_.emplace_back(bytes).data();
    fill(data);
    return data;
  }

  std::vector<AlignedBuffer> buffers_;
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_WEIGHT_SINK_H_
