// What became of an image, for a person.
#ifndef LASSO_CLI_DETECT_REPORT_TEXT_H_
#define LASSO_CLI_DETECT_REPORT_TEXT_H_

#include <cstddef>
#include <string>

#include "common/detections.h"

namespace lasso::app {

// "dog.jpg  800x534  3 objects: 2 person, 1 dog  detect 35 ms -> dog_overlay.png". The image's name
// has `name_width` columns.
std::string to_text(const DetectReport& report, const Classes& classes, std::size_t name_width);

}  // namespace lasso::app

#endif  // LASSO_CLI_DETECT_REPORT_TEXT_H_
