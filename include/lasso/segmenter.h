// Segmenters: image -> Embedding (once per image) -> masks (once per prompt), by an engine of the
// model family "sam".
#ifndef LASSO_SEGMENTER_H_
#define LASSO_SEGMENTER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lasso/embedding.h"
#include "lasso/engine.h"
#include "lasso/export.h"
#include "lasso/image.h"
#include "lasso/mask.h"
#include "lasso/types.h"

namespace lasso {

struct SegmentOptions {
  bool masks = true;            // false: only logits and predictions, no masks at the image's size
  float mask_threshold = 0.0f;  // a pixel is inside where its logit is greater
  bool low_res_logits = true;   // false: Segmentation::low_res_logits stays empty
};

// The answer to one prompt: one mask, or as many as SamInfo::candidates for Prompt::multimask.
// Passing the same object again reuses its memory.
struct LASSO_EXPORT Segmentation {
  std::vector<Mask> masks;  // at the original image's size, in the decoder's order: see best()
  std::vector<float> iou_predictions;  // the model's own estimate for each mask
  std::vector<float> low_res_logits;   // [masks, side, side], side = Embedding::low_res_side()

  // Index of the mask with the highest predicted IoU.
  std::size_t best() const;
};

// Threads belong to the thread that calls: segmenters that run at the same time have a team each,
// and should divide the cores between them. A call from inside an OpenMP region has one thread.
// After a fork the child may use what the parent made, if no other thread was in a call. Where the
// parent had several threads, the child starts new ones for each layer, which takes longer.
struct SegmenterOptions {
  int threads = 0;  // 0: MachineInfo::threads
  // The image encoder in place of the engine's own, if it has one: one engine of the family "sam",
  // whose encoder is taken, or such of ONNX models, in their order, of which the first takes an
  // image, each other one what the one before it gives, and the last gives the embedding. They run
  // on the device of the segmenter's engine, and nothing between them leaves it. Empty: its own.
  std::vector<Engine> encoders{};
};

// Of the last call, milliseconds. A GPU works while the host goes on: its share of a stage is part
// of the one whose results the host waits for, encode_ms and decode_ms.
struct Timings {
  double preprocess_ms = 0;
  double encode_ms = 0;
  double decode_ms = 0;
  double postprocess_ms = 0;  // without what a sink does
};

// What a segmenter should be ready for; see Segmenter::warm_up.
struct WarmUpLimits {
  int image_width = 1920;
  int image_height = 1080;
  int images = 1;  // of one call to encode()
  int prompts = 1;
  int points = 2;  // of each prompt, the corners of its box included
  bool mask_input = false;
};

// It belongs to one thread at a time: it owns the arena and the scratch memory. Not copyable; may
// be moved. A segmenter keeps its engine alive.
class LASSO_EXPORT Segmenter {
 public:
  // Throws kUnsupported for an engine of another model family than "sam", naming both, and
  // kInvalidArgument for a number of threads out of range, and for encoders that do not take an
  // image of the engine's size, what is given to them, or another device, or do not give its
  // embedding.
  explicit Segmenter(const Engine& engine, const SegmenterOptions& options = {});
  ~Segmenter();
  Segmenter(Segmenter&&) noexcept;
  Segmenter& operator=(Segmenter&&) noexcept;

  const Engine& engine() const;
  int threads() const;
  // False where encode() throws kInvalidArgument: the engine has no image encoder and the options
  // gave none. Embeddings come from files and arrays then.
  bool has_encoder() const;
  // How another runtime runs the parts that it has of the engine, as ModelRunner::settings(); empty
  // where there are none (ModelParts::runtime).
  std::vector<std::pair<std::string, std::string>> runtime_settings() const;

  // Runs the image encoder. Throws kInvalidArgument for an image without pixels or with a bad
  // stride; kUnsupported where the embedding has values that are not finite, which means that the
  // model leaves the range of its numbers for this image in the engine's precision; and
  // kCorruptFile where the engine's file has become shorter.
  Embedding encode(const ImageView& image);

  // Returns the embeddings of several images, in their order, as if each were encoded alone (on a
  // GPU sums may be in another order); the encoder takes up to four at once, on a GPU eight. For
  // small models on many cores, which the layers of one image don't fill, and for GPUs; memory for
  // activations grows with the images taken at once. Throws as encode() of one image.
  std::vector<Embedding> encode(const std::vector<ImageView>& images);

  // Runs the encoder on an image that is already resized, padded and normalised: float32,
  // [image_size, image_size, 3], row-major, with image_size as SamInfo has it. The masks will have
  // the given size, in pixels. Also throws kInvalidArgument for pixels that are not finite.
  Embedding encode_preprocessed(const float* pixels, int image_width, int image_height);

  // Answers one prompt. Throws kInvalidArgument if the prompt is empty, a box has no area, a
  // coordinate is not finite, mask_input has another size or values that are not finite, or the
  // embedding belongs to another model; kUnsupported where the answer's logits or predicted IoUs
  // are not finite; kCorruptFile as encode() does.
  Segmentation segment(const Embedding& embedding, const Prompt& prompt,
                       const SegmentOptions& options = {});
  // The same into `result`, whose memory is reused.
  void segment(const Embedding& embedding, const Prompt& prompt, const SegmentOptions& options,
               Segmentation* result);

  // Takes the index of a prompt and its answer, which is valid during the call and whose memory the
  // next answer reuses, unless the sink takes it with std::move.
  using Sink = std::function<void(std::size_t prompt, Segmentation& answer)>;

  // Answers any number of prompts, with and without multimask, and calls the sink once for each,
  // in their order, so that no more than one prompt's masks need be in memory. In small models
  // prompts of equal size go through the decoder together. What the decoder computes from the image
  // alone is kept until another embedding is used. All prompts are checked before the first answer;
  // throws as for one prompt, and what the sink throws, which ends the call. The sink may call
  // upsample_mask() of this segmenter, and nothing else of it.
  void segment(const Embedding& embedding, const std::vector<Prompt>& prompts,
               const SegmentOptions& options, const Sink& sink);
  // The same with all answers at once, in the prompts' order.
  std::vector<Segmentation> segment(const Embedding& embedding, const std::vector<Prompt>& prompts,
                                    const SegmentOptions& options = {});

  // Writes the mask of one row of Segmentation::low_res_logits (side * side values) into the
  // caller's buffer: one byte per pixel of the embedding's image, 1 where the logit is greater than
  // `threshold`, rows `stride_bytes` apart. With SegmentOptions::masks = false nothing else makes
  // masks.
  void upsample_mask(const Embedding& embedding, const float* low_res_logits, float threshold,
                     std::uint8_t* out, std::ptrdiff_t stride_bytes);

  // Plans and touches all memory for calls within the limits, which then allocate nothing (but for
  // what they return), and runs every program once.
  void warm_up(const WarmUpLimits& limits = {});

  const Timings& last_timings() const;

  // Called with the result of every step of a program, in the order of execution, and the
  // milliseconds that it took; for comparing and timing kernels layer by layer. `values` is valid
  // during the call. An empty function ends it.
  using Trace =
      std::function<void(const std::string& program, const std::string& name,
                         const std::vector<std::int64_t>& shape, const float* values, double ms)>;
  void set_trace(Trace trace);

 private:
  friend class Embedding;  // from_array()
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lasso

#endif  // LASSO_SEGMENTER_H_
