// --range: which values of the pictures become 0 and 255.
#ifndef LASSO_CLI_RANGE_H_
#define LASSO_CLI_RANGE_H_

#include <string>
#include <vector>

#include "cli/parser.h"
#include "common/pictures.h"

namespace lasso::app {

void add_range_option(CLI::App* app, std::string* range, const std::string& otherwise,
                      const std::string& group);

// "auto", "full" or "LO:HI"; an empty text is "full".
RangeChoice parse_range(const std::string& text);

// PictureReader::find_range(), with a progress line, a note, and a warning about pictures that do
// not fit the others.
void find_range(const std::vector<std::string>& pictures, PictureReader* reader);

}  // namespace lasso::app

#endif  // LASSO_CLI_RANGE_H_
