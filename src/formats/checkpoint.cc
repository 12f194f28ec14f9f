#include "formats/checkpoint.h"

#include "formats/pytorch/torch_legacy.h"
#include "formats/pytorch/torch_reader.h"
#include "formats/pytorch/torch_tensors.h"
#include "formats/safetensors/safetensors_reader.h"
#include "formats/sharded.h"

namespace lasso {

Weights read_checkpoint(const std::string& path) { return read_checkpoint(MappedFile::open(path)); }

TorchFile open_torch(const std::shared_ptr<const MappedFile>& file) {
  return file_kind(*file) == FileKind::kPytorchLegacy ? open_legacy_pytorch(file)
                                                      : open_pytorch(file);
}

Weights read_checkpoint(const std::shared_ptr<const MappedFile>& file) {
  const std::string& path = file->path();
  constexpr auto kUnsupported = ErrorCode::kUnsupported;
  switch (file_kind(*file)) {
    case FileKind::kPytorchZip:
    case FileKind::kPytorchLegacy:
      return torch_tensors(open_torch(file));
    case FileKind::kSafetensors:
      return read_safetensors(file).weights;
    case FileKind::kShardIndex:
      return read_shards(file);
    case FileKind::kPytorchTar:
      fail(kUnsupported,
           "{}: a tar archive, PyTorch's format from before version 0.1.10; load it in Python and "
           "save it again: torch.save(torch.load(\"old.pth\", map_location=\"cpu\"), \"new.pth\")",
           path);
    case FileKind::kPickle:
      fail(kUnsupported,
           "{}: a pickle that torch.save did not write; load it in Python and save it with: "
           "torch.save(state_dict, \"weights.pth\")",
           path);
    case FileKind::kOnnx:
      fail(kUnsupported,
           "{}: an ONNX model, not a checkpoint; give the PyTorch or .safetensors checkpoint that "
           "it "
           "was made from",
           path);
    case FileKind::kLassoEngine:
      fail(kUnsupported, "{}: a Lasso engine, not a checkpoint; engines are not built from engines",
           path);
    case FileKind::kTensorRt:
      fail(kUnsupported,
           "{}: a TensorRT plan, which only TensorRT reads; build an engine with lasso build from "
           "the ONNX file or the checkpoint that the plan was made from",
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
           "{}: a JSON file, not a checkpoint (.pth, .pt or .safetensors), and without "
           "\"weight_map\" "
           "no index of one in several files; a config.json goes to --config",
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
