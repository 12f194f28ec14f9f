// Structs as JSON objects. A struct has one function that names its fields, either a member or,
// where the struct is another room's, a free one beside it:
//
//   static void fields(auto& op, auto& v) { v("epsilon", op.epsilon); }
//   template <class V> void fields(V& v, Preprocess& preprocess) { v("name", preprocess.name); }
//
// It writes, and it reads: then every field must be there, of its type and within its limits, and
// no other. What is read may come from anywhere. A type becomes a field by functions write_value
// and read_value beside it.
#ifndef LASSO_CORE_JSON_FIELDS_H_
#define LASSO_CORE_JSON_FIELDS_H_

#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/enum_names.h"
#include "core/json.h"

namespace lasso {

// What is wrong, in an error that names the place. The code is kCorruptFile.
[[noreturn]] inline void refuse(std::string_view where, std::string_view expected) {
  fail(ErrorCode::kCorruptFile, "{}: expected {}", where, expected);
}

// Text that may be shown: printable ASCII.
inline bool is_plain_text(std::string_view text, std::size_t limit) {
  if (text.empty() || text.size() > limit) return false;
  for (const char c : text) {
    if (c < ' ' || c > '~') return false;
  }
  return true;
}

inline constexpr std::size_t kMaxTextBytes = 256;
inline constexpr std::int64_t kMaxInteger = std::numeric_limits<std::int32_t>::max();

inline std::int64_t read_integer(const Json& json, std::int64_t min, std::int64_t max,
                                 const std::string& where) {
  const bool fits = json.is_number_unsigned()
                        ? json.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX)
                        : json.is_number_integer();
  if (!fits || json.get<std::int64_t>() < min || json.get<std::int64_t>() > max) {
    refuse(where, fmt::format("an integer from {} to {}", min, max));
  }
  return json.get<std::int64_t>();
}

inline Json write_value(std::int64_t value) { return value; }
inline void read_value(const Json& json, std::int64_t& value, const std::string& where) {
  value = read_integer(json, -kMaxInteger, kMaxInteger, where);
}

inline Json write_value(int value) { return value; }
inline void read_value(const Json& json, int& value, const std::string& where) {
  value = static_cast<int>(read_integer(json, -kMaxInteger, kMaxInteger, where));
}

inline Json write_value(bool value) { return value; }
inline void read_value(const Json& json, bool& value, const std::string& where) {
  if (!json.is_boolean()) refuse(where, "true or false");
  value = json.get<bool>();
}

inline Json write_value(double value) { return value; }
inline void read_value(const Json& json, double& value, const std::string& where) {
  if (!json.is_number()) refuse(where, "a number");
  value = json.get<double>();
}

// Exact: a float is a double, whose decimal digits read back as it.
inline Json write_value(float value) { return static_cast<double>(value); }
inline void read_value(const Json& json, float& value, const std::string& where) {
  constexpr double kMax = std::numeric_limits<float>::max();
  const double number = json.is_number() ? json.get<double>() : kMax * 2;
  if (!(std::abs(number) <= kMax)) refuse(where, "a finite number");
  value = static_cast<float>(number);
}

inline Json write_value(const std::string& value) { return value; }
inline void read_value(const Json& json, std::string& value, const std::string& where) {
  if (!json.is_string() || !is_plain_text(json.get_ref<const std::string&>(), kMaxTextBytes)) {
    refuse(where, "a text of printable characters");
  }
  value = json.get<std::string>();
}

template <typename E>
requires std::is_enum_v<E> Json write_value(E value) {
  for (const auto& [entry, name] : names_of(EnumTag<E>())) {
    if (entry == value) return std::string(name);
  }
  fail(ErrorCode::kInternal, "value {} of an enumeration has no name", static_cast<int>(value));
}
template <typename E>
requires std::is_enum_v<E>
void read_value(const Json& json, E& value, const std::string& where) {
  std::vector<std::string_view> known;
  for (const auto& [entry, name] : names_of(EnumTag<E>())) {
    if (json.is_string() && json.get_ref<const std::string&>() == name) {
      value = entry;
      return;
    }
    known.push_back(name);
  }
  refuse(where, fmt::format("one of {}", fmt::join(known, ", ")));
}

// A JSON array of at most `limit` elements.
inline const Json& read_array(const Json& json, std::size_t limit, std::string_view where) {
  if (!json.is_array() || json.size() > limit) {
    refuse(where, fmt::format("an array of at most {} elements", limit));
  }
  return json;
}

inline constexpr std::size_t kMaxList = 4096;

template <typename T>
Json write_value(const std::vector<T>& values) {
  Json json = Json::array();
  for (const T& value : values) json.push_back(write_value(value));
  return json;
}
template <typename T>
void read_value(const Json& json, std::vector<T>& values, const std::string& where) {
  values.clear();
  for (const Json& element : read_array(json, kMaxList, where)) {
    read_value(element, values.emplace_back(), where);
  }
}

template <typename T, std::size_t kCount>
Json write_value(const std::array<T, kCount>& values) {
  Json json = Json::array();
  for (const T& value : values) json.push_back(write_value(value));
  return json;
}
template <typename T, std::size_t kCount>
void read_value(const Json& json, std::array<T, kCount>& values, const std::string& where) {
  if (!json.is_array() || json.size() != kCount) {
    refuse(where, fmt::format("an array of {} elements", kCount));
  }
  for (std::size_t i = 0; i < kCount; ++i) read_value(json[i], values[i], where);
}

// Calls v(name, member, hints...) for every field of the struct.
template <typename T, typename V>
void visit_fields(T& value, V& v) {
  if constexpr (requires { T::fields(value, v); }) {
    T::fields(value, v);
  } else {
    fields(v, value);
  }
}

// Hints are about printing, and mean nothing here.
class FieldWriter {
 public:
  template <typename T, typename... Hints>
  void operator()(const char* name, const T& value, const Hints&... /*hints*/) {
    json_[name] = write_value(value);
  }
  Json take() { return std::move(json_); }

 private:
  Json json_ = Json::object();
};

class FieldReader {
 public:
  FieldReader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) refuse(where_, "an object");
  }

  template <typename T, typename... Hints>
  void operator()(const char* name, T& value, const Hints&... /*hints*/) {
    read_value(at(name), value, where_ + "." + name);
  }
  const Json& at(const char* name) {
    const auto it = json_.find(name);
    if (it == json_.end()) refuse(where_, fmt::format("a field \"{}\"", name));
    ++read_;
    return *it;
  }
  bool has(const char* name) const { return json_.contains(name); }
  std::string where(const char* name) const { return where_ + "." + name; }

  // Every field must have been read.
  void finish() const {
    if (json_.size() != read_) refuse(where_, fmt::format("{} fields", read_));
  }

 private:
  const Json& json_;
  std::string where_;
  std::size_t read_ = 0;
};

template <typename T>
Json write_fields(T value) {
  FieldWriter writer;
  visit_fields(value, writer);
  return writer.take();
}

template <typename T>
T read_fields(const Json& json, const std::string& where) {
  T value;
  FieldReader reader(json, where);
  visit_fields(value, reader);
  reader.finish();
  return value;
}

// Parses JSON of limited depth. Throws kCorruptFile.
Json parse_json(std::string_view text, const std::string& where);

}  // namespace lasso

#endif  // LASSO_CORE_JSON_FIELDS_H_
