// Nodes between tensors as SAM's programs have them and as ONNX models do.
#ifndef LASSO_MODELS_SAM_ONNX_ADAPTERS_H_
#define LASSO_MODELS_SAM_ONNX_ADAPTERS_H_

#include <cstdint>
#include <string>

#include "image/preprocess.h"
#include "models/sam_onnx/program_editor.h"
#include "models/sam_onnx/roles.h"

namespace lasso::sam_onnx {

// The sizes of the image that an encoder takes, from [side, side, 3].
graph::Shape image_shape(const ImageInput& image, std::int64_t side);

// From float32 [1, side, side, 3], prepared, to what the encoder takes, in the type `dtype`. Pixels
// for an encoder that normalises them itself become 0 to 255 again, and the padding the mean.
graph::ValueId adapt_image(ProgramEditor& editor, graph::ValueId image, const ImageInput& input,
                           DType dtype, const Preprocess& preprocess);

// From [1, channels, grid, grid] to float32 [1, grid, grid, channels].
graph::ValueId adapt_embeddings(ProgramEditor& editor, graph::ValueId embeddings);

}  // namespace lasso::sam_onnx

#endif  // LASSO_MODELS_SAM_ONNX_ADAPTERS_H_
