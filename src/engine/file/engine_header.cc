#include "engine/file/engine_header.h"

#include <algorithm>
#include <cstring>

#include "backend/target_info.h"
#include "core/aligned_buffer.h"
#include "core/check.h"
#include "lasso/version.h"

namespace lasso::engine {

namespace {

// As in PNG files: a transfer that takes the file for text changes the line feeds.
constexpr std::string_view kMagic("LASSO\r\n\x1a", 8);

// Of the header's parts; numbers are little-endian, texts padded with zeros.
constexpr std::size_t kFormatAt = 8;
constexpr std::size_t kSectionCountAt = 12;
constexpr std::size_t kFileSizeAt = 16;
constexpr std::size_t kDeviceAt = 24;
constexpr std::size_t kVersionAt = 40;
constexpr std::size_t kHashAt = 56;
constexpr std::size_t kFeaturesAt = 88;
constexpr std::size_t kTextBytes = 16;
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kFeaturesBytes = 104;
constexpr std::size_t kSectionsAt = 192;
constexpr std::size_t kSectionEntryBytes = 48;
constexpr std::size_t kDigestAt = kHeaderBytes - sizeof(Digest);

template <typename T>
void put(HeaderBytes& bytes, std::size_t at, const T& value) {
  std::memcpy(bytes.data() + at, &value, sizeof(T));
}

void put_text(HeaderBytes& bytes, std::size_t at, std::size_t room, std::string_view text) {
  LASSO_CHECK(text.size() <= room, ErrorCode::kInternal, "\"{}\" has no room in an engine's header",
              text);
  std::memcpy(bytes.data() + at, text.data(), text.size());
}

std::string text_at(const std::byte* bytes, std::size_t at, std::size_t room) {
  std::string text(reinterpret_cast<const char*>(bytes + at), room);
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

// The header's numbers, which its checksum vouches for against damage and nothing does against
// intent.
template <typename T>
T number_at(const std::byte* bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes + at, sizeof(T));
  return value;
}

// Short and printable: it will stand in messages.
std::string name_at(const MappedFile& file, std::size_t at, std::size_t room) {
  std::string text = text_at(file.data(), at, room);
  for (const char c : text) {
    LASSO_CHECK(c > ' ' && c <= '~', ErrorCode::kCorruptFile,
                "{}: damaged: the text at byte {} of its header has other characters than a name's",
                file.path(), at);
  }
  return text;
}

std::uint64_t end_of(const Section& section) { return section.offset + section.bytes; }

void read_sections(const MappedFile& file, EngineHeader& header) {
  std::uint64_t end = kHeaderBytes;
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    const std::size_t at = kSectionsAt + i * kSectionEntryBytes;
    Section& section = header.sections[i];
    section.offset = number_at<std::uint64_t>(file.data(), at + kTextBytes);
    section.bytes = number_at<std::uint64_t>(file.data(), at + kTextBytes + 8);
    std::memcpy(section.digest.data(), file.data() + at + kTextBytes + 16, sizeof(Digest));
    LASSO_CHECK(text_at(file.data(), at, kTextBytes) == kSectionNames[i] &&
                    section.offset == align_up(end, kSectionAlignment) &&
                    section.offset <= file.size() && section.bytes <= file.size() - section.offset,
                ErrorCode::kCorruptFile, "{}: damaged: its section \"{}\" lies where it can't",
                file.path(), kSectionNames[i]);
    LASSO_CHECK(
        std::all_of(file.data() + end, file.data() + section.offset,
                    [](std::byte b) { return b == std::byte{0}; }),
        ErrorCode::kCorruptFile,
        "{}: damaged: there is something before its section \"{}\", where zeros are expected",
        file.path(), kSectionNames[i]);
    end = end_of(section);
  }
  LASSO_CHECK(end == file.size(), ErrorCode::kCorruptFile,
              "{}: damaged: its sections end at byte {}, and it has {}", file.path(), end,
              file.size());
}

void check_machine(const std::string& path, const EngineHeader& header, CpuFeatures features,
                   bool gpus) {
  const std::string_view cpu = to_string(backend::DeviceKind::kCpu);
  const std::string_view cuda = to_string(backend::DeviceKind::kCuda);
  LASSO_CHECK(header.device == cpu || (gpus && header.device == cuda), ErrorCode::kUnsupported,
              "{}: built for the device \"{}\", and \"{}\" is expected: build it again from its "
              "checkpoint",
              path, header.device, cpu);
  LASSO_CHECK(
      features.contains(header.needed), ErrorCode::kUnsupported,
      "{}: its layers and packed weights need {}, and {} is the best {}; build it again from "
      "its checkpoint, here or with --isa {}",
      path, to_string(header.needed), to_string(features),
      features == cpu_features() ? "that this CPU has" : "that --isa or LASSO_MAX_ISA allows",
      best_name(features));
}

}  // namespace

