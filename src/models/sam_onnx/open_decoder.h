// A mask decoder with the sizes and values that its inputs have in SAM's programs.
#ifndef LASSO_MODELS_SAM_ONNX_OPEN_DECODER_H_
#define LASSO_MODELS_SAM_ONNX_OPEN_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "formats/onnx/onnx_model.h"
#include "graph/graph.h"
#include "models/onnx/import/importer.h"
#include "models/sam_onnx/programs.h"

namespace lasso::sam_onnx {

// One image, and as many prompts and points as the file leaves open; whether there is a mask, and
// the size of the image, are fixed.
class OpenDecoder {
 public:
  // Throws kUnsupported for sizes that do not go together.
  OpenDecoder(const OnnxModel& model, const DecoderShape& shape, std::int64_t image_size,
              bool with_mask);

  graph::Graph import() const { return onnx::import_model(model_, fixed_); }
  const graph::Dim& prompts() const { return prompts_; }  // 1, or the symbol "prompts"
  const graph::Dim& points() const { return points_; }    // a number, or the symbol "points"
  const onnx::FixedInputs& fixed() const { return fixed_; }
  const std::string& name(std::size_t input) const { return model_.graph.inputs[input].name; }

 private:
  OnnxValueInfo& info(std::size_t input) { return model_.graph.inputs[input]; }
  graph::Dim size(const OnnxDim& dim, const char* symbol, const OnnxValueInfo& points) const;
  void set(std::size_t input, const graph::Shape& shape);
  void fix(std::size_t input, const Dims& dims, double value);

  OnnxModel model_;
  graph::Dim prompts_ = 1;
  graph::Dim points_ = 1;
  onnx::FixedInputs fixed_;
};

}  // namespace lasso::sam_onnx

#endif  // LASSO_MODELS_SAM_ONNX_OPEN_DECODER_H_
