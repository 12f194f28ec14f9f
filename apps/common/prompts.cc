#include "common/prompts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

#include "common/text.h"
#include "core/utf8.h"

namespace lasso::app {

namespace {

// What is wrong with a line.
using Problem = std::invalid_argument;

constexpr int kMaxDepth = 8;                  // deeper than any prompt
constexpr std::size_t kEscape = 6;            // characters of an escape in JSON
constexpr std::size_t kMaxKeys = 64;          // more than any prompt has
constexpr double kMostExactInteger = 0x1p53;  // beyond, doubles are not all integers

// Whether an escape of this kind of surrogate, with a first digit after "\ud" from `low` to `high`,
// stands at a place.
bool is_surrogate(std::string_view line, std::size_t at, char low, char high) {
  const std::string_view escape = line.substr(std::min(at, line.size()), kEscape);
  const char digit = escape.size() == kEscape ? static_cast<char>(std::tolower(escape[3])) : '\0';
  return (escape.starts_with("\\ud") || escape.starts_with("\\uD")) && digit >= low &&
         digit <= high;
}

// The place of half a surrogate pair at which the parser stopped; Python writes names that are not
// UTF-8 so.
std::optional<std::size_t> lone_surrogate(std::string_view line, std::size_t at) {
  const std::size_t escape = line.rfind("\\u", at);
  if (escape == line.npos || at - escape > kEscape) return std::nullopt;
  const bool after_first = escape >= kEscape && is_surrogate(line, escape - kEscape, '8', 'b');
  const bool lone = is_surrogate(line, escape, '8', 'b') ||
                    (is_surrogate(line, escape, 'c', 'f') && !after_first);
  return lone ? std::optional(escape) : std::nullopt;
}

// What keeps a line from being JSON. `byte` counts from 1, and is the last one that was read.
std::string not_json(const std::string& line, std::size_t byte) {
  const std::size_t at = std::clamp<std::size_t>(byte, 1, line.size() + 1) - 1;
  // Text is read before it is parsed, as far as a person is concerned.
  for (std::string_view rest = line; !rest.empty();) {
    const std::size_t size = character_size(rest);
    if (size == 0) {
      return fmt::format(
          "is not UTF-8 at column {} (byte \\x{:02x}); a name that is not is written as --json "
          "writes it",
          line.size() - rest.size() + 1, static_cast<unsigned char>(rest.front()));
    }
    rest.remove_prefix(size);
  }
  if (const auto escape = lone_surrogate(line, at)) {
    return fmt::format(
        "is not JSON: {} at column {} is half a character; a name that is not UTF-8 is written as "
        "--json writes it",
        line.substr(*escape, kEscape), *escape + 1);
  }
  if (at >= line.size()) return "is not JSON: it ends too early";
  const std::string_view rest = std::string_view(line).substr(at);
  return fmt::format("is not JSON: \"{}\" is not expected at column {}",
                     printable(rest.substr(0, std::max<std::size_t>(character_size(rest), 1))),
                     at + 1);
}

// Whether a key is there with a value: null says the same as leaving it out.
bool has(const OrderedJson& line, const char* key) {
  const auto value = line.find(key);
  return value != line.end() && !value->is_null();
}

float coordinate(const OrderedJson& value, const char* key) {
  const bool number = value.is_number();
  const float result = number ? value.get<float>() : 0.0F;
  if (!number || !std::isfinite(result)) {
    throw Problem(fmt::format("\"{}\": expected finite numbers, got {}", key, shown(value)));
  }
  return result;
}

std::vector<Point> read_points(const OrderedJson& line) {
  std::vector<Point> points;
  const OrderedJson& rows = line.at("points");
  if (!rows.is_array()) {
    throw Problem(fmt::format("\"points\": expected [[x, y], ...], got {}", shown(rows)));
  }
  for (const OrderedJson& row : rows) {
    if (!row.is_array() || row.size() != 2) {
      throw Problem(fmt::format("\"points\": expected pairs [x, y], got {}", shown(row)));
    }
    points.push_back({coordinate(row[0], "points"), coordinate(row[1], "points")});
  }
  return points;
}

void read_labels(const OrderedJson& line, std::vector<Point>* points) {
  const OrderedJson& labels = line.at("labels");
  if (!labels.is_array() || labels.size() != points->size()) {
    throw Problem(fmt::format("\"labels\": expected one label for each of {} points, got {}",
                              points->size(), shown(labels)));
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != 0 && labels[i] != 1) {
      throw Problem(fmt::format("\"labels\": expected 1 (this object) or 0 (not this), got {}",
                                shown(labels[i])));
    }
    (*points)[i].label = labels[i] == 1 ? PointLabel::kForeground : PointLabel::kBackground;
  }
}

Box read_box(const OrderedJson& line) {
  const OrderedJson& values = line.at("box");
  if (!values.is_array() || values.size() != 4) {
    throw Problem(fmt::format("\"box\": expected [x0, y0, x1, y1], got {}", shown(values)));
  }
  const Box box{coordinate(values[0], "box"), coordinate(values[1], "box"),
                coordinate(values[2], "box"), coordinate(values[3], "box")};
  if (const auto problem = box_problem(box)) throw Problem("\"box\": " + *problem);
  return box;
}

lasso::Prompt read_prompt(const OrderedJson& line) {
  constexpr std::array<const char*, 6> kKeys = {"image", "points",    "labels",
                                                "box",   "multimask", "id"};
  for (const auto& item : line.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), item.key()) == kKeys.end()) {
      throw Problem(fmt::format(
          "unknown key \"{}\"; expected image, points, labels, box, multimask or id", item.key()));
    }
  }
  lasso::Prompt prompt;
  if (has(line, "points")) prompt.points = read_points(line);
  if (has(line, "labels")) read_labels(line, &prompt.points);
  if (has(line, "box")) prompt.box = read_box(line);
  if (prompt.points.empty() && !prompt.box) throw Problem("no prompt: expected points or a box");
  return prompt;
}

