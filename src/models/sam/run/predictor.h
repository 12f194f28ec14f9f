// Running a SAM model: image -> embedding -> masks. One predictor per thread.
#ifndef LASSO_MODELS_SAM_RUN_PREDICTOR_H_
#define LASSO_MODELS_SAM_RUN_PREDICTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/aligned_buffer.h"
#include "engine/run/session.h"
#include "image/mask/mask_upsample.h"
#include "image/preprocess.h"
#include "lasso/error.h"
#include "lasso/segmenter.h"
#include "models/sam/model.h"

namespace lasso::sam {

// The model computes infinities or what is no number for an image, in its precision.
class NotFinite : public Error {
 public:
  explicit NotFinite(const std::string& message) : Error(ErrorCode::kUnsupported, message) {}
};

class Predictor {
 public:
  Predictor(std::shared_ptr<const SamModel> model, int threads);

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
  engine::Session& session() { return session_; }

 private:
  // Prompts that go through the decoder in one run (equal numbers of points, all with a mask or
  // none), and what it made of them.
  struct Batch {
    std::size_t points = 0;
    bool mask_input = false;
    std::vector<std::size_t> prompts;  // indices, ascending
    std::size_t handed_over = 0;       // of the prompts, the first ones
    std::vector<float> logits;         // [prompts, masks, side, side]
    std::vector<float> iou;            // [prompts, masks]
  };

  // Beyond, the layers of the smallest models fill the caches and the cores; two cores are full
  // with one image.
  static constexpr std::size_t kImagesPerRun = 4;

  void warm_up_plans(std::size_t images, std::size_t prompts, std::size_t points, bool mask_input);
  void warm_up_image(int width, int height);
  std::size_t image_values() const;  // of one image of the encoder's input
  Embedding checked(Embedding embedding) const;
  // Writes the image into place `index` of the encoder's input.
  void preprocess(const ImageView& image, std::size_t index);
  // Of an image whose size and range `image` tells.
  std::shared_ptr<Embedding::Impl> new_embedding(const ImageView& image) const;
  Embedding run_encoder(const ImageView& image);
  // The first images of the encoder's input; `images` tell their sizes.
  void run_encoder(const ImageView* images, std::size_t count, std::vector<Embedding>& embeddings);
  void check_embedding(const Embedding& embedding) const;
  // Throws NotFinite, with what() in the message, which is made in that case alone.
  template <typename What>
  void check_finite(const float* values, std::size_t count, const What& what) const;
  void check_prompt(const Prompt& prompt, std::size_t index, std::size_t side) const;
  // Calls deliver(i, batch, place of prompt i in the batch) for every prompt in order.
  template <typename Deliver>
  void answer_each(const Embedding& embedding, const Prompt* prompts, std::size_t count,
                   const Deliver& deliver);
  // The batch that prompt `first` is in, run if need be.
  Batch& batch_of(const Embedding& embedding, const Prompt* prompts, std::size_t first,
                  std::size_t count);
  // What is free of the batches that were made before, or one more.
  Batch& free_batch();
  void fill_inputs(const Embedding& embedding, const Prompt* prompts, const Batch& batch);
  // What the decoder computes from the image alone, for `embedding`.
  void need_image_tokens(const Embedding& embedding);
  void run_decoder(const Embedding& embedding, Batch& batch);
  void store_result(const Embedding& embedding, const Prompt& prompt, const Batch& batch,
                    std::size_t place, const SegmentOptions& options, Segmentation& result);

  std::shared_ptr<const SamModel> model_;
  engine::Session session_;
  std::size_t prompts_per_run_;
  std::size_t encoder_ = 0;
  std::size_t image_tokens_program_ = 0;
  std::size_t decoder_ = 0;
  std::size_t decoder_with_mask_ = 0;
  Timings timings_;

  PreprocessScratch preprocess_scratch_;
  Scratch<float> image_;       // the encoder's input: one image or several
  Scratch<float> embeddings_;  // of several images
  MaskScratch mask_scratch_;
  std::weak_ptr<const Embedding::Impl> image_tokens_of_;  // the embedding that was used last
  std::vector<AlignedBuffer> image_tokens_;
  std::vector<engine::TensorRef> image_token_results_;
  std::vector<engine::ConstTensorRef> decoder_inputs_;
  std::vector<Batch> batches_;  // as many as there are kinds of prompts in one call
  std::vector<bool> in_batch_;  // by prompt
  Segmentation answer_;         // that a sink takes
  std::vector<float> coords_;
  std::vector<std::int32_t> labels_;
  std::vector<float> mask_inputs_;
};

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_RUN_PREDICTOR_H_
