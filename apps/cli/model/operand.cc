#include "cli/model/operand.h"

#include <cpuid.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/values.h"

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

// Whether the CPU has the instructions of a variant that begins with "avx512", or "avx_vnni".
bool cpu_has(const std::string& variant) {
  if (variant == "avx_vnni") {
    // CPUID leaf 7, subleaf 1, EAX bit 4.
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & 0x10U) != 0;
  }
  const bool base =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  const bool vnni = base && __builtin_cpu_supports("avx512vnni") != 0;
  if (variant == "avx512_bf16") return vnni && __builtin_cpu_supports("avx512bf16") != 0;
  return variant == "avx512_vnni" ? vnni : base;
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
  for (const std::string& part : split(variant)) {
    if (!is_one_of(variants(), part)) {
      usage_error("{}: variant \"{}\": expected FILE@VARIANT with {}, or several of them with +",
                  text, part, join_choices(variants()));
    }
    if ((part == "avx_vnni" || part.rfind("avx512", 0) == 0) && !cpu_has(part)) {
      throw Failure(Exit::kUnsupported, fmt::format("{}: this CPU has no {}", text, part));
    }
  }
  return {text.substr(0, at), variant};
}

RunOptions apply_variant(const Operand& operand, const RunOptions& run) {
  RunOptions result = run;
  result.kernels = "fast";
  for (const std::string& part : split(operand.variant)) {
    if (part == "reference") result.kernels = part;
    if (is_one_of(precision_names(), part)) result.precision = part;
    if (is_one_of(isa_names(), part)) cap_isa(part);
  }
  require_precision(result);
  return result;
}

OpenModel open_operand(const Operand& operand, const ModelOptions& model, const RunOptions& run) {
  ModelOptions options = model;
  options.model = operand.file;
  return open_sam(options, run);
}

}  // namespace lasso::app
