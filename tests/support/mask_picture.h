// Masks drawn with characters.
#ifndef LASSO_TESTS_SUPPORT_MASK_PICTURE_H_
#define LASSO_TESTS_SUPPORT_MASK_PICTURE_H_

#include <string>
#include <vector>

#include "lasso/mask.h"

namespace lasso::test {

// '#' is inside. Rows of one length.
inline Mask mask_picture(const std::vector<std::string>& rows) {
  Mask mask;
  mask.height = static_cast<int>(rows.size());
  mask.width = static_cast<int>(rows.front().size());
  for (const std::string& row : rows) {
    for (const char c : row) mask.data.push_back(c == '#' ? 1 : 0);
  }
  return mask;
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_MASK_PICTURE_H_
