// Values as pickle's oldest protocols write them: as text, on lines of their own.
#ifndef LASSO_FORMATS_PYTORCH_PICKLE_TEXT_H_
#define LASSO_FORMATS_PYTORCH_PICKLE_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lasso {

// A decimal integer; none if it is not one or does not fit.
std::optional<std::int64_t> parse_pickle_integer(std::string_view text);

// Whether the text is a decimal integer of any size.
bool is_pickle_integer(std::string_view text);

// What Python's repr() writes of a float, "inf" and "nan" included.
std::optional<double> parse_pickle_real(std::string_view text);

// A string in quotation marks with Python's backslash escapes, as repr() writes it.
std::optional<std::string> parse_pickle_string(std::string_view text);

// Python's raw-unicode-escape: Latin-1 with \uXXXX and \UXXXXXXXX for other characters; as UTF-8.
// None for an escape that is cut off or no character.
std::optional<std::string> parse_pickle_unicode(std::string_view text);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_PICKLE_TEXT_H_
