// A folder of pictures that an option names.
#ifndef LASSO_CLI_PICTURE_FOLDER_H_
#define LASSO_CLI_PICTURE_FOLDER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "eval/evaluation_set.h"

namespace lasso::app {

// The folder's pictures. How many other files and folders are in it is said on standard error, and
// their names are if verbose.
AccuracySet read_picture_folder(const std::string& option, const std::string& folder);

// Says how many other files and folders than its `pictures` are in a folder, and their names.
void tell_skipped(const std::string& folder, const std::vector<std::string>& skipped,
                  std::size_t pictures);

}  // namespace lasso::app

#endif  // LASSO_CLI_PICTURE_FOLDER_H_
