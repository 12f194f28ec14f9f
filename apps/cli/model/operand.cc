#include "cli/model/operand.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/values.h"
#include "common/model_files.h"
#include "lasso/machine.h"

namespace lasso::app {

namespace {

const std::vector<std::string>& variants() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {"fast", "reference"};
    all.insert(all.end(), precision_names().begin(), precision_names().end());
    all.insert(all.end(), isa_names().begin(), isa_names().end());
    return all;
  }();
  return names;
}

bool is_one_of(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "int8+avx2" names two.
std::vector<std::string> split(const std::string& variant) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = variant.find('+', begin);
    parts.push_back(variant.substr(begin, end - begin));
    if (end == std::string::npos) return parts;
    begin = end + 1;
  }
}

// Names that exclude each other: of one variant at most one of each list may be given.
void check_contradictions(const std::string& text, const std::vector<std::string>& parts) {
  static const std::vector<std::string> kernels{"fast", "reference"};
  for (const auto* names : {&kernels, &precision_names(), &isa_names()}) {
    std::string first;
    for (const std::string& part : parts) {
      if (!is_one_of(*names, part)) continue;
      if (!first.empty()) usage_error("{}: {} and {}: expected one of them", text, first, part);
      first = part;
    }
  }
}

}  // namespace

std::string Operand::short_name() const {
  const std::string name = std::filesystem::path(file).filename().string();
  return (name.empty() ? file : name) + "@" + variant;
}

Operand parse_operand(const std::string& text, const std::string& default_variant) {
  std::error_code ignored;
  const std::size_t at = text.rfind('@');
  if (at == std::string::npos || std::filesystem::exists(text, ignored)) {
    return {text, default_variant};
  }
  const std::string variant = text.substr(at + 1);
  const std::vector<std::string> parts = split(variant);
  for (const std::string& part : parts) {
    if (!is_one_of(variants(), part)) {
      usage_error("{}: variant \"{}\": expected FILE@VARIANT with {}, or several of them with +",
                  text, part, join_choices(variants()));
    }
    if (is_one_of(isa_names(), part) && lasso::machine_info(part).isa != part) {
      throw Failure(Exit::kUnsupported, fmt::format("{}: this CPU has no {}", text, part));
    }
  }
  check_contradictions(text, parts);
  return {text.substr(0, at), variant};
}

RunOptions apply_variant(const Operand& operand, const RunOptions& run) {
  RunOptions result = run;
  const std::vector<std::string> parts = split(operand.variant);
  for (const std::string& part : parts) {
    if (is_one_of(precision_names(), part)) result.precision = part;
    if (!is_one_of(isa_names(), part)) continue;
    cap_isa(part);
    result.kernels = "fast";
  }
  for (const char* kind : {"fast", "reference"}) {
    if (is_one_of(parts, kind)) result.kernels = kind;
  }
  if (!begins_like_engine(operand.file)) require_precision(result);
  return result;
}

OpenModel open_operand(const Operand& operand, const ModelOptions& model, const RunOptions& run) {
  ModelOptions options = model;
  options.model = operand.file;
  return open_sam(options, run);
}

}  // namespace lasso::app
