#include "common/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "core/utf8.h"

namespace lasso::app {

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool c0 = first < 0x20 || first == 0x7f;
    const bool c1 = size == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    const std::size_t taken = std::max<std::size_t>(size, 1);
    if (first == '\n') {
      result += "\\n";
    } else if (size == 0 || c0 || c1) {
      for (const char c : text.substr(0, taken)) {
        result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    } else {
      result += text.substr(0, taken);
    }
    text.remove_prefix(taken);
  }
  return result;
}

}  // namespace lasso::app
