// From what the decoder makes of several prompts to their answers.
#ifndef LASSO_MODELS_SAM_RUN_DECODER_ANSWERS_H_
#define LASSO_MODELS_SAM_RUN_DECODER_ANSWERS_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/run/session.h"
#include "image/mask/mask_upsample.h"
#include "lasso/segmenter.h"

namespace lasso::sam {

// Of the decoder's masks for a prompt, those that answer it.
struct MaskRange {
  std::size_t first = 0;
  std::size_t count = 0;
};

struct AnswerRequest {
  MaskUpsample upsample;
  SegmentOptions options;
  std::vector<MaskRange> prompts;  // in the order of the decoder's run
};

// The logits of one run of the decoder, and masks of them. Prompts count from 0 in the run's order.
class DecoderAnswers {
 public:
  virtual ~DecoderAnswers() = default;

  // Room for the logits of so many prompts, with `masks` masks each of side * side values.
  virtual void reserve(std::size_t prompts, std::size_t masks, std::size_t side) = 0;
  // Where the decoder writes them, float32 [prompts, masks, side, side].
  virtual engine::TensorRef logits() = 0;
  // After the decoder's run was asked for, which the session must be waited for after this.
  virtual void begin(const AnswerRequest& request) = 0;
  // How many logits of the prompt's answer are not finite.
  virtual std::size_t not_finite(std::size_t prompt) = 0;
  // Writes the answer's masks and logits, as the request's options ask for.
  virtual void write(std::size_t prompt, Segmentation& result) = 0;
};

// On the session's device, where that has kernels for masks, so that only bits come back; on the
// host otherwise, with `scratch`. Both must outlive it.
std::unique_ptr<DecoderAnswers> make_decoder_answers(engine::Session& session,
                                                     MaskScratch& scratch);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_RUN_DECODER_ANSWERS_H_
