// The first bytes of an engine file, which say what it is and where its sections lie.
#ifndef LASSO_ENGINE_FILE_ENGINE_HEADER_H_
#define LASSO_ENGINE_FILE_ENGINE_HEADER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/checksum.h"
#include "core/cpu_features.h"
#include "core/file.h"
#include "core/peak.h"

namespace lasso::engine {

inline constexpr std::uint32_t kEngineFormat = 7;
inline constexpr std::size_t kHeaderBytes = 512;
inline constexpr std::size_t kSectionAlignment = 4096;

struct Section {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  Digest digest{};  // of its bytes
};

// The sections, in the order in which they lie in the file, each from the next multiple of
// kSectionAlignment behind the one before; the file ends with the last.
enum SectionId : std::uint8_t { kWeights, kPrograms, kMeta, kSectionCount };
inline constexpr std::array<std::string_view, kSectionCount> kSectionNames{"weights", "programs",
                                                                           "meta"};

struct EngineHeader {
  std::string lasso_version;
  std::string device;  // "cpu" or "cuda"
  CpuFeatures needed = CpuFeature::kAvx2;
  std::string model_hash;
  std::array<Section, kSectionCount> sections;
};

// The name of a rate in an engine's record of its build: "vdpbf16ps.avx512_bf16".
std::string rate_name(MultiplyAdd multiply_add);

using HeaderBytes = std::array<std::byte, kHeaderBytes>;
HeaderBytes encode_header(const EngineHeader& header);

// Throws kCorruptFile for what is no header or a damaged one, for a file that is not as long as the
// header says and for sections that do not lie as they must; kUnsupported for another format,
// device (`gpus`: "cuda" is one that it may be for) or features that `features` lack.
EngineHeader read_header(const MappedFile& file, CpuFeatures features, bool gpus);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_FILE_ENGINE_HEADER_H_