bool read_multimask(const OrderedJson& line, bool default_multimask) {
  if (!has(line, "multimask")) return default_multimask;
  const OrderedJson& value = line["multimask"];
  if (!value.is_boolean()) {
    throw Problem(fmt::format("\"multimask\": expected true or false, got {}", shown(value)));
  }
  return value.get<bool>();
}

std::string read_image_path(const OrderedJson& line, const std::string& default_image) {
  if (!has(line, "image")) {
    if (default_image.empty()) throw Problem("\"image\" is missing");
    return default_image;
  }
  const OrderedJson& image = line["image"];
  if (!image.is_string() || image.get_ref<const std::string&>().empty()) {
    throw Problem(fmt::format("\"image\": expected the path of an image, got {}", shown(image)));
  }
  std::string path = file_name(image.get_ref<const std::string&>());
  if (path.find('\0') != std::string::npos) {
    throw Problem(fmt::format("\"image\": expected a path without U+0000, got {}", shown(image)));
  }
  return path;
}

// Numbers keep their value: an integer beyond 64 bits would be rounded.
OrderedJson read_id(const OrderedJson& line) {
  const OrderedJson& id = line["id"];
  const bool exact = !id.is_number_float() || std::abs(id.get<double>()) <= kMostExactInteger;
  if ((!id.is_string() && !id.is_number()) || !exact) {
    throw Problem(
        fmt::format("\"id\": expected a string, or a number that 64 bits hold, got {}", shown(id)));
  }
  return id;
}

// Parses a line; a key that stands in it twice is an error, since one of the values would be lost.
OrderedJson parse_line(const std::string& text) {
  std::string repeated;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const OrderedJson::parser_callback_t note_keys =
      [&](int /*depth*/, OrderedJson::parse_event_t event, OrderedJson& value) {
        if (event == OrderedJson::parse_event_t::object_start) keys.emplace_back();
        if (event == OrderedJson::parse_event_t::object_end) keys.pop_back();
        if (event == OrderedJson::parse_event_t::key) {
          const auto& key = value.get_ref<const std::string&>();
          if (!keys.back().insert(key).second) repeated = key;
          // An object of this JSON library takes time with the square of its keys.
          if (keys.back().size() > kMaxKeys) {
            throw Problem(fmt::format("has an object of more than {} keys", kMaxKeys));
          }
        }
        return true;
      };
  OrderedJson line;
  try {
    line = OrderedJson::parse(text, note_keys);
  } catch (const OrderedJson::parse_error& error) {
    throw Problem(not_json(text, error.byte));
  } catch (const OrderedJson::out_of_range&) {
    throw Problem("is not JSON that can be read: a number is too large");
  }
  if (!repeated.empty()) throw Problem(fmt::format("\"{}\" stands in it twice", repeated));
  if (!line.is_object()) {
    throw Problem(fmt::format("expected a JSON object, got {}", shown(line)));
  }
  return line;
}

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

PromptFile parse_prompts(const std::string& text, const std::string& name,
                         const std::string& default_image, bool default_multimask) {
  PromptFile file;
  std::unordered_map<std::string, std::size_t> index;
  const std::vector<std::string> lines = split_lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find_first_not_of(" \t\r") == std::string::npos) continue;
    PromptTask task;
    task.source = fmt::format("{}:{}", name, i + 1);
    ImageTask* image = nullptr;
    try {
      if (is_too_deep(lines[i], kMaxDepth)) {
        throw Problem(fmt::format("is nested more than {} levels deep", kMaxDepth));
      }
      const OrderedJson line = parse_line(lines[i]);
      file.some_name_none |= !has(line, "image");
      const std::string image_path = read_image_path(line, default_image);
      const auto [entry, is_new] = index.emplace(image_path, file.images.size());
      if (is_new) file.images.push_back({image_path, {}, {}});
      image = &file.images[entry->second];
      if (has(line, "id")) task.id = read_id(line);
      task.prompt = read_prompt(line);
      task.multimask = read_multimask(line, default_multimask);
      image->prompts.push_back(task);
    } catch (const Problem& error) {
      auto& failures = image != nullptr ? image->failures : file.failures;
      failures.push_back({task.source, task.id, error.what()});
    }
  }
  return file;
}

std::optional<std::string> box_problem(const Box& box) {
  for (const float value : {box.x0, box.y0, box.x1, box.y1}) {
    if (!std::isfinite(value)) return fmt::format("the box is not finite: {}", value);
  }
  if (box.x0 >= box.x1) {
    return fmt::format("the box has no area: x0 = {} must be less than x1 = {}", box.x0, box.x1);
  }
  if (box.y0 >= box.y1) {
    return fmt::format("the box has no area: y0 = {} must be less than y1 = {}", box.y0, box.y1);
  }
  return std::nullopt;
}

std::optional<std::string> prompt_problem(const Prompt& prompt, int width, int height) {
  for (const Point& point : prompt.points) {
    const bool inside = point.x >= 0 && point.x <= static_cast<float>(width) && point.y >= 0 &&
                        point.y <= static_cast<float>(height);
    if (!inside) {
      return fmt::format("point {},{} lies outside the image of {}x{} pixels", point.x, point.y,
                         width, height);
    }
  }
  return std::nullopt;
}

}  // namespace lasso::app
