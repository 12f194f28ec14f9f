// The image encoder's input: images as the model wants to see them.
#ifndef LASSO_MODELS_SAM_RUN_ENCODER_IMAGES_H_
#define LASSO_MODELS_SAM_RUN_ENCODER_IMAGES_H_

#include <cstddef>
#include <memory>

#include "engine/run/session.h"
#include "lasso/image.h"
#include "models/sam/model.h"

namespace lasso::sam {

// One batch: float32 [images, side, side, 3].
class EncoderImages {
 public:
  virtual ~EncoderImages() = default;

  // Room for so many images; those that were there are lost.
  virtual void reserve(std::size_t images) = 0;
  // Image `index` of the batch. Pixels may change when it returns. Throws kInvalidArgument for a
  // view without pixels or with a bad stride, and for a size that the preprocessing can't take.
  virtual void prepare(const ImageView& image, std::size_t index) = 0;
  // The first image, prepared already.
  virtual void copy(const float* pixels) = 0;
  // Valid until the next reserve().
  virtual engine::ConstTensorRef input() const = 0;
};

// On the session's device, where that has kernels for images, so that only their bytes go there; on
// the host otherwise. Both must outlive it.
std::unique_ptr<EncoderImages> make_encoder_images(engine::Session& session, const SamModel& model);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_RUN_ENCODER_IMAGES_H_
