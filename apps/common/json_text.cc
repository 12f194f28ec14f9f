#include "common/json_text.h"

#include "core/utf8.h"

namespace lasso::app {

namespace {

// U+10FE80 to U+10FEFF, for the bytes 0x80 to 0xff, are f4 8f ba 80 to f4 8f bb bf in UTF-8. They
// are private use characters of the last plane, which names hardly ever have.
constexpr std::string_view kEscapeStart = "\xf4\x8f";

bool is_escape(std::string_view text) {
  return text.size() >= 4 && text.substr(0, 2) == kEscapeStart &&
         (text[2] == '\xba' || text[2] == '\xbb') && character_size(text) == 4;
}

void append_escape(std::string* text, char byte) {
  const unsigned low = static_cast<unsigned char>(byte) & 0x7fU;
  *text += kEscapeStart;
  *text += low < 0x40 ? '\xba' : '\xbb';
  *text += static_cast<char>(0x80U | (low & 0x3fU));
}

char escaped_byte(std::string_view escape) {
  const unsigned low = static_cast<unsigned char>(escape[3]) & 0x3fU;
  return static_cast<char>(0x80U | (escape[2] == '\xbb' ? 0x40U : 0U) | low);
}

}  // namespace

std::string json_name(std::string_view name) {
  std::string text;
  while (!name.empty()) {
    const std::size_t size = character_size(name);
    if (size > 0 && !is_escape(name)) {
      text += name.substr(0, size);
      name.remove_prefix(size);
    } else {
      // Of an escape's four bytes, those that follow begin no character, and get here as well.
      append_escape(&text, name.front());
      name.remove_prefix(1);
    }
  }
  return text;
}

std::string file_name(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    const bool escape = is_escape(text);
    name += escape ? escaped_byte(text) : text.front();
    text.remove_prefix(escape ? 4 : 1);
  }
  return name;
}

std::string json_line(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string shown(const OrderedJson& value) {
  std::string text = json_line(value);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace lasso::app
