// A picture made in code, for commands that need any picture.
#ifndef LASSO_CLI_SYNTHETIC_H_
#define LASSO_CLI_SYNTHETIC_H_

#include <cstdint>

#include "lasso/image.h"

namespace lasso::cli {

// A gradient with discs and a little noise; the same for the same arguments everywhere.
Image synthetic_image(int width, int height, std::uint64_t seed);

}  // namespace lasso::cli

#endif  // LASSO_CLI_SYNTHETIC_H_
