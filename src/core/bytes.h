#ifndef LASSO_CORE_BYTES_H_
#define LASSO_CORE_BYTES_H_

#include <cstddef>
#include <cstring>

namespace lasso {

// memcpy() for what may be empty: an empty tensor has no memory, and memcpy() takes no null pointer
// even for no bytes.
inline void copy_bytes(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

}  // namespace lasso

#endif  // LASSO_CORE_BYTES_H_
