// Standard input has one content, which is read once.
#ifndef LASSO_CLI_STANDARD_INPUT_H_
#define LASSO_CLI_STANDARD_INPUT_H_

#include <algorithm>
#include <string>
#include <vector>

#include "cli/exit_codes.h"
#include "common/pictures.h"

namespace lasso::app {

// Throws Failure(kUsage) where two of the images are standard input, or one of them and the file of
// `option`.
inline void check_standard_input(const std::vector<std::string>& images, const std::string& option,
                                 const std::string& file) {
  const auto count = std::count_if(images.begin(), images.end(), is_standard_input);
  if (count > 1)
    usage_error("IMAGE -: is given {} times, but standard input is one picture", count);
  if (count == 1 && is_standard_input(file)) {
    usage_error("{} {}: the image is standard input, too; name a file for one of the two", option,
                file);
  }
}

}  // namespace lasso::app

#endif  // LASSO_CLI_STANDARD_INPUT_H_
