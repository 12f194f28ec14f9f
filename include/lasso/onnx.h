// Writing ONNX models: what other runtimes take of a SAM checkpoint, and cleaned ONNX models.
#ifndef LASSO_ONNX_H_
#define LASSO_ONNX_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lasso/calibration.h"
#include "lasso/engine.h"
#include "lasso/export.h"

namespace lasso {

struct OnnxExportOptions {
  // The operator set, 13 to 21. From 17 on LayerNorm is one node.
  int opset = 16;
  // One mask for each prompt, chosen as Meta's code does, in place of all four.
  bool single_mask = false;
  // Stability scores in place of predicted IoUs.
  bool stability_score = false;
  // Masks at the picture's size, by an input orig_im_size.
  bool postprocess = false;
  // Stability scores and areas of these masks besides; asks for `postprocess`.
  bool extra_metrics = false;
  // The image encoder in so many models that feed each other, at most the number of its blocks.
  int parts = 1;
  // Given: linear layers of the encoder's blocks stand between QuantizeLinear and DequantizeLinear
  // nodes (int8, symmetric; weights with a scale for each output, activations with one for each
  // tensor), with scales of what the layers read in these images. `prompts_per_image`,
  // `ranking_images`, `min_iou` and `always_rank` mean nothing here.
  std::optional<CalibrationOptions> quantise;
  // Models of more bytes have their weights in a file of their own, "FILE.data". Readers of
  // Protocol Buffers take less than 2 GiB.
  std::uint64_t most_bytes = (std::uint64_t{1} << 31) - 1;
};

struct OnnxExport {
  std::vector<std::string> encoders;  // paths, in the order in which they feed each other
  std::string decoder;
  std::string readme;  // with the lines for trtexec and ONNX Runtime
};

// Writes the SAM checkpoint in `path` as ONNX models into `folder`, which is made where it does not
// exist: encoder.onnx, or encoder_1.onnx, encoder_2.onnx, ...; decoder.onnx; README.md. The names,
// types and shapes of inputs and outputs are those of Meta's exporter (docs/onnx.md). The files
// appear together, complete, or not at all. Weights are read as they are written. `engine` says how
// the checkpoint is read (config_path, preprocess) and with how many threads calibration runs.
// Throws what Engine::build throws of the file, kUnsupported for a model of another family than
// "sam", and kInvalidArgument for options out of their range and where a file can't be written.
LASSO_EXPORT OnnxExport export_onnx(const std::string& path, const std::string& folder,
                                    const OnnxExportOptions& options = {},
                                    const EngineOptions& engine = {});

struct OnnxCleaning {
  int nodes_before = 0;  // of the main graph
  int nodes_after = 0;
  // Nodes of operators that Lasso does not know, which stay, as "domain.Operator" each.
  std::vector<std::string> unknown;
};

// Reads the ONNX model in `path` and writes it to `output` without what no run needs: what is
// constant is computed, shapes among it; nodes that do nothing, that are there twice or whose
// results nobody takes are gone; equal initialisers are one. Inputs and outputs keep their names,
// and the model its operator sets. Throws what Engine::build throws of the file, kUnsupported where
// a model has functions, sparse tensors or arguments that are no tensors, and kInvalidArgument
// where the file can't be written or is the model itself.
LASSO_EXPORT OnnxCleaning clean_onnx(const std::string& path, const std::string& output,
                                     std::uint64_t most_bytes = (std::uint64_t{1} << 31) - 1);

}  // namespace lasso

#endif  // LASSO_ONNX_H_
