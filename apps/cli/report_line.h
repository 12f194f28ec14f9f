// Parts of the lines that tell a person what became of an image.
#ifndef LASSO_CLI_REPORT_LINE_H_
#define LASSO_CLI_REPORT_LINE_H_

#include <cstddef>
#include <string>

#include "common/json_text.h"

namespace lasso::app {

// The image's name in `name_width` columns, and its size.
std::string image_text(const std::string& path, int width, int height, std::size_t name_width);

// "3.1 ms", "35 ms"
std::string milliseconds(double ms);

// "  -> out/truck_overlay.png", or the first of several of a format with their number; empty where
// none were written. `files` is those of a report.
std::string files_text(const OrderedJson& files);

}  // namespace lasso::app

#endif  // LASSO_CLI_REPORT_LINE_H_
