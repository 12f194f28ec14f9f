// XXH3-128: tells files and models apart and finds damage; it is no protection against somebody who
// means harm.
#ifndef LASSO_CORE_CHECKSUM_H_
#define LASSO_CORE_CHECKSUM_H_

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace lasso {

using Digest = std::array<std::byte, 16>;  // big-endian

std::string to_hex(const Digest& digest);  // 32 hexadecimal digits

class Checksum {
 public:
  Checksum();  // throws kOutOfMemory
  void update(const void* data, std::size_t bytes);
  void update(std::string_view text) { update(text.data(), text.size()); }
  Digest digest() const;  // of everything so far

 private:
  std::shared_ptr<void> state_;
};

Digest checksum(const void* data, std::size_t bytes);

}  // namespace lasso

#endif  // LASSO_CORE_CHECKSUM_H_
