// The result for an image as a person reads it.
#ifndef LASSO_CLI_SEGMENT_REPORT_TEXT_H_
#define LASSO_CLI_SEGMENT_REPORT_TEXT_H_

#include <cstddef>
#include <string>

#include "common/result_json.h"

namespace lasso::app {

// Lines without a line feed at the end; names are padded to `name_width`.
std::string to_text(const ImageReport& report, std::size_t name_width);

}  // namespace lasso::app

#endif  // LASSO_CLI_SEGMENT_REPORT_TEXT_H_
