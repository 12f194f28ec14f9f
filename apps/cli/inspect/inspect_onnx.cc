#include "cli/inspect/inspect_onnx.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/inspect/programs.h"
#include "cli/inspect/summary.h"
#include "cli/model/model.h"
#include "cli/table.h"
#include "common/json_text.h"
#include "common/text.h"
#include "core/file.h"
#include "core/utf8.h"
#include "formats/file_kind.h"
#include "formats/onnx/check_onnx.h"
#include "formats/onnx/onnx_reader.h"
#include "lasso/engine.h"

namespace lasso::app {

namespace {

constexpr std::size_t kMostLines = 20;  // of metadata and the like, in text

struct Operator {
  std::string domain;
  std::string op_type;
  std::size_t nodes = 0;
};

struct ExternalFile {
  std::uint64_t bytes = 0;  // of the tensors in it
  std::size_t tensors = 0;
};

// What is counted over all graphs, the ones in nodes' attributes included.
struct Counts {
  std::size_t nodes = 0;
  std::size_t initializers = 0;
  std::uint64_t parameters = 0;  // elements of initialisers
  std::uint64_t weight_bytes = 0;
  std::vector<Operator> operators;           // the most frequent first
  std::map<std::string, std::size_t> types;  // initialisers by element type
  std::map<std::string, ExternalFile> external_files;
};

class Counter {
 public:
  explicit Counter(const OnnxModel& model) : file_(model.file.get()) {
    add(model.graph);
    for (const auto& [name, nodes] : operators_) {
      counts_.operators.push_back({name.first, name.second, nodes});
    }
    std::stable_sort(counts_.operators.begin(), counts_.operators.end(),
                     [](const Operator& a, const Operator& b) { return a.nodes > b.nodes; });
  }

  Counts take() && { return std::move(counts_); }

 private:
  void add(const OnnxGraph& graph) {
    for (const OnnxTensor& tensor : graph.initializers) {
      ++counts_.initializers;
      counts_.parameters += static_cast<std::uint64_t>(element_count(tensor));
      counts_.weight_bytes += tensor.bytes;
      ++counts_.types[std::string(to_string(tensor.data_type))];
      add_data(tensor);
    }
    for (const OnnxNode& node : graph.nodes) {
      ++counts_.nodes;
      ++operators_[{node.domain, node.op_type}];
      for (const OnnxAttribute& attribute : node.attributes) add(attribute);
    }
  }

  void add(const OnnxAttribute& attribute) {
    if (const auto* tensor = std::get_if<OnnxTensor>(&attribute.value)) add_data(*tensor);
    if (const auto* graphs = std::get_if<std::vector<OnnxGraph>>(&attribute.value)) {
      for (const OnnxGraph& graph : *graphs) add(graph);
    }
  }

  void add_data(const OnnxTensor& tensor) {
    if (tensor.file == nullptr || tensor.file.get() == file_) return;
    ExternalFile& file = counts_.external_files[tensor.file->path()];
    file.bytes += tensor.bytes;
    ++file.tensors;
  }

