// Engine files taken apart and put together again, as docs/engine-format.md describes them: so that
// a change gets past the checksums.
#ifndef LASSO_TESTS_SUPPORT_ENGINE_BYTES_H_
#define LASSO_TESTS_SUPPORT_ENGINE_BYTES_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "core/aligned_buffer.h"
#include "core/checksum.h"

namespace lasso::test {

constexpr std::size_t kEngineHeaderBytes = 512;
constexpr std::size_t kEngineSectionsAt = 192;
constexpr std::size_t kEngineSectionBytes = 48;
constexpr std::size_t kEnginePage = 4096;

struct EngineBytes {
  std::string header;  // the first 512 bytes
  std::string weights;
  std::string programs;
  std::string meta;

  static constexpr std::array<std::string EngineBytes::*, 3> kSections{
      &EngineBytes::weights, &EngineBytes::programs, &EngineBytes::meta};
};

// Computes the header's checksum anew.
inline void reseal_header(std::string& bytes) {
  const Digest digest = checksum(bytes.data(), kEngineHeaderBytes - sizeof(Digest));
  std::memcpy(bytes.data() + kEngineHeaderBytes - sizeof(Digest), digest.data(), sizeof(Digest));
}

inline EngineBytes split_engine(const std::string& bytes) {
  EngineBytes parts;
  parts.header = bytes.substr(0, kEngineHeaderBytes);
  for (std::size_t i = 0; i < 3; ++i) {
    std::uint64_t place[2];  // offset and bytes
    std::memcpy(place, bytes.data() + kEngineSectionsAt + i * kEngineSectionBytes + 16, 16);
    parts.*EngineBytes::kSections[i] = bytes.substr(place[0], place[1]);
  }
  return parts;
}

// A file of these sections with the offsets, sizes and checksums that they must have.
inline std::string join_engine(const EngineBytes& parts) {
  std::string bytes = parts.header;
  bytes.resize(kEngineHeaderBytes);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string& section = parts.*EngineBytes::kSections[i];
    bytes.resize(align_up(bytes.size(), kEnginePage));
    const std::array<std::uint64_t, 2> place{bytes.size(), section.size()};
    const Digest digest = checksum(section.data(), section.size());
    char* entry = bytes.data() + kEngineSectionsAt + i * kEngineSectionBytes;
    std::memcpy(entry + 16, place.data(), 16);
    std::memcpy(entry + 32, digest.data(), sizeof(digest));
    bytes += section;
  }
  const std::uint64_t size = bytes.size();
  std::memcpy(bytes.data() + 16, &size, sizeof(size));
  reseal_header(bytes);
  return bytes;
}

// Replaces the first `from`; false if there is none.
inline bool replace_once(std::string& text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) return false;
  text.replace(at, from.size(), to);
  return true;
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_ENGINE_BYTES_H_
