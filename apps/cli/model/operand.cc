#include "cli/model/operand.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/values.h"
#include "common/model_files.h"
#include "core/stopwatch.h"
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

std::string Operand::model() const {
  std::string text;
  for (const std::string& encoder : encoders) text += encoder + ",";
  return text + file;
}

std::string Operand::short_name() const {
  const auto name_of = [](const std::string& path) {
    const std::string name = std::filesystem::path(path).filename().string();
    return name.empty() ? path : name;
  };
  std::string text;
  for (const std::string& encoder : encoders) text += name_of(encoder) + ",";
  return text + name_of(file) + "@" + variant;
}

namespace {

// "a.onnx,b.onnx" is a file of this name, or two.
Operand split_files(const std::string& text, const std::string& variant) {
  std::error_code ignored;
  Operand operand{text, variant};
  if (std::filesystem::exists(text, ignored)) return operand;
  for (std::size_t comma = operand.file.find(','); comma != std::string::npos;
       comma = operand.file.find(',')) {
    operand.encoders.push_back(operand.file.substr(0, comma));
    operand.file.erase(0, comma + 1);
    if (operand.encoders.back().empty() || operand.file.empty()) {
      usage_error("{}: expected ENCODER,DECODER, the files of both", text);
    }
  }
  return operand;
}

}  // namespace

Operand parse_operand(const std::string& text, const std::string& default_variant) {
  std::error_code ignored;
  const std::size_t at = text.rfind('@');
  if (at == std::string::npos || std::filesystem::exists(text, ignored)) {
    return split_files(text, default_variant);
  }
  const std::string variant = text.substr(at + 1);
  const std::vector<std::string> parts = split(variant);
  for (const std::string& part : parts) check_part(text, part);
  check_contradictions(text, parts);
  return split_files(text.substr(0, at), variant);
}

void add_candidate(const PartsOptions& parts, const std::string& model, const std::string& variant,
                   std::vector<Operand>* candidates) {
  const bool have_parts = std::any_of(candidates->begin(), candidates->end(),
                                      [](const Operand& o) { return !o.encoders.empty(); });
  // Says what is wrong with roles of none.
  if (parts.empty() || (have_parts && parts.encoders.empty() && parts.decoder.empty())) return;
  const lasso::ModelParts named = model_parts(parts, model);
  candidates->push_back({main_file(named), variant, named.encoders, parts.roles});
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
  Operand result = operand.with_variant(variant);
  check_contradictions(result.text(), split(variant));
  return result;
}

namespace {

// Of the first of its files that is an engine's; empty: none is.
std::string device_of_engines(const Operand& operand) {
  std::string device = engine_device(operand.file);
  for (const std::string& encoder : operand.encoders) {
    if (device.empty()) device = engine_device(encoder);
  }
  return device;
}

// Where it runs: on the device that its variant names or needs, else that of the options, else
// that of an engine file.
RunOptions with_device(const Operand& operand, const RunOptions& run) {
  RunOptions result = run;
  const std::string built_for = device_of_engines(operand);
  for (const std::string& part : split(operand.variant)) {
    const std::optional<bool> gpu = says_gpu(part);
    if (!gpu) continue;
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
  if (result.device.empty()) result.device = built_for;
  return result;
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

OpenParts open_operand(const Operand& operand, const ModelOptions& model, const RunOptions& run) {
  PartsOptions parts;
  ModelOptions options = model;
  parts.encoders = operand.encoders;
  if (!operand.encoders.empty()) parts.roles = operand.roles;  // which are no others' affair
  const bool is_decoder = !operand.encoders.empty() && is_onnx_file(operand.file);
  (is_decoder ? parts.decoder : options.model) = operand.file;
  return open_parts(parts, options, run);
}

lasso::Segmenter make_segmenter(const Operand& operand, const RunOptions& run, OpenParts* open) {
  const Stopwatch watch;
  lasso::Segmenter segmenter = make_segmenter(*open, run.threads);
  open->model.load_ms += watch.milliseconds();
  if (!segmenter.has_encoder()) {
    usage_error("{}: there is no image encoder; expected ENCODER,DECODER", operand.text());
  }
  return segmenter;
}

}  // namespace lasso::app