std::string rate_name(MultiplyAdd multiply_add) {
  const MultiplyAddInfo about = info(multiply_add);
  return fmt::format("{}.{}", about.instruction, to_string(about.feature));
}

HeaderBytes encode_header(const EngineHeader& header) {
  HeaderBytes bytes{};
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  put(bytes, kFormatAt, kEngineFormat);
  put(bytes, kSectionCountAt, std::uint32_t{kSectionCount});
  put(bytes, kFileSizeAt, end_of(header.sections.back()));
  put_text(bytes, kDeviceAt, kTextBytes, header.device);
  put_text(bytes, kVersionAt, kTextBytes, header.lasso_version);
  put_text(bytes, kHashAt, kHashBytes, header.model_hash);
  put_text(bytes, kFeaturesAt, kFeaturesBytes, to_string(header.needed));
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    const std::size_t at = kSectionsAt + i * kSectionEntryBytes;
    put_text(bytes, at, kTextBytes, kSectionNames[i]);
    put(bytes, at + kTextBytes, header.sections[i].offset);
    put(bytes, at + kTextBytes + 8, header.sections[i].bytes);
    put(bytes, at + kTextBytes + 16, header.sections[i].digest);
  }
  put(bytes, kDigestAt, checksum(bytes.data(), kDigestAt));
  return bytes;
}

EngineHeader read_header(const MappedFile& file, CpuFeatures features, bool gpus) {
  const std::string& path = file.path();
  LASSO_CHECK(
      file.size() >= kMagic.size() && std::memcmp(file.data(), kMagic.data(), kMagic.size()) == 0,
      ErrorCode::kCorruptFile,
      "{}: not an engine file of Lasso, or one that a transfer as text has damaged", path);
  LASSO_CHECK(file.size() >= kHeaderBytes, ErrorCode::kCorruptFile,
              "{}: truncated: {} bytes, less than an engine's header", path, file.size());
  const auto format = number_at<std::uint32_t>(file.data(), kFormatAt);
  LASSO_CHECK(format == kEngineFormat, ErrorCode::kUnsupported,
              "{}: an engine file in format {}, and Lasso {} reads format {}: build it again from "
              "its checkpoint with lasso build",
              path, format, LASSO_VERSION, kEngineFormat);
  const auto digest = number_at<Digest>(file.data(), kDigestAt);
  LASSO_CHECK(digest == checksum(file.data(), kDigestAt), ErrorCode::kCorruptFile,
              "{}: damaged: its header's checksum does not match", path);
  const auto file_size = number_at<std::uint64_t>(file.data(), kFileSizeAt);
  LASSO_CHECK(file_size <= file.size(), ErrorCode::kCorruptFile,
              "{}: truncated: {} of {} bytes are there", path, file.size(), file_size);
  LASSO_CHECK(file_size == file.size(), ErrorCode::kCorruptFile,
              "{}: damaged: {} bytes, and its header says {}", path, file.size(), file_size);
  EngineHeader header;
  header.lasso_version = name_at(file, kVersionAt, kTextBytes);
  header.device = name_at(file, kDeviceAt, kTextBytes);
  header.model_hash = name_at(file, kHashAt, kHashBytes);
  const std::string needed = name_at(file, kFeaturesAt, kFeaturesBytes);
  LASSO_CHECK(number_at<std::uint32_t>(file.data(), kSectionCountAt) == kSectionCount,
              ErrorCode::kCorruptFile, "{}: damaged: it has other sections than an engine's", path);
  read_sections(file, header);
  try {
    header.needed = cpu_features_from_string(needed);
  } catch (const Error&) {
    fail(ErrorCode::kUnsupported,
         "{}: needs the instructions \"{}\", which Lasso {} does not know: build it again from "
         "its checkpoint",
         path, needed, LASSO_VERSION);
  }
  check_machine(path, header, features, gpus);
  return header;
}

}  // namespace lasso::engine
