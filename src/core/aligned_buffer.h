// One block of 64-byte aligned memory; large blocks are page-mapped.
#ifndef LASSO_CORE_ALIGNED_BUFFER_H_
#define LASSO_CORE_ALIGNED_BUFFER_H_

#include <cstddef>
#include <utility>

namespace lasso {

constexpr std::size_t kAlignment = 64;  // a cache line, an AVX-512 register

constexpr std::size_t align_up(std::size_t bytes, std::size_t alignment = kAlignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

// What a large block asks for. Huge pages spare the processor's page tables where a block is used
// again and again, and take longer to be had; small ones suit a block that is filled once.
enum class Pages { kHuge, kSmall };

// Owns its memory. Contents are zero for blocks of 8 MiB and more (fresh pages) and unspecified
// otherwise. Throws kOutOfMemory.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t bytes, Pages pages = Pages::kHuge);
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~AlignedBuffer();

  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace lasso

#endif  // LASSO_CORE_ALIGNED_BUFFER_H_
