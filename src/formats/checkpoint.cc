#include "formats/checkpoint.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string_view>

#include "formats/pytorch/torch_reader.h"
#include "formats/safetensors/safetensors_reader.h"

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
    {"ustar", 257, FileKind::kPytorchLegacy},  // torch.save before 2016 made tar archives
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

// A ModelProto begins with its IR version (field 1, a small number), then another of its first
// fields.
bool looks_like_onnx(std::string_view head) {
  if (head.size() < 3 || head[0] != 0x08 || head[1] < 1 || head[1] > 20) return false;
  const auto next = static_cast<unsigned char>(head[2]);
  return next == 0x12 || next == 0x1a || next == 0x22 || next == 0x28 || next == 0x32 ||
         next == 0x3a || next == 0x42;
}

bool looks_like_safetensors(std::string_view head, std::size_t size) {
  if (head.size() < 9 || head[8] != '{') return false;
  std::uint64_t length = 0;
  std::copy_n(head.data(), sizeof(length), reinterpret_cast<char*>(&length));
  return length <= 100'000'000 || length <= size;
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
  // A pickle of protocol 2 to 5: torch.save's format before PyTorch 1.6, or a bare pickle.
  if (head.size() >= 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) {
    return FileKind::kPytorchLegacy;
  }
  if (looks_like_html(head)) return FileKind::kHtml;
  if (looks_like_onnx(head) || extension == ".onnx") return FileKind::kOnnx;
  if (head.front() == '{' || head.front() == '[') return FileKind::kJson;
  if (extension == ".safetensors") return FileKind::kSafetensors;
  if (extension == ".lasso") return FileKind::kLassoEngine;
  if (extension == ".engine" || extension == ".plan" || extension == ".trt") {
    return FileKind::kTensorRt;
  }
  return FileKind::kUnknown;
}

Weights read_checkpoint(const std::string& path) { return read_checkpoint(MappedFile::open(path)); }

Weights read_checkpoint(const std::shared_ptr<const MappedFile>& file) {
  const std::string& path = file->path();
  constexpr auto kUnsupported = ErrorCode::kUnsupported;
  switch (file_kind(*file)) {
    case FileKind::kPytorchZip:
      return read_pytorch(file);
    case FileKind::kSafetensors:
      return read_safetensors(file).weights;
    case FileKind::kPytorchLegacy:
      fail(kUnsupported,
           "{}: PyTorch's old format from before version 1.6; convert it in Python: "
           "torch.save(torch.load(\"old.pth\", map_location=\"cpu\", weights_only=True), "
           "\"new.pth\", _use_new_zipfile_serialization=True)",
           path);
    case FileKind::kOnnx:
      fail(kUnsupported,
           "{}: an ONNX model; give the PyTorch or .safetensors checkpoint that it was made from",
           path);
    case FileKind::kLassoEngine:
      fail(kUnsupported, "{}: a Lasso engine, not a checkpoint; engines are not built from engines",
           path);
    case FileKind::kTensorRt:
      fail(kUnsupported,
           "{}: a TensorRT engine, which only TensorRT reads; give the PyTorch or .safetensors "
           "checkpoint that it was made from",
           path);
    case FileKind::kNumpy:
      fail(kUnsupported, "{}: a NumPy array, not a checkpoint (.pth, .pt or .safetensors)", path);
    case FileKind::kGitLfsPointer:
      fail(kUnsupported,
           "{}: a Git LFS pointer in place of the file; fetch the file with: git lfs pull", path);
    case FileKind::kHtml:
      fail(kUnsupported,
           "{}: a web page in place of a checkpoint: the download failed; download it again", path);
    case FileKind::kJson:
      fail(kUnsupported,
           "{}: a JSON file; give the .safetensors file itself, in one piece (an index lists "
           "several, a config.json goes to --config)",
           path);
    case FileKind::kCompressed:
      fail(kUnsupported, "{}: a compressed archive; unpack it and give the checkpoint inside",
           path);
    case FileKind::kHdf5:
      fail(kUnsupported, "{}: an HDF5 file (Keras); a PyTorch or .safetensors checkpoint is needed",
           path);
    case FileKind::kTfLite:
      fail(kUnsupported,
           "{}: a TensorFlow Lite model; a PyTorch or .safetensors checkpoint is needed", path);
    case FileKind::kGguf:
      fail(kUnsupported, "{}: a GGUF file; a PyTorch or .safetensors checkpoint is needed", path);
    case FileKind::kImage:
      fail(kUnsupported, "{}: an image, not a checkpoint (.pth, .pt or .safetensors)", path);
    case FileKind::kEmpty:
      fail(ErrorCode::kCorruptFile, "{}: the file is empty", path);
    case FileKind::kUnknown:
      break;
  }
  fail(ErrorCode::kCorruptFile,
       "{}: not a checkpoint: neither a PyTorch zip archive (.pth, .pt) nor a .safetensors file",
       path);
}

}  // namespace lasso
