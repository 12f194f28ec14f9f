// The network's input: images in letterboxes of one size.
#ifndef LASSO_MODELS_DETECTOR_RUN_NETWORK_IMAGES_H_
#define LASSO_MODELS_DETECTOR_RUN_NETWORK_IMAGES_H_

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "engine/run/tensor_ref.h"
#include "image/letterbox.h"
#include "lasso/image.h"

namespace lasso::detector {

// One batch, [images, 3, height, width], values from 0 to 1 in one of the float types.
class NetworkImages {
 public:
  explicit NetworkImages(DType dtype) : dtype_(dtype) {}

  // Room for so many images of so many pixels, of zeros where they are none that were there.
  void reserve(std::size_t images, std::size_t pixels);
  // Image `index` of the batch, on the OpenMP team of the caller. Throws kInvalidArgument for a
  // view without pixels or with a bad stride.
  void prepare(const ImageView& image, const Letterbox& letterbox, std::size_t index);
  // Valid until the next reserve().
  engine::ConstTensorRef input() const;

 private:
  DType dtype_;
  std::size_t values_ = 0;  // of an image
  std::size_t room_ = 0;    // values that were ever asked for
  LetterboxScratch scratch_;
  Scratch<float> prepared_;
  Scratch<std::uint16_t> halves_;
};

}  // namespace lasso::detector

#endif  // LASSO_MODELS_DETECTOR_RUN_NETWORK_IMAGES_H_
