// Somebody else's text, such as a file's name, in what a person sees.
#ifndef LASSO_COMMON_TEXT_H_
#define LASSO_COMMON_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace lasso::app {

// The text with control characters (C0 and C1) and bytes that are not UTF-8 escaped, so that a
// file's name neither breaks the line nor commands the terminal.
std::string printable(std::string_view text);

// Bytes of the UTF-8 character that `text`, which is not empty, begins with; 0 if it begins with
// none. Overlong forms, surrogates and what lies beyond U+10FFFF count as none.
std::size_t character_size(std::string_view text);

}  // namespace lasso::app

#endif  // LASSO_COMMON_TEXT_H_
