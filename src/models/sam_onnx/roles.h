// What the inputs and outputs of ONNX models are for SAM: told by types and shapes, and where these
// leave it open by the names that exporters give, or by what the caller states.
#ifndef LASSO_MODELS_SAM_ONNX_ROLES_H_
#define LASSO_MODELS_SAM_ONNX_ROLES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/enum_names.h"
#include "formats/onnx/onnx_model.h"
#include "graph/graph.h"

namespace lasso::sam_onnx {

enum class Role : std::uint8_t {
  kImage,
  kEmbeddings,  // what the encoder gives and the decoder takes
  kPoints,
  kLabels,
  kMaskInput,
  kHasMask,
  kImageSize,
  kLowRes,  // masks as the decoder makes them
  kMasks,   // these at another size
  kIou,
};
// "image", "image_embeddings", ...: the names of Meta's exporter.
const EnumNames<Role>& names_of(EnumTag<Role> tag);

// Names of inputs and outputs that the caller states.
using StatedRoles = std::map<Role, std::string>;
// Throws kInvalidArgument for a role that there is not.
StatedRoles stated_roles(const std::map<std::string, std::string>& roles);

// A size that the file leaves open is nothing.
using OpenShape = std::vector<std::optional<std::int64_t>>;
// Nothing for what is no tensor or says no shape.
std::optional<OpenShape> open_shape(const OnnxValueInfo& info);
// The inputs that have no default, which need a value.
std::vector<std::size_t> needed_inputs(const OnnxModel& model);

// How an encoder takes an image.
struct ImageInput {
  std::size_t input = 0;       // of the model's inputs
  bool has_batch = false;      // [1, ...]
  bool channels_last = false;  // [..., height, width, 3]
  std::int64_t side = 0;       // pixels; 0: open, the encoder resizes or pads
  // Pixels are 0 to 255, and the encoder normalises them itself: there is no batch, or they are
  // integers.
  bool is_raw = false;
  // The encoder stretches an image of any size, whose pixels are 0 to 1.
  bool is_stretched() const { return has_batch && side == 0; }
};

// What a decoder takes; places among the model's inputs.
struct DecoderInputs {
  std::size_t embeddings = 0;
  std::size_t points = 0;
  std::size_t labels = 0;
  std::optional<std::size_t> mask_input;
  std::optional<std::size_t> has_mask;
  std::optional<std::size_t> image_size;
  bool has_queries = false;  // points are [1, queries, points, 2], as EfficientSAM's
};

// How an input of this shape, of floats or integers, takes an image; nothing: it does not.
std::optional<ImageInput> image_of(const OpenShape& shape, bool is_float);

// Whether the model takes points, as decoders do.
bool takes_points(const OnnxModel& model);

// These throw kUnsupported for a model of SAM 2, and kInvalidArgument, with the inputs and how to
// state what they are, where a role is unclear or missing.
ImageInput find_image(const OnnxModel& model, const StatedRoles& stated);
DecoderInputs find_decoder_inputs(const OnnxModel& model, const StatedRoles& stated);

// Of an encoder's results: the one that is float [1, C, g, g].
std::size_t find_embeddings(const OnnxModel& model, const graph::Graph& graph,
                            const StatedRoles& stated);

// Of a decoder's results, whose low-resolution masks have the side 4 * grid.
struct DecoderOutputs {
  std::size_t masks = 0;
  bool is_low_res = true;  // else masks are larger ones, which these were resized to
  std::size_t iou = 0;
};
DecoderOutputs find_decoder_outputs(const OnnxModel& model, const graph::Graph& graph,
                                    std::int64_t grid, bool has_queries, const StatedRoles& stated);

// One line for people: what the model is to `lasso segment`; empty: nothing that it knows.
std::string describe_roles(const OnnxModel& model);

}  // namespace lasso::sam_onnx

#endif  // LASSO_MODELS_SAM_ONNX_ROLES_H_
