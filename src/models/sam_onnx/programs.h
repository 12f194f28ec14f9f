// ONNX models as the programs of SAM (models/sam/describe/describe.h).
#ifndef LASSO_MODELS_SAM_ONNX_PROGRAMS_H_
#define LASSO_MODELS_SAM_ONNX_PROGRAMS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "graph/graph.h"
#include "models/sam_onnx/foreign.h"
#include "models/sam_onnx/roles.h"

namespace lasso::sam_onnx {

// What a program of the encoder shows.
struct EncoderProgram {
  graph::Graph program;  // image_encoder, of one image
  std::int64_t image_size = 0;
  std::int64_t grid = 0;
  std::int64_t channels = 0;
  std::string preprocess;  // name of the preset, which the input's shape asks for if none is given
  std::vector<ModelPlace> models;
};

// The models one behind another. `side` is that of an image of open size, pixels; `preprocess`
// names the preset, where it is not empty. Throws what
// importing and find_image() do, and kInvalidArgument where one model does not take what the one
// before it gives, or no result is an embedding.
EncoderProgram encoder_program(const std::vector<OnnxModel>& models, std::int64_t side,
                               const StatedRoles& stated, const std::string& preprocess);

// What a decoder's inputs show before it is imported.
struct DecoderShape {
  DecoderInputs inputs;
  std::int64_t grid = 0;
  std::int64_t channels = 0;
  std::string preprocess;  // name of the preset that goes with the shape of the points
};
DecoderShape decoder_shape(const OnnxModel& model, const StatedRoles& stated);

struct DecoderProgram {
  graph::Graph program;  // mask_decoder, or mask_decoder_with_mask_input
  std::int64_t masks = 0;
  ModelPlace model;
};
// For a model whose square is `image_size` pixels. Where the decoder gives three masks, those for
// ambiguous prompts, the one of the highest predicted IoU is put before them. Throws what importing
// and finding roles do.
DecoderProgram decoder_program(const OnnxModel& model, const DecoderShape& shape,
                               std::int64_t image_size, bool with_mask, const StatedRoles& stated);

}  // namespace lasso::sam_onnx

#endif  // LASSO_MODELS_SAM_ONNX_PROGRAMS_H_
