#include "formats/file_kind.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string_view>

#include "core/memory.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/pytorch/torch_legacy.h"

namespace lasso {

namespace {

struct Magic {
  std::string_view bytes;
  std::size_t offset;
  FileKind kind;
};

constexpr auto kMagics = std::to_array<Magic>({
    {"PK\x03\x04", 0, FileKind::kPytorchZip},
    {"PK\x05\x06", 0, FileKind::kPytorchZip},
    {"version https://git-lfs", 0, FileKind::kGitLfsPointer},
    {"\x93NUMPY", 0, FileKind::kNumpy},
    {"LASSO", 0, FileKind::kLassoEngine},
    {"lasso", 0, FileKind::kLassoEngine},
    {"ftrt", 0, FileKind::kTensorRt},
    {"ptrt", 0, FileKind::kTensorRt},
    {"\x1f\x8b", 0, FileKind::kCompressed},
    {"\xfd"
     "7zXZ",
     0, FileKind::kCompressed},
    {"\x28\xb5\x2f\xfd", 0, FileKind::kCompressed},
    {"BZh", 0, FileKind::kCompressed},
    {"7z\xbc\xaf\x27\x1c", 0, FileKind::kCompressed},
    {"Rar!", 0, FileKind::kCompressed},
    {"\x89HDF", 0, FileKind::kHdf5},
    {"TFL3", 4, FileKind::kTfLite},
    {"GGUF", 0, FileKind::kGguf},
    {"\x89PNG", 0, FileKind::kImage},
    {"\xff\xd8\xff", 0, FileKind::kImage},
    {"ustar", 257, FileKind::kPytorchTar},
});

std::string lower_extension(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  const std::size_t dot = path.find_last_of('.');
  if (dot == path.npos || (slash != path.npos && dot < slash)) return "";
  std::string extension = path.substr(dot);
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

bool looks_like_html(std::string_view head) {
  std::string text;
  for (const char c : head.substr(0, 256)) {
    if (!text.empty() || std::isspace(static_cast<unsigned char>(c)) == 0) {
      text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return text.starts_with("<!doctype") || text.starts_with("<html") || text.starts_with("<?xml");
}

bool looks_like_safetensors(std::string_view head, std::size_t size) {
  if (head.size() < 9 || head[8] != '{') return false;
  std::uint64_t length = 0;
  std::copy_n(head.data(), sizeof(length), reinterpret_cast<char*>(&length));
  return length <= 100'000'000 || length <= size;
}

// An index of a model in several files has a "weight_map".
bool is_shard_index(const MappedFile& file) {
  constexpr std::size_t kSearched = 16 * kMiB;
  const std::string_view text(reinterpret_cast<const char*>(file.data()),
                              std::min(file.size(), kSearched));
  return text.find("\"weight_map\"") != text.npos;
}

}  // namespace

FileKind file_kind(const MappedFile& file) {
  const std::string_view head(reinterpret_cast<const char*>(file.data()),
                              std::min<std::size_t>(file.size(), 512));
  if (head.empty()) return FileKind::kEmpty;
  for (const Magic& magic : kMagics) {
    if (head.size() >= magic.offset + magic.bytes.size() &&
        head.substr(magic.offset, magic.bytes.size()) == magic.bytes) {
      return magic.kind;
    }
  }
  const std::string extension = lower_extension(file.path());
  if (looks_like_safetensors(head, file.size())) return FileKind::kSafetensors;
  if (begins_like_legacy_pytorch(head)) return FileKind::kPytorchLegacy;
  // A pickle of protocol 2 to 5.
  if (head.size() >= 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) {
    return FileKind::kPickle;
  }
  if (looks_like_html(head)) return FileKind::kHtml;
  if (begins_like_onnx(file) || extension == ".onnx") return FileKind::kOnnx;
  if (head.front() == '{' || head.front() == '[') {
    return is_shard_index(file) ? FileKind::kShardIndex : FileKind::kJson;
  }
  if (extension == ".safetensors") return FileKind::kSafetensors;
  if (extension == ".lasso") return FileKind::kLassoEngine;
  if (extension == ".engine" || extension == ".plan" || extension == ".trt") {
    return FileKind::kTensorRt;
  }
  return FileKind::kUnknown;
}

bool is_checkpoint(FileKind kind) {
  return kind == FileKind::kPytorchZip || kind == FileKind::kPytorchLegacy ||
         kind == FileKind::kSafetensors || kind == FileKind::kShardIndex;
}

}  // namespace lasso
