// Running a SAM model: image -> embedding -> masks. One predictor per thread.
#ifndef LASSO_MODELS_SAM_RUN_PREDICTOR_H_
#define LASSO_MODELS_SAM_RUN_PREDICTOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/device.h"
#include "engine/run/session.h"
#include "image/mask/mask_upsample.h"
#include "lasso/error.h"
#include "lasso/segmenter.h"
#include "models/sam/model.h"
#include "models/sam/run/decoder_answers.h"
#include "models/sam/run/embedding.h"
#include "models/sam/run/encoder_chain.h"
#include "models/sam/run/encoder_images.h"
#include "models/sam/run/finite_check.h"
#include "models/sam/run/foreign_programs.h"

namespace lasso::sam {

// The model computes infinities or what is no number for an image, in its precision.
class NotFinite : public Error {
 public:
  explicit NotFinite(const std::string& message) : Error(ErrorCode::kUnsupported, message) {}
};

class Predictor {
 public:
  // `stages` are the image encoder in place of the model's own; none: it is. `open` opens what of
  // the model another runtime runs; it may be null where there is no such part.
  Predictor(std::shared_ptr<const SamModel> model, int threads,
            const std::vector<EncoderStage>& stages = {}, const OpenForeignModel& open = {});
  Predictor(const Predictor&) = delete;
  Predictor& operator=(const Predictor&) = delete;

  // These throw NotFinite where the results are not finite, as segment() does.
  Embedding encode(const ImageView& image);
  std::vector<Embedding> encode(const ImageView* images, std::size_t count);
  Embedding encode_preprocessed(const float* pixels, int image_width, int image_height);

  // `results` holds one element for each prompt, whose memory is reused.
  void segment(const Embedding& embedding, const Prompt* prompts, std::size_t count,
               const SegmentOptions& options, Segmentation* results);
  // The same one after another, in the prompts' order, into one element; see Segmenter::segment.
  void segment(const Embedding& embedding, const Prompt* prompts, std::size_t count,
               const SegmentOptions& options, const Segmenter::Sink& sink);

  // One low-resolution mask at the image's size.
  void upsample(const Embedding& embedding, const float* low_res_logits, float threshold,
                std::uint8_t* out, std::ptrdiff_t stride);

  void warm_up(const WarmUpLimits& limits);

  const Timings& timings() const { return timings_; }
  const SamModel& model() const { return *model_; }
  engine::Session& session() { return session_; }
  // How another runtime runs its parts; empty: there are none.
  std::vector<std::pair<std::string, std::string>> foreign_settings() const {
    return foreign_.settings();
  }
  void set_trace(const engine::Session::Trace& trace);

 private:
  // Prompts that go through the decoder in one run (equal numbers of points, all with a mask or
  // none), and what it made of them.
  struct Batch {
    std::size_t points = 0;
    bool mask_input = false;
    std::vector<std::size_t> prompts;  // indices, ascending
    std::size_t handed_over = 0;       // of the prompts, the first ones
    std::unique_ptr<DecoderAnswers> answers;
    std::vector<float> iou;  // [prompts, masks]
  };

