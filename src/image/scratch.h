// Working memory that grows once and is then reused.
#ifndef LASSO_IMAGE_SCRATCH_H_
#define LASSO_IMAGE_SCRATCH_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/aligned_buffer.h"

namespace lasso {

template <typename T>
class Scratch {
  static_assert(std::is_trivial_v<T>);

 public:
  // At least `count` elements, 64-byte aligned; valid until the next call that asks for more, whose
  // contents are unspecified. Throws kOutOfMemory.
  T* get(std::size_t count) {
    if (count > capacity_) {
      constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max() / sizeof(T);
      capacity_ = 0;
      buffer_ = AlignedBuffer();
      buffer_ = AlignedBuffer(count > kMost ? std::numeric_limits<std::size_t>::max()
                                            : count * sizeof(T));
      capacity_ = count;
    }
    return data();
  }
  T* data() const { return reinterpret_cast<T*>(buffer_.data()); }

 private:
  AlignedBuffer buffer_;
  std::size_t capacity_ = 0;
};

}  // namespace lasso

#endif  // LASSO_IMAGE_SCRATCH_H_
