#include "cli/model/operand.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/values.h"
#include "common/model_files.h"
#include "lasso/machine.h"
#include "lasso/runtime.h"

namespace lasso::app {

namespace {

// For messages; devices and compute capabilities stand for all of their kind.
std::vector<std::string> variants() {
  std::vector<std::string> all = {"fast", "reference"};
  all.insert(all.end(), precision_names().begin(), precision_names().end());
  all.insert(all.end(), isa_names().begin(), isa_names().end());
  all.insert(all.end(), {"cpu", "cuda", "cuda:N", "sm_N"});
  for (const std::string& runtime : lasso::runtime_names()) all.push_back(runtime);
  return all;
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

bool is_device(const std::string& part) { return gpus_of(part).has_value(); }
bool is_kind(const std::string& part) { return part == "fast" || part == "reference"; }
bool is_precision(const std::string& part) { return is_one_of(precision_names(), part); }
// Another one than Lasso's own.
bool is_runtime(const std::string& part) { return is_one_of(lasso::runtime_names(), part); }
// Of a CPU, or a GPU's capability.
bool is_isa(const std::string& part) {
  return is_one_of(isa_names(), part) || capability_of(part).has_value();
}

// What a part says of the device: true for a GPU, false for a CPU.
std::optional<bool> says_gpu(const std::string& part) {
  if (is_device(part)) return part != "cpu";
  if (capability_of(part)) return true;
  if (part == "reference" || is_one_of(isa_names(), part)) return false;
  return std::nullopt;
}

void refuse_pair(const std::string& text, const std::string& first, const std::string& second) {
  usage_error("{}: {} and {}: expected one of them", text, first, second);
}

// Of one variant at most one part of each kind may be given, and all must be of one device.
void check_contradictions(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto is_of_kind : {is_kind, is_precision, is_isa, is_device, is_runtime}) {
    std::string first;
    for (const std::string& part : parts) {
      if (!is_of_kind(part)) continue;
      if (!first.empty()) refuse_pair(text, first, part);
      first = part;
    }
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      const std::optional<bool> a = says_gpu(parts[k]);
      const std::optional<bool> b = says_gpu(parts[i]);
      if (a && b && *a != *b) refuse_pair(text, parts[k], parts[i]);
      // Kernels, precisions and instructions are Lasso's own.
      if (is_runtime(parts[k]) != is_runtime(parts[i]) &&
          !is_device(is_runtime(parts[k]) ? parts[i] : parts[k])) {
        refuse_pair(text, parts[k], parts[i]);
      }
    }
  }
}

void check_part(const std::string& text, const std::string& part) {
  if (is_capability(part)) parse_capability(text + ":", part);
  if (!is_kind(part) && !is_precision(part) && !is_isa(part) && !is_device(part) &&
      !is_runtime(part)) {
    usage_error("{}: variant \"{}\": expected FILE@VARIANT with {}, or several of them with +",
                text, part, join_choices(variants()));
  }
  if (is_one_of(isa_names(), part) && lasso::machine_info(part).isa != part) {
    throw Failure(Exit::kUnsupported, fmt::format("{}: this CPU has no {}", text, part));
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
  for (const std::string& part : parts) check_part(text, part);
  check_contradictions(text, parts);
  return {text.substr(0, at), variant};
}

std::string runtime_of(const Operand& operand) {
  for (const std::string& part : split(operand.variant)) {
    if (is_runtime(part)) return part;
  }
  return "lasso";
}

bool names_device(const Operand& operand) {
  const std::vector<std::string> parts = split(operand.variant);
  return std::any_of(parts.begin(), parts.end(), is_device);
}

Operand on_device(const Operand& operand, const std::string& device) {
  const std::string variant =
      operand.variant == "fast" ? device : fmt::format("{}+{}", device, operand.variant);
  check_contradictions(fmt::format("{}@{}", operand.file, variant), split(variant));
  return {operand.file, variant};
}

namespace {

// Where it runs: on the device that its variant names or needs, else that of the options, else
// that of an engine file.
RunOptions with_device(const Operand& operand, const RunOptions& run) {
  RunOptions result = run;
  for (const std::string& part : split(operand.variant)) {
    const std::optional<bool> gpu = says_gpu(part);
    if (!gpu) continue;
    const std::string built_for = engine_device(operand.file);
    if (!built_for.empty() && *gpu != (built_for == "cuda")) {
      usage_error("{}: {} is for {}, and the engine was built for the device \"{}\"",
                  operand.text(), part, *gpu ? "GPUs" : "the CPU", built_for);
    }
    if (is_device(part)) {
      result.device = part;
    } else if (*gpu != result.on_gpu() && !names_device(operand)) {
      result.device = *gpu ? "cuda" : "cpu";
    }
  }
  return with_device_of(operand.file, result);
}

bool is_of_device(const std::string& isa, const RunOptions& run) {
  return is_capability(isa) == run.on_gpu();
}

}  // namespace

void check_isa(const std::vector<Operand>& operands, const RunOptions& run) {
  if (run.isa.empty()) return;
  const bool is_for_one = std::any_of(
      operands.begin(), operands.end(),
      [&](const Operand& operand) { return is_of_device(run.isa, with_device(operand, run)); });
  if (is_for_one) return;
  usage_error("--isa {}: is for {}, on which {} does not run", run.isa,
              is_capability(run.isa) ? "GPUs" : "the CPU", operands.front().text());
}

RunOptions apply_variant(const Operand& operand, const RunOptions& run) {
  RunOptions result = with_device(operand, run);
  if (!result.isa.empty() && !is_of_device(result.isa, result)) result.isa.clear();
  const std::vector<std::string> parts = split(operand.variant);
  for (const std::string& part : parts) {
    if (is_precision(part)) result.precision = part;
    if (!is_isa(part)) continue;
    if (capability_of(part)) {
      result.isa = part;
    } else {
      cap_isa(part);
    }
    result.kernels = "fast";
  }
  for (const char* kind : {"fast", "reference"}) {
    if (is_one_of(parts, kind)) result.kernels = kind;
  }
  result.runtime = runtime_of(operand);
  if (result.runtime == "lasso") {
    result.provider.clear();
    return result;
  }
  // What says how Lasso's own kernels run is for other operands.
  RunOptions other;
  other.device = result.device;
  other.threads = result.threads;
  other.runtime = result.runtime;
  other.provider = result.provider;
  return other;
}

OpenModel open_operand(const Operand& operand, const ModelOptions& model, const RunOptions& run) {
  if (run.runtime != "lasso") {
    throw Failure(Exit::kUnsupported,
                  fmt::format("{}: images and prompts run on Lasso's own runtime; lasso run, lasso "
                              "compare and lasso bench speed run tensors on {}",
                              operand.text(), run.runtime));
  }
  ModelOptions options = model;
  options.model = operand.file;
  return open_sam(options, run);
}

}  // namespace lasso::app