  std::size_t images_per_run() const;
  // Throws kInvalidArgument where there is no encoder.
  void check_encoder() const;
  // The values of the decoder's symbols; until the next call.
  std::span<const std::int64_t> bind_decoder(std::size_t prompts, std::size_t points);
  // Points of the prompt in a run of the decoder, padding included.
  std::size_t decoder_points(const Prompt& prompt) const;
  void warm_up_plans(std::size_t images, std::size_t prompts, std::size_t points, bool mask_input);
  void warm_up_image(int width, int height);
  Embedding blank_embedding() const;  // of zeros
  std::size_t image_values() const;   // of one image of the encoder's input
  std::size_t embedding_values() const;
  bool is_on_device() const { return !session_.device()->is_host(); }
  // Of an image whose size and range `image` tells.
  std::shared_ptr<Embedding::Impl> new_embedding(const ImageView& image) const;
  // Calls take(i, embedding, how many of its values are not finite) for the first images of the
  // encoder's input; `images` tell their sizes.
  template <typename Take>
  void run_encoder(const ImageView* images, std::size_t count, const Take& take);
  Embedding run_encoder(const ImageView& image, bool must_be_finite);
  // Asks for the values of encoded_.
  void enqueue_encoder();
  void check_embedding(const Embedding& embedding) const;
  // Where programs read the embedding.
  engine::ConstTensorRef input_of(const Embedding& embedding) const;
  // Throws NotFinite if any values are `bad`, with what() in the message, which is made in that
  // case alone.
  template <typename What>
  void check_finite(std::size_t bad, std::size_t count, const What& what) const;
  void check_prompt(const Prompt& prompt, std::size_t index, std::size_t side) const;
  // Calls deliver(i, batch, place of prompt i in the batch) for every prompt in order.
  template <typename Deliver>
  void answer_each(const Embedding& embedding, const Prompt* prompts, std::size_t count,
                   const SegmentOptions& options, const Deliver& deliver);
  // The batch that prompt `first` is in, run if need be.
  Batch& batch_of(const Embedding& embedding, const Prompt* prompts, std::size_t first,
                  std::size_t count, const SegmentOptions& options);
  // What is free of the batches that were made before, or one more.
  Batch& free_batch();
  Batch& add_batch();
  // So many prompts go through the decoder as if there were some more, so that bindings stay few
  // where each is a recording.
  std::size_t padded_prompts(std::size_t prompts) const;
  void fill_inputs(const Embedding& embedding, const Prompt* prompts, const Batch& batch);
  // The encoder, from the image to the embeddings of so many.
  void run_encoder_program(std::size_t images, const engine::TensorRef& result);
  // Asks for what the decoder computes from the image alone, for `embedding`.
  void need_image_tokens(const Embedding& embedding);
  void enqueue_decoder(const Embedding& embedding, Batch& batch);
  // Which of the decoder's masks answer the batch's prompts.
  void fill_request(const Embedding& embedding, const Prompt* prompts, const Batch& batch,
                    const SegmentOptions& options);
  void store_result(const Batch& batch, std::size_t place, const Prompt& prompt,
                    Segmentation& result);

  std::shared_ptr<const SamModel> model_;
  engine::Session session_;
  std::size_t prompts_per_run_;
  std::size_t encoder_ = 0;
  std::size_t image_tokens_program_ = 0;
  std::size_t decoder_ = 0;
  std::size_t decoder_with_mask_ = 0;
  Timings timings_;

  EncoderChain chain_;  // empty: the encoder is a program of the model
  ForeignPrograms foreign_;
  std::unique_ptr<EncoderImages> images_;
  std::vector<std::shared_ptr<Embedding::Impl>> encoded_;  // by the run of the encoder
  backend::Buffer embeddings_;                             // of several images, on the device
  std::shared_ptr<EmbeddingBlocks> embedding_blocks_;      // null where embeddings lie on the host
  FiniteCheck embedding_check_;
  MaskScratch mask_scratch_;
  // The embedding that was used last, when its run is done.
  std::weak_ptr<const Embedding::Impl> image_tokens_of_;
  std::vector<backend::Buffer> image_tokens_;
  std::vector<engine::TensorRef> image_token_results_;
  std::vector<engine::ConstTensorRef> decoder_inputs_;
  std::array<std::int64_t, 2> decoder_symbols_{};
  std::vector<Batch> batches_;  // as many as there are kinds of prompts in one call
  std::vector<bool> in_batch_;  // by prompt
  Segmentation answer_;         // that a sink takes
  std::vector<float> coords_;
  std::vector<std::int32_t> labels_;
  std::vector<float> mask_inputs_;
  AnswerRequest request_;
};

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_RUN_PREDICTOR_H_
