// Names and numbers of a detector's classes.
#ifndef LASSO_COMMON_CLASS_NAMES_H_
#define LASSO_COMMON_CLASS_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

namespace lasso::app {

// Of the 80 classes that detectors are trained for on COCO, "person" first.
const std::vector<std::string>& coco_names();
// The category of such a class in COCO's own annotations, whose numbers go from 1 to 90 with gaps.
int coco_category(int class_id);

// A name on each line; empty lines at the end are passed over. Throws kInvalidArgument, with `name`
// and the line, for an empty name before another one and for what is not UTF-8, and where there is
// no name.
std::vector<std::string> parse_class_names(std::string_view text, const std::string& name);

// "dog", or "class 16" where there is no name.
std::string class_text(const std::vector<std::string>& names, int class_id);

}  // namespace lasso::app

#endif  // LASSO_COMMON_CLASS_NAMES_H_
