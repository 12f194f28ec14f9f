#include "formats/pytorch/pickle_text.h"

#include <algorithm>
#include <charconv>

namespace lasso {

namespace {

// `count` digits of a base from the text's beginning.
std::optional<std::uint32_t> digits(std::string_view text, std::size_t count, int base) {
  if (text.size() < count || count == 0) return std::nullopt;
  std::uint32_t value = 0;
  const char* end = text.data() + count;
  const auto result = std::from_chars(text.data(), end, value, base);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

bool append_utf8(std::uint32_t point, std::string* out) {
  if (point > 0x10ffff) return false;
  if (point < 0x80) {
    *out += static_cast<char>(point);
    return true;
  }
  const int tail = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  constexpr unsigned kLead[] = {0, 0xc0, 0xe0, 0xf0};
  *out += static_cast<char>(kLead[tail] | (point >> (6 * tail)));
  for (int i = tail - 1; i >= 0; --i) {
    *out += static_cast<char>(0x80U | ((point >> (6 * i)) & 0x3fU));
  }
  return true;
}

}  // namespace

std::optional<std::int64_t> parse_pickle_integer(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

bool is_pickle_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<double> parse_pickle_real(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

std::optional<std::string> parse_pickle_string(std::string_view text) {
  if (text.size() < 2 || (text.front() != '\'' && text.front() != '"') ||
      text.back() != text.front()) {
    return std::nullopt;
  }
  text = text.substr(1, text.size() - 2);
  constexpr std::string_view kEscapes = "\\'\"abfnrtv";
  constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
  std::string result;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\') {
      result += c;
      continue;
    }
    if (text.empty()) return std::nullopt;
    const char kind = text.front();
    if (const std::size_t at = kEscapes.find(kind); at != kEscapes.npos) {
      result += kMeanings[at];
      text.remove_prefix(1);
    } else if (kind == 'x') {
      const auto byte = digits(text.substr(1), 2, 16);
      if (!byte) return std::nullopt;
      result += static_cast<char>(*byte);
      text.remove_prefix(3);
    } else if (kind >= '0' && kind <= '7') {
      const std::size_t other = text.find_first_not_of("01234567");
      const std::size_t count = std::min({std::size_t{3}, other, text.size()});
      result += static_cast<char>(digits(text, count, 8).value_or(0));
      text.remove_prefix(count);
    } else {  // Python keeps the backslash of what is no escape.
      result += c;
    }
  }
  return result;
}

std::optional<std::string> parse_pickle_unicode(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const bool is_short = text.starts_with("\\u");
    if (is_short || text.starts_with("\\U")) {
      const std::size_t count = is_short ? 4 : 8;
      const auto point = digits(text.substr(2), count, 16);
      if (!point || !append_utf8(*point, &result)) return std::nullopt;
      text.remove_prefix(2 + count);
      continue;
    }
    // A backslash and what follows it belong together, so that a second one begins no escape.
    const std::size_t count = text.front() == '\\' ? std::min<std::size_t>(2, text.size()) : 1;
    for (const char c : text.substr(0, count)) {
      append_utf8(static_cast<unsigned char>(c), &result);
    }
    text.remove_prefix(count);
  }
  return result;
}

}  // namespace lasso
