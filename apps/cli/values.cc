#include "cli/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "cli/exit_codes.h"
#include "common/prompts.h"

namespace lasso::app {

namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.push_back(trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::optional<double> to_double(std::string_view text) {
  text = trim(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<float> to_float(std::string_view text) {
  const std::optional<double> value = to_double(text);
  if (!value || !std::isfinite(static_cast<float>(*value))) return std::nullopt;
  return static_cast<float>(*value);
}

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::int64_t parse_integer(const std::string& option, const std::string& text, std::int64_t min,
                           std::int64_t max) {
  const std::optional<std::int64_t> value = to_integer(text);
  if (!value || *value < min || *value > max) {
    usage_error("{} {}: expected a whole number from {} to {}", option, text, min, max);
  }
  return *value;
}

std::uint64_t parse_bytes(const std::string& option, const std::string& text) {
  constexpr std::string_view kUnits = "KMG";
  std::string_view digits = text;
  unsigned shift = 0;
  const char last = digits.empty() ? '\0' : digits.back();
  const std::size_t unit =
      kUnits.find(last >= 'a' && last <= 'z' ? static_cast<char>(last - 32) : last);
  if (unit != std::string_view::npos) {
    shift = 10 * (static_cast<unsigned>(unit) + 1);
    digits.remove_suffix(1);
  }
  const std::optional<std::int64_t> value = to_integer(digits);
  if (!value || *value < 1 || *value > (std::int64_t{1} << 50) >> shift) {
    usage_error("{} {}: expected a number of bytes such as 536870912, 512M or 2G", option, text);
  }
  return static_cast<std::uint64_t>(*value) << shift;
}

double parse_positive(const std::string& option, const std::string& text) {
  const std::optional<double> value = to_double(text);
  if (!value || *value <= 0) usage_error("{} {}: expected a number above 0", option, text);
  return *value;
}

double parse_not_negative(const std::string& option, const std::string& text) {
  const std::optional<double> value = to_double(text);
  if (!value || *value < 0) usage_error("{} {}: expected a number of 0 or more", option, text);
  return *value;
}

std::string join_choices(const std::vector<std::string>& choices) {
  std::string result;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) result += i + 1 == choices.size() ? " or " : ", ";
    result += choices[i];
  }
  return result;
}

std::string parse_choice(const std::string& option, const std::string& text,
                         const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), text) == allowed.end()) {
    usage_error("{} {}: expected {}", option, text, join_choices(allowed));
  }
  return text;
}

std::vector<std::string> parse_choices(const std::string& option, const std::string& text,
                                       const std::vector<std::string>& allowed) {
  std::vector<std::string> result;
  for (const std::string_view part : split(text)) {
    const std::string value(part);
    if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
      usage_error("{} {}: \"{}\" is not known; expected a comma list of {}", option, text, value,
                  join_choices(allowed));
    }
    if (std::find(result.begin(), result.end(), value) == result.end()) result.push_back(value);
  }
  return result;
}

std::vector<std::int64_t> parse_integers(const std::string& option, const std::string& text,
                                         std::int64_t min, std::int64_t max) {
  std::vector<std::int64_t> result;
  for (const std::string_view part : split(text)) {
    const std::optional<std::int64_t> value = to_integer(part);
    if (!value || *value < min || *value > max) {
      usage_error("{} {}: expected a comma list of whole numbers from {} to {}", option, text, min,
                  max);
    }
    result.push_back(*value);
  }
  return result;
}

SizeRange parse_profile(const std::string& option, const std::string& text) {
  const std::size_t equals = text.rfind('=');
  SizeRange range;
  std::vector<std::int64_t> sizes;
  if (equals != std::string::npos && equals > 0) {
    range.symbol = text.substr(0, equals);
    std::string_view rest = std::string_view(text).substr(equals + 1);
    while (true) {
      const std::size_t colon = rest.find(':');
      sizes.push_back(to_integer(rest.substr(0, colon)).value_or(0));
      if (colon == std::string_view::npos) break;
      rest.remove_prefix(colon + 1);
    }
  }
  if (sizes.size() != 3 || sizes[0] < 1 || sizes[1] < sizes[0] || sizes[2] < sizes[1] ||
      sizes[2] > SizeRange::kMost) {
    usage_error("{} {}: expected NAME=MIN:OPT:MAX with 1 <= MIN <= OPT <= MAX <= {}", option, text,
                SizeRange::kMost);
  }
  range.min = sizes[0];
  range.opt = sizes[1];
  range.max = sizes[2];
  return range;
}

