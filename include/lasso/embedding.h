// Embeddings: what the image encoder made of one image. Prompts are answered from them.
#ifndef LASSO_EMBEDDING_H_
#define LASSO_EMBEDDING_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "lasso/export.h"
#include "lasso/image.h"
#include "lasso/tensor.h"

namespace lasso {

class Segmenter;

// A value that owns its memory and outlives the Segmenter and the Engine that made it: copies share
// the numbers, which never change, so that it may be kept, saved, sent and read by several threads.
// It knows the image's size, the preprocessing and the model that it belongs to. The numbers of one
// that a GPU made stay in its memory, and come to the host too when they are read there for the
// first time (copy_to() and save() throw what that copy does); a Segmenter on another GPU refuses
// it, by name, with kInvalidArgument, and one on the CPU takes it.
class LASSO_EXPORT Embedding {
 public:
  // Empty: it may only be assigned to, copied, tested and destroyed.
  Embedding() = default;
  explicit operator bool() const noexcept { return impl_ != nullptr; }

  int image_width() const;   // of the original image, pixels
  int image_height() const;  // of the original image, pixels
  int image_size() const;    // side of the square that the encoder saw, pixels
  int grid() const;          // side of the embedding, tokens
  int channels() const;      // of each token
  int low_res_side() const;  // side of low-resolution logits: 4 * grid()
  // Name of the preset that made the square, "sam", "medsam" or "efficientsam".
  const std::string& preprocess() const;
  // Which of the source's values became 0 and 255 in the image (ImageView::range); none: by their
  // whole range. Masks of the same image read in another range differ.
  const std::optional<ValueRange>& range() const;
  // Of the weights and the configuration of the model, 32 hexadecimal digits.
  const std::string& model_hash() const;

  std::size_t size() const;  // the number of its values: grid() * grid() * channels()
  // Writes size() values, float32 [grid, grid, channels], row-major, to the caller's memory.
  void copy_to(float* values) const;

  // Writes a .safetensors file: tensor "image_embeddings" (float32, [1, channels, grid, grid], as
  // PyTorch's SAM has it) and what is above as metadata. It appears complete or not at all. Throws
  // kInvalidArgument where it can't be written.
  void save(const std::string& path) const;
  // Reads such a file. Throws kNotFound, kCorruptFile.
  static Embedding load(const std::string& path);

  // An embedding that something else computed, such as another runtime: float32, float16, bfloat16
  // or float64 [channels, grid, grid] or [1, channels, grid, grid], of which a copy is kept, of an
  // image of this size in pixels, which was prepared as the segmenter's engine does. Throws
  // kInvalidArgument for an array of another type or shape than the segmenter's model takes, values
  // that are not finite, and a size that is none or has more than 2^30 pixels.
  static Embedding from_array(const HostTensorView& array, const Segmenter& segmenter,
                              int image_width, int image_height);

  struct Impl;  // the library's own

 private:
  friend struct Access;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace lasso

#endif  // LASSO_EMBEDDING_H_
