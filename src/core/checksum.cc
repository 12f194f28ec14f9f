#include "core/checksum.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>

#include "core/check.h"

namespace lasso {

namespace {

Digest canonical(const XXH128_hash_t& hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Digest digest;
  std::memcpy(digest.data(), bytes.digest, digest.size());
  return digest;
}

}  // namespace

std::string to_hex(const Digest& digest) {
  std::string text;
  for (const std::byte byte : digest) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

Checksum::Checksum() {
  XXH3_state_t* state = XXH3_createState();
  LASSO_CHECK(state != nullptr, ErrorCode::kOutOfMemory, "no memory for a hash state");
  state_ =
      std::shared_ptr<void>(state, [](void* s) { XXH3_freeState(static_cast<XXH3_state_t*>(s)); });
  XXH3_128bits_reset(state);
}

void Checksum::update(const void* data, std::size_t bytes) {
  XXH3_128bits_update(static_cast<XXH3_state_t*>(state_.get()), data, bytes);
}

Digest Checksum::digest() const {
  return canonical(XXH3_128bits_digest(static_cast<const XXH3_state_t*>(state_.get())));
}

Digest checksum(const void* data, std::size_t bytes) {
  return canonical(XXH3_128bits(data, bytes));
}

}  // namespace lasso