  const MappedFile* file_;
  Counts counts_;
  std::map<std::pair<std::string, std::string>, std::size_t> operators_;
};

// An input that has a default, an initialiser of its name, need not be given.
std::vector<OnnxValueInfo> needed_inputs(const OnnxGraph& graph) {
  std::unordered_set<std::string_view> defaults;
  for (const OnnxTensor& tensor : graph.initializers) defaults.insert(tensor.name);
  std::vector<OnnxValueInfo> inputs;
  for (const OnnxValueInfo& input : graph.inputs) {
    if (defaults.count(input.name) == 0) inputs.push_back(input);
  }
  return inputs;
}

// The beginning of somebody else's text.
std::string shortened(const std::string& text) {
  constexpr std::size_t kMostBytes = 100;
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t size = character_size(std::string_view(text).substr(end));
    if (end + size > kMostBytes) return printable(text.substr(0, end)) + "...";
    end += size;
  }
  return printable(text);
}

std::string dim_text(const OnnxDim& dim) {
  if (const auto* number = std::get_if<std::int64_t>(&dim)) return fmt::format("{}", *number);
  if (const auto* symbol = std::get_if<std::string>(&dim)) return shortened(*symbol);
  return "?";
}

// "float32 [batch, 3, ?, 1024]"
std::string type_text(const OnnxValueInfo& value) {
  if (value.kind != OnnxKind::kTensor) return std::string(name_of(value.kind));
  const std::string type(to_string(value.elem_type));
  if (!value.shape) return type + " of unknown rank";
  std::vector<std::string> dims;
  for (const OnnxDim& dim : *value.shape) dims.push_back(dim_text(dim));
  return fmt::format("{} [{}]", type, fmt::join(dims, ", "));
}

std::string opset_text(const OnnxModel& model) {
  std::vector<std::string> texts;
  for (const OnnxOpset& opset : model.opset_imports) {
    texts.push_back(opset.domain.empty()
                        ? fmt::format("{}", opset.version)
                        : fmt::format("{} {}", shortened(opset.domain), opset.version));
  }
  return texts.empty() ? "not stated" : fmt::format("{}", fmt::join(texts, ", "));
}

// A row for each line, the first one with a name.
void print_rows(const std::string& name, const std::vector<std::string>& lines) {
  for (std::size_t i = 0; i < std::min(lines.size(), kMostLines); ++i) {
    print_summary_row(i == 0 ? name : "", lines[i]);
  }
  if (lines.size() > kMostLines) {
    print_summary_row("", fmt::format("and {} more", lines.size() - kMostLines));
  }
}

// Why a model can't be read, other rows say.
std::string part_of(const OnnxModel& model) {
  return unsupported_parts(model).empty() ? lasso::describe_part(model.path) : "";
}

// How the model would run. What keeps it from that is told and no error, be it that nodes break
// their operators' rules; what the options say, or the machine lacks, is one.
EnginePreview preview_of(const std::string& path, const ModelOptions& model,
                         const RunOptions& run) {
  try {
    return Engine::preview(path, model_options(model, run));
  } catch (const lasso::Error& error) {
    if (error.code() == ErrorCode::kUnsupported) {
      throw Failure(Exit::kUnsupported, error.what());
    }
    if (error.code() != ErrorCode::kCorruptFile) throw;
    EnginePreview preview;
    preview.unsupported.emplace_back(error.what());
    return preview;
  }
}

void print_preview(const EnginePreview& preview) {
  if (!preview.unsupported.empty()) {
    for (std::size_t i = 0; i < preview.unsupported.size(); ++i) {
      print_summary_row(i == 0 ? "not supported" : "", printable(preview.unsupported[i]));
    }
    return;
  }
  const EngineInfo& info = preview.info;
  print_summary_row(
      "runs", fmt::format("on {}, in {}, with {}B of packed weights", info.device, info.precision,
                          quantity(static_cast<double>(info.weight_bytes))));
  if (info.detector) print_detector(*info.detector);
  for (std::size_t i = 0; i < info.programs.size(); ++i) {
    print_program(info.programs[i], preview.arena_bytes.at(i));
  }
}

void print_summary(const OnnxModel& model, const Counts& counts) {
  const auto row = print_summary_row;
  print(fmt::format("{}  {}", styled(Style::kBold, "ONNX model"), printable(model.path)));
  if (!model.producer_name.empty()) {
    row("producer", shortened(model.producer_name + " " + model.producer_version));
  }
  row("format", fmt::format("IR version {}", model.ir_version));
  row("opset", opset_text(model));
  row("graph", fmt::format("{}{} nodes, {} initialisers",
                           model.graph.name.empty() ? "" : shortened(model.graph.name) + ": ",
                           counts.nodes, counts.initializers));
  row("parameters", quantity(static_cast<double>(counts.parameters)));
  std::vector<std::string> types;
  for (const auto& [type, count] : counts.types) types.push_back(fmt::format("{} {}", count, type));
  row("weights", fmt::format("{}B{}{}", quantity(static_cast<double>(counts.weight_bytes)),
                             types.empty() ? "" : ": ", fmt::join(types, ", ")));
  std::vector<std::string> lines;
  for (const auto& [path, file] : counts.external_files) {
    lines.push_back(fmt::format("{}: {}B in {} tensors", printable(path),
                                quantity(static_cast<double>(file.bytes)), file.tensors));
  }
  print_rows("external data", lines);
  lines.clear();
  for (const auto& [key, value] : model.metadata_props) {
    lines.push_back(fmt::format("{}: {}", shortened(key), shortened(value)));
  }
  print_rows("metadata", lines);
  const std::string part = part_of(model);
  if (!part.empty()) row("segment", part);
}

void print_values(const OnnxModel& model) {
  print("");
  for (const OnnxValueInfo& input : needed_inputs(model.graph)) {
    print(fmt::format("  in   {}: {}", shortened(input.name), type_text(input)));
  }
  for (const OnnxValueInfo& output : model.graph.outputs) {
    print(fmt::format("  out  {}: {}", shortened(output.name), type_text(output)));
  }
}

void print_operators(const Counts& counts) {
  if (counts.operators.empty()) return;
  const bool with_domain = std::any_of(counts.operators.begin(), counts.operators.end(),
                                       [](const Operator& op) { return !op.domain.empty(); });
  std::vector<Column> columns{{"nodes", Align::kRight}, {"operator"}};
  if (with_domain) columns.push_back({"domain"});
  Table table(columns);
  for (const Operator& op : counts.operators) {
    std::vector<std::string> cells{fmt::format("{}", op.nodes), shortened(op.op_type)};
    if (with_domain) cells.push_back(shortened(op.domain));
    table.add(std::move(cells));
  }
  print("");
  print(table.text());
}

OrderedJson value_json(const OnnxValueInfo& value) {
  OrderedJson json = {{"name", value.name}, {"kind", name_of(value.kind)}};
  if (value.kind != OnnxKind::kTensor) return json;
  json["type"] = to_string(value.elem_type);
  json["shape"] = nullptr;
  if (!value.shape) return json;
  json["shape"] = OrderedJson::array();
  for (const OnnxDim& dim : *value.shape) {
    OrderedJson size = nullptr;
    if (const auto* number = std::get_if<std::int64_t>(&dim)) size = *number;
    if (const auto* symbol = std::get_if<std::string>(&dim)) size = *symbol;
    json["shape"].push_back(std::move(size));
  }
  return json;
}

template <typename List, typename Convert>
OrderedJson array_json(const List& list, Convert convert) {
  OrderedJson json = OrderedJson::array();
  for (const auto& item : list) json.push_back(convert(item));
  return json;
}

OrderedJson to_json(const OnnxModel& model, const Counts& counts, const EnginePreview& preview) {
  OrderedJson programs = OrderedJson::array();
  for (std::size_t i = 0; i < preview.info.programs.size(); ++i) {
    programs.push_back(program_json(preview.info.programs[i], preview.arena_bytes.at(i)));
  }

  OrderedJson metadata = OrderedJson::object();
  for (const auto& [key, value] : model.metadata_props) metadata[key] = value;
  const auto opset = [](const OnnxOpset& o) {
    return OrderedJson{{"domain", o.domain}, {"version", o.version}};
  };
  const auto op = [](const Operator& o) {
    return OrderedJson{{"op_type", o.op_type}, {"domain", o.domain}, {"node_count", o.nodes}};
  };
  const auto file = [](const auto& entry) {
    return OrderedJson{{"file", json_name(entry.first)},
                       {"weight_bytes", entry.second.bytes},
                       {"tensor_count", entry.second.tensors}};
  };
  const auto function = [](const OnnxFunction& f) {
    return OrderedJson{{"domain", f.domain}, {"name", f.name}};
  };
  return {{"file", json_name(model.path)},
          {"family", "onnx"},
          {"ir_version", model.ir_version},
          {"producer_name", model.producer_name},
          {"producer_version", model.producer_version},
          {"domain", model.domain},
          {"model_version", model.model_version},
          {"opset_imports", array_json(model.opset_imports, opset)},
          {"metadata", std::move(metadata)},
          {"graph", model.graph.name},
          {"inputs", array_json(needed_inputs(model.graph), value_json)},
          {"outputs", array_json(model.graph.outputs, value_json)},
          {"node_count", counts.nodes},
          {"operators", array_json(counts.operators, op)},
          {"initializer_count", counts.initializers},
          {"initializer_types", counts.types},
          {"parameters", counts.parameters},
          {"weight_bytes", counts.weight_bytes},
          {"external_files", array_json(counts.external_files, file)},
          {"functions", array_json(model.functions, function)},
          {"has_training_info", model.has_training_info},
          {"device", preview.info.device},
          {"precision", preview.info.precision},
          {"packed_bytes", preview.info.weight_bytes},
          {"programs", std::move(programs)},
          {"not_supported", preview.unsupported},
          {"segment", part_of(model)},
          {"detector",
           preview.info.detector ? detector_json(*preview.info.detector) : OrderedJson(nullptr)}};
}

}  // namespace

bool is_onnx(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  return file_kind(*MappedFile::open(path)) == FileKind::kOnnx;
}

void inspect_onnx(const std::string& path, const ModelOptions& options, const RunOptions& run,
                  bool json) {
  try {
    const OnnxModel model = check_onnx(read_onnx(path));
    const Counts counts = Counter(model).take();
    if (!json && quiet()) return;
    const EnginePreview preview = preview_of(path, options, run);
    if (json) return print(json_line(to_json(model, counts, preview)));
    print_summary(model, counts);
    print_values(model);
    print_operators(counts);
    print("");
    print_preview(preview);
  } catch (const lasso::Error& error) {
    throw Failure(exit_for(error, Stage::kModel), error.what());
  }
}

}  // namespace lasso::app
