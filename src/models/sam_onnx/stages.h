// Engines that stand in for the image encoder of a SAM model, one behind another.
#ifndef LASSO_MODELS_SAM_ONNX_STAGES_H_
#define LASSO_MODELS_SAM_ONNX_STAGES_H_

#include <memory>
#include <vector>

#include "models/family.h"
#include "models/sam/model.h"
#include "models/sam/run/encoder_chain.h"

namespace lasso::sam_onnx {

struct EncodedElsewhere {
  std::vector<sam::EncoderStage> stages;
  std::shared_ptr<const sam::SamModel> model;  // with an encoder, and the hash of all of them
};

// `engines` are one engine of the family "sam", whose encoder is taken, or such of ONNX models, of
// which each takes what the one before it gives. What lies between them and the model's own layout
// is compiled for the engines' device. Throws kInvalidArgument where one does not take what it is
// to, or the embedding is none of the model's, and for engines of other families.
EncodedElsewhere encode_elsewhere(const std::shared_ptr<const sam::SamModel>& model,
                                  const std::vector<Model>& engines);

}  // namespace lasso::sam_onnx

#endif  // LASSO_MODELS_SAM_ONNX_STAGES_H_
