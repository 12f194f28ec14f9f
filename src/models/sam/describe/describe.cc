#include "models/sam/describe/describe.h"

#include "models/sam/describe/describe_builder.h"

namespace lasso::sam {

graph::Module describe(const SamCheckpoint& checkpoint) {
  graph::Module module;
  module.programs.push_back(describe_image_encoder(checkpoint));
  const DecoderConstants constants = decoder_constants(checkpoint);
  module.programs.push_back(describe_mask_decoder(checkpoint, constants, false));
  module.programs.push_back(describe_mask_decoder(checkpoint, constants, true));
  module.splits.push_back({kMaskDecoder, kImageTokens, {"image_embeddings"}});
  return module;
}

}  // namespace lasso::sam