std::optional<std::vector<int>> gpus_of(const std::string& device) {
  constexpr int kMost = 1024;
  constexpr std::string_view kPrefix = "cuda:";
  if (device == "cpu") return std::vector<int>{};
  if (device == "cuda") return std::vector<int>{0};
  std::string_view text = device;
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  std::vector<int> gpus;
  for (const std::string_view part : split(text)) {
    const std::optional<std::int64_t> gpu = to_integer(part);
    if (!gpu || *gpu < 0 || *gpu > kMost) return std::nullopt;
    gpus.push_back(static_cast<int>(*gpu));
  }
  return gpus;
}

std::vector<int> parse_device(const std::string& option, const std::string& text) {
  const std::optional<std::vector<int>> gpus = gpus_of(text);
  if (!gpus) {
    usage_error("{} {}: expected cpu, cuda, or cuda with GPUs, such as cuda:1 or cuda:0,1", option,
                text);
  }
  return *gpus;
}

namespace {

constexpr std::string_view kCapability = "sm_";

}  // namespace

bool is_capability(const std::string& isa) { return isa.starts_with(kCapability); }

std::optional<int> capability_of(const std::string& isa) {
  constexpr int kMost = 999;
  if (!is_capability(isa)) return std::nullopt;
  const std::string_view text = std::string_view(isa).substr(kCapability.size());
  const std::optional<std::int64_t> sm = to_integer(text);
  if (!sm || *sm < 1 || *sm > kMost) return std::nullopt;
  return static_cast<int>(*sm);
}

int parse_capability(const std::string& option, const std::string& text) {
  if (text.ends_with('a') || text.ends_with('f')) {
    const std::string number = text.substr(0, text.size() - 1);
    if (capability_of(number)) {
      usage_error("{} {}: expected {}; only LASSO_CUDA_ARCHITECTURES of the build has the letter",
                  option, text, number);
    }
  }
  const std::optional<int> sm = capability_of(text);
  if (!sm || *sm < kLeastCapability) {
    usage_error("{} {}: on GPUs a compute capability from sm_{} is expected, such as sm_80", option,
                text, kLeastCapability);
  }
  return *sm;
}

std::pair<int, int> parse_size(const std::string& option, const std::string& text) {
  constexpr std::int64_t kMost = 1 << 20;
  const std::vector<std::string_view> parts = split(text);
  if (parts.size() != 2) {
    usage_error("{} {}: expected W,H in pixels, as in 1800,1200", option, text);
  }
  const auto side = [&](std::string_view part) {
    return static_cast<int>(parse_integer(option, std::string(part), 1, kMost));
  };
  return {side(parts[0]), side(parts[1])};
}

Point parse_point(const std::string& text) {
  const std::vector<std::string_view> parts = split(text);
  if (parts.size() != 2 && parts.size() != 3) {
    usage_error("--point {}: expected X,Y or X,Y,LABEL in pixels of the image, as in 250,187,1",
                text);
  }
  const std::optional<float> x = to_float(parts[0]);
  const std::optional<float> y = to_float(parts[1]);
  if (!x || !y) {
    usage_error("--point {}: \"{}\" is not a finite number; expected X,Y or X,Y,LABEL", text,
                x ? parts[1] : parts[0]);
  }
  Point point{*x, *y, PointLabel::kForeground};
  if (parts.size() == 3) {
    if (parts[2] != "0" && parts[2] != "1") {
      usage_error("--point {}: label \"{}\": expected 1 (this object) or 0 (not this)", text,
                  parts[2]);
    }
    point.label = parts[2] == "1" ? PointLabel::kForeground : PointLabel::kBackground;
  }
  return point;
}

Box parse_box(const std::string& text) {
  const std::vector<std::string_view> parts = split(text);
  std::vector<float> values;
  for (const std::string_view part : parts) {
    if (const std::optional<float> value = to_float(part)) values.push_back(*value);
  }
  if (parts.size() != 4 || values.size() != 4) {
    usage_error("--box {}: expected four finite numbers X0,Y0,X1,Y1 in pixels of the image", text);
  }
  const Box box{values[0], values[1], values[2], values[3]};
  if (const auto problem = box_problem(box)) usage_error("--box {}: {}", text, *problem);
  return box;
}

}  // namespace lasso::app
