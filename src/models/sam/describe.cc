#include "models/sam/describe.h"

#include <utility>

#include "models/sam/describe_builder.h"
#include "passes/hoist.h"

namespace lasso::sam {

graph::Module describe(const SamCheckpoint& checkpoint) {
  graph::Module module;
  module.programs.push_back(describe_image_encoder(checkpoint));
  const DecoderConstants constants = decoder_constants(checkpoint);
  graph::Graph decoder = describe_mask_decoder(checkpoint, constants, false);
  module.programs.push_back(passes::hoist(decoder, kImageTokens, {"image_embeddings"}));
  module.programs.push_back(std::move(decoder));
  module.programs.push_back(describe_mask_decoder(checkpoint, constants, true));
  return module;
}

}  // namespace lasso::sam
