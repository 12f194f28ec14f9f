// Pictures for commands that need any picture.
#ifndef LASSO_CLI_MODEL_PICTURE_H_
#define LASSO_CLI_MODEL_PICTURE_H_

#include <cstdint>
#include <string>

#include "lasso/image.h"

namespace lasso::app {

// A gradient with discs and a little noise; the same for the same arguments everywhere.
Image synthetic_image(int width, int height, std::uint64_t seed);

// The file's image, or a synthetic one of the given size if no file is named. An image that can't
// be read is Failure(kSomeFailed).
Image load_picture(const std::string& path, int width, int height);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_PICTURE_H_
