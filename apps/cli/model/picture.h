// Pictures for commands that need any picture.
#ifndef LASSO_CLI_MODEL_PICTURE_H_
#define LASSO_CLI_MODEL_PICTURE_H_

#include <cstdint>
#include <string>

#include "lasso/image.h"

namespace lasso::app {

// A gradient with discs and a little noise; the same for the same arguments everywhere.
Image synthetic_image(int width, int height, std::uint64_t seed);

// A picture, and seven more of the same size that are it with its rows shifted: for measurements
// that must not find the pixels of the last run in a cache.
class ShiftedPictures {
 public:
  static constexpr int kCount = 8;

  explicit ShiftedPictures(const Image& image);

  // The picture `index` modulo kCount, of which 0 is the image itself. Valid as long as this
  // object.
  ImageView view(int index) const;

 private:
  // The image twice, one below the other: a view that begins lower ends with the first rows.
  Image twice_;
  int height_ = 0;
};

// The file's image, or a synthetic one of the given size if no file is named. An image that can't
// be read is Failure(kSomeFailed).
Image load_picture(const std::string& path, int width, int height);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_PICTURE_H_
