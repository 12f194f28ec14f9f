// Text inside other text: HTML, CSV, base64.
#ifndef LASSO_CLI_BENCH_REPORT_MARKUP_H_
#define LASSO_CLI_BENCH_REPORT_MARKUP_H_

#include <string>
#include <string_view>
#include <vector>

namespace lasso::app {

// For the content of elements and for attributes in double quotes. Control characters, which HTML
// forbids, become U+FFFD.
std::string escape_html(std::string_view text);

// One line of RFC 4180, with its line feed: values with commas, quotes or line breaks are quoted.
std::string csv_line(const std::vector<std::string>& values);

std::string base64(std::string_view bytes);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_REPORT_MARKUP_H_
