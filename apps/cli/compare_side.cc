#include "compare_side.h"

#include <cpuid.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "exit_codes.h"
#include "lasso/image.h"
#include "lasso/segmenter.h"
#include "model.h"
#include "synthetic.h"
#include "values.h"

namespace lasso::cli {

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

void send_tensor(const std::string& program, const std::string& name,
                 const std::vector<std::int64_t>& shape, const float* values, Parent* parent) {
  std::uint64_t count = 1;
  for (const std::int64_t dimension : shape) count *= static_cast<std::uint64_t>(dimension);
  parent->send(RecordKind::kTensor, {{"program", program}, {"name", name}, {"shape", shape}},
               values, count);
}

Json engine_json(const EngineInfo& info, int threads) {
  Json layers = Json::array();
  for (const ProgramInfo& program : info.programs) {
    for (const LayerInfo& layer : program.layers) {
      layers.push_back(program.name + "/" + layer.name);
    }
  }
  return {{"model", info.model},
          {"model_hash", info.model_hash},
          {"isa", info.isa},
          {"threads", threads},
          {"layers", std::move(layers)}};
}

// The user's prompt, or a point in the centre.
lasso::Prompt make_prompt(const lasso::Prompt& wanted, const Image& image) {
  lasso::Prompt prompt = wanted;
  if (prompt.points.empty() && !prompt.box) {
    prompt.points.push_back(
        {0.5F * static_cast<float>(image.width), 0.5F * static_cast<float>(image.height)});
  }
  if (const auto problem = prompt_problem(prompt, image.width, image.height)) {
    usage_error("--point: {}", *problem);
  }
  return prompt;
}

void run_model(const Operand& operand, const SideTask& task, Parent* parent) {
  const Image image = load_picture(task.image, 640, 480);
  const lasso::Prompt prompt = make_prompt(task.prompt, image);
  const RunOptions run = apply_variant(operand, task.run);
  ModelOptions options = task.model;
  options.model = operand.file;
  const OpenModel model = open_sam(options, run);
  Segmenter segmenter(model.engine, {run.threads});
  parent->send(RecordKind::kInfo, engine_json(model.engine.info(), segmenter.threads()));

  segmenter.set_trace([&](const std::string& program, const std::string& name,
                          const std::vector<std::int64_t>& shape, const float* values,
                          double /*ms*/) { send_tensor(program, name, shape, values, parent); });
  const Embedding embedding = segmenter.encode(image.view());
  const Segmentation answer = segmenter.segment(embedding, prompt);
  segmenter.set_trace({});

  std::vector<float> values(embedding.size());
  embedding.copy_to(values.data());
  const auto masks = static_cast<std::int64_t>(answer.masks.size());
  const int side = embedding.low_res_side();
  send_tensor("results", "image_embedding",
              {embedding.grid(), embedding.grid(), embedding.channels()}, values.data(), parent);
  send_tensor("results", "low_res_logits", {masks, side, side}, answer.low_res_logits.data(),
              parent);
  send_tensor("results", "iou_predictions", {masks}, answer.iou_predictions.data(), parent);
  for (const Mask& mask : answer.masks) {
    parent->send(
        RecordKind::kMask,
        {{"width", mask.width}, {"height", mask.height}, {"rle", rle_to_string(encode_rle(mask))}});
  }
  parent->send(RecordKind::kEnd, Json::object());
}

}  // namespace

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

Side::Side(const Operand& operand, const SideTask& task)
    : Child(operand.text(), [&](Parent* parent) { run_model(operand, task, parent); }) {}

}  // namespace lasso::cli
