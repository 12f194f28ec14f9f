// Somebody else's text, such as a file's name, in what a person sees.
#ifndef LASSO_COMMON_TEXT_H_
#define LASSO_COMMON_TEXT_H_

#include <string>
#include <string_view>

namespace lasso::app {

// The text with control characters (C0 and C1) and bytes that are not UTF-8 escaped, so that a
// file's name neither breaks the line nor commands the terminal.
std::string printable(std::string_view text);

}  // namespace lasso::app

#endif  // LASSO_COMMON_TEXT_H_
