// Contexts: where an engine runs. Image -> Embedding (once per image) -> masks (once per prompt).
#ifndef LASSO_CONTEXT_H_
#define LASSO_CONTEXT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lasso/engine.h"
#include "lasso/export.h"
#include "lasso/image.h"
#include "lasso/mask.h"
#include "lasso/types.h"

namespace lasso {

// What the image encoder made of one image. A value: copies share the numbers; it may be kept,
// saved, sent and used from several threads. It knows the image's size, the preprocessing and the
// model it belongs to.
class LASSO_EXPORT Embedding {
 public:
  // Empty: it may only be assigned to, copied, tested and destroyed.
  Embedding() = default;
  explicit operator bool() const noexcept { return impl_ != nullptr; }

  int image_width() const;  // of the original image, pixels
  int image_height() const;
  int grid() const;  // side of the embedding, tokens
  int channels() const;
  int low_res_side() const;  // side of low-resolution logits: 4 * grid()
  const std::string& model_hash() const;
  // float32, [grid, grid, channels], row-major; valid as long as a copy of the embedding lives.
  const float* data() const;

  // A .safetensors file: tensor "image_embeddings" (float32, [1, channels, grid, grid], as
  // PyTorch's SAM has it) and what is above as metadata. Complete or not at all.
  void save(const std::string& path) const;
  // Throws kNotFound, kCorruptFile.
  static Embedding load(const std::string& path);

  struct Impl;  // the library's own

 private:
  friend struct Access;
  std::shared_ptr<const Impl> impl_;
};

struct SegmentOptions {
  bool multimask = false;       // three candidates for an ambiguous prompt instead of one mask
  bool masks = true;            // false: only logits and predictions, no masks at the image's size
  float mask_threshold = 0.0f;  // a pixel is inside where its logit is greater
};

// The answer to one prompt. Passing the same object again reuses its memory.
struct LASSO_EXPORT Segmentation {
  std::vector<Mask> masks;  // at the original image's size, in the decoder's order: see best()
  std::vector<float> iou_predictions;  // the model's own estimate for each mask
  std::vector<float> low_res_logits;   // [masks, side, side], side = Embedding::low_res_side()

  // Index of the mask with the highest predicted IoU.
  std::size_t best() const;
};

// Threads belong to the thread that calls: contexts that run at the same time have a team each, and
// should divide the cores between them. A call from inside an OpenMP region has one thread. A
// process that has run Lasso must not fork and run it again in the child.
struct ContextOptions {
  int threads = 0;  // 0: the physical cores that the process may use
};

struct Timings {  // of the last call, milliseconds
  double preprocess_ms = 0;
  double encode_ms = 0;
  double decode_ms = 0;
  double postprocess_ms = 0;
};

// What a context should be ready for; see Context::warm_up.
struct WarmUpLimits {
  int image_width = 1920;
  int image_height = 1080;
  int images = 1;  // of one call to encode()
  int prompts = 1;
  int points = 2;  // of each prompt, the corners of its box included
  bool mask_input = false;
};

// One per thread: it owns the arena and the scratch memory. Not copyable; may be moved. A context
// keeps its engine alive.
class LASSO_EXPORT Context {
 public:
  explicit Context(const Engine& engine, const ContextOptions& options = {});
  ~Context();
  Context(Context&&) noexcept;
  Context& operator=(Context&&) noexcept;

  const Engine& engine() const;
  int threads() const;

  // Runs the image encoder. Throws kInvalidArgument for an image without pixels or with a bad
  // stride.
  Embedding encode(const ImageView& image);

  // The embeddings of several images, in their order, as if each were encoded alone; the encoder
  // takes up to four at once. For small models on many cores, which the layers of one image don't
  // fill; memory for activations grows with the images taken at once. Throws as encode() of one
  // image.
  std::vector<Embedding> encode(const std::vector<ImageView>& images);

  // Runs the encoder on an image that is already resized, padded and normalised: float32,
  // [image_size, image_size, 3], row-major. The masks will have the given size.
  Embedding encode_preprocessed(const float* pixels, int image_width, int image_height);

  // Answers one prompt. Throws kInvalidArgument if the prompt is empty, a box has no area, a
  // coordinate is not finite, mask_input has another size, or the embedding belongs to another
  // model.
  Segmentation segment(const Embedding& embedding, const Prompt& prompt,
                       const SegmentOptions& options = {});
  // The same into `result`, whose memory is reused.
  void segment(const Embedding& embedding, const Prompt& prompt, const SegmentOptions& options,
               Segmentation* result);
  // Answers several prompts, in their order; in small models prompts of equal size go through the
  // decoder together. What the decoder computes from the image alone is kept until another
  // embedding is used.
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
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lasso

#endif  // LASSO_CONTEXT_H_
