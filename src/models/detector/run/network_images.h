// The network's input: images in letterboxes of one size.
#ifndef LASSO_MODELS_DETECTOR_RUN_NETWORK_IMAGES_H_
#define LASSO_MODELS_DETECTOR_RUN_NETWORK_IMAGES_H_

#include <cstddef>
#include <memory>

#include "core/dtype.h"
#include "engine/run/session.h"
#include "image/letterbox.h"
#include "lasso/image.h"

namespace lasso::detector {

// One batch, [images, 3, height, width], values from 0 to 1 in one of the float types.
class NetworkImages {
 public:
  virtual ~NetworkImages() = default;

  // Room for so many images of so many pixels; what none of them fills holds numbers.
  virtual void reserve(std::size_t images, std::size_t pixels) = 0;
  // Image `index` of the batch. Pixels may change when it returns. The view has pixels and a good
  // stride.
  virtual void prepare(const ImageView& image, const Letterbox& letterbox, std::size_t index) = 0;
  // Valid until the next reserve(); there when the work of prepare() is done.
  virtual engine::ConstTensorRef input() const = 0;
};

// On the session's device, where that has a kernel for letterboxes, so that only the image's bytes
// go there; on the host otherwise. The session must outlive it.
std::unique_ptr<NetworkImages> make_network_images(engine::Session& session, DType dtype);

}  // namespace lasso::detector

#endif  // LASSO_MODELS_DETECTOR_RUN_NETWORK_IMAGES_H_
