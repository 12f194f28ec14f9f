// Somebody else's text in our messages.
#ifndef LASSO_FORMATS_TEXT_H_
#define LASSO_FORMATS_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace lasso {

// `text` on one line: bytes outside printable ASCII become \xNN, and what is longer than `limit`
// ends in "...".
std::string printable(std::string_view text, std::size_t limit = 120);

}  // namespace lasso

#endif  // LASSO_FORMATS_TEXT_H_
