#include "cli/bench/speed/baseline.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "cli/exit_codes.h"
#include "common/json_text.h"
#include "core/file.h"

namespace lasso::app {

namespace {

// Limits that no real file comes near.
constexpr std::uintmax_t kMostBytes = 16 << 20;
constexpr int kMaxDepth = 8;
constexpr std::size_t kMostSamples = 100'000;
constexpr std::size_t kLongestName = 200;
constexpr double kMostMs = 1e9;

// What is wrong with the file.
using Problem = std::invalid_argument;

double milliseconds(const OrderedJson& value, const std::string& key) {
  const double ms = value.is_number() ? value.get<double>() : 0;
  if (!std::isfinite(ms) || ms <= 0 || ms > kMostMs) {
    throw Problem(
        fmt::format("\"{}\": expected milliseconds greater than 0, got {}", key, shown(value)));
  }
  return ms;
}

std::uint64_t whole_number(const OrderedJson& value, const std::string& key) {
  if (!value.is_number_unsigned()) {
    throw Problem(fmt::format("\"{}\": expected a whole number, got {}", key, shown(value)));
  }
  return value.get<std::uint64_t>();
}

// A mean, samples, or an object as in results.json.
StageTimes stage_times(const OrderedJson& value, const std::string& key) {
  StageTimes times;
  if (value.is_object()) {
    if (!value.contains("mean_ms")) throw Problem(fmt::format("\"{}\": has no \"mean_ms\"", key));
    times.mean_ms = milliseconds(value["mean_ms"], "mean_ms");
    if (value.contains("median_ms"))
      times.median_ms = milliseconds(value["median_ms"], "median_ms");
    if (value.contains("p95_ms")) times.p95_ms = milliseconds(value["p95_ms"], "p95_ms");
    if (value.contains("min_ms")) times.min_ms = milliseconds(value["min_ms"], "min_ms");
    if (value.contains("runs")) times.runs = whole_number(value["runs"], "runs");
    return times;
  }
  if (!value.is_array()) {
    times.mean_ms = milliseconds(value, key);
    return times;
  }
  if (value.empty() || value.size() > kMostSamples) {
    throw Problem(
        fmt::format("\"{}\": expected 1 to {} samples, got {}", key, kMostSamples, value.size()));
  }
  std::vector<double> samples;
  for (const OrderedJson& sample : value) samples.push_back(milliseconds(sample, key));
  return times_of(std::move(samples));
}

// The number of "decode_16" behind "decode_"; 0 for any other text.
int number_behind(const std::string& key, const std::string& prefix) {
  if (key.rfind(prefix, 0) != 0) return 0;
  const std::string number = key.substr(prefix.size());
  const bool digits = !number.empty() && number.size() <= 4 && number[0] != '0' &&
                      number.find_first_not_of("0123456789") == std::string::npos;
  return digits ? std::stoi(number) : 0;
}

// Whether it is a key that SpeedStage::key() makes: one image is "encode", without a number.
bool is_stage(const std::string& key) {
  if (key == "encode" || key == "end_to_end") return true;
  const int images = number_behind(key, "encode_");
  const int prompts = number_behind(key, "decode_");
  return (images >= 2 && images <= kMostImages) || (prompts >= 1 && prompts <= kMostPrompts);
}

// "encode_ms" in `timings`, "encode" in `stages`.
std::map<std::string, StageTimes> read_stages(const OrderedJson& json, const char* name,
                                              const std::string& suffix) {
  if (!json.contains(name) || !json[name].is_object() || json[name].empty()) {
    throw Problem(fmt::format("expected \"{}\", an object with times", name));
  }
  std::map<std::string, StageTimes> stages;
  for (const auto& [key, value] : json[name].items()) {
    const bool ends = key.size() > suffix.size() &&
                      key.compare(key.size() - suffix.size(), suffix.size(), suffix) == 0;
    const std::string stage = ends ? key.substr(0, key.size() - suffix.size()) : "";
    if (!is_stage(stage)) {
      throw Problem(
          fmt::format("\"{0}\": expected \"encode{1}\", \"encode_N{1}\" with N from 2 to {2}, "
                      "\"decode_N{1}\" with N from 1 to {3}, or \"end_to_end{1}\"",
                      key, suffix, kMostImages, kMostPrompts));
    }
    stages.emplace(stage, stage_times(value, key));
  }
  return stages;
}

SpeedRow read_row(const OrderedJson& json) {
  if (!json.is_object()) throw Problem("expected an object, got " + shown(json));
  if (json.contains("candidates")) {
    const OrderedJson& candidates = json["candidates"];
    if (!candidates.is_array() || candidates.empty()) {
      throw Problem("\"candidates\": expected at least one");
    }
    if (!candidates[0].is_object() || candidates[0].contains("candidates")) {
      throw Problem("\"candidates\": expected objects");
    }
    return read_row(candidates[0]);
  }
  SpeedRow row;
  row.imported = true;
  if (!json.contains("name") || !json["name"].is_string()) {
    throw Problem("expected \"name\", a text");
  }
  row.name = json["name"].get<std::string>();
  if (row.name.empty() || row.name.size() > kLongestName) {
    throw Problem(
        fmt::format("\"name\": expected 1 to {} bytes, got {}", kLongestName, row.name.size()));
  }
  row.stages = json.contains("stages") ? read_stages(json, "stages", "")
                                       : read_stages(json, "timings", "_ms");
  if (json.contains("peak_rss_bytes")) {
    row.peak_rss_bytes = whole_number(json["peak_rss_bytes"], "peak_rss_bytes");
  }
  return row;
}

}  // namespace

SpeedRow parse_baseline(const std::string& text, const std::string& path) {
  try {
    if (is_too_deep(text, kMaxDepth)) {
      throw Problem(fmt::format("is nested more than {} levels deep", kMaxDepth));
    }
    const OrderedJson json = OrderedJson::parse(text, nullptr, false);
    if (json.is_discarded()) throw Problem("is not JSON");
    return read_row(json);
  } catch (const Problem& problem) {
    usage_error("--baseline {}: {}", path, problem.what());
  }
}

SpeedRow read_baseline(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_directory(status)) {
    if (!std::filesystem::is_regular_file(status)) {
      usage_error("--baseline {}: is not a regular file", path);
    }
    const std::uintmax_t bytes = std::filesystem::file_size(path, error);
    if (!error && bytes > kMostBytes) {
      usage_error("--baseline {}: has {} bytes, expected at most {}", path, bytes, kMostBytes);
    }
  }
  return parse_baseline(for_option("--baseline", [&] { return read_file(path); }), path);
}

}  // namespace lasso::app
