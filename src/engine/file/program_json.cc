#include "engine/file/program_json.h"

#include <algorithm>
#include <utility>

#include "core/dtype.h"
#include "engine/file/computed_json.h"
#include "graph/op_json.h"

namespace lasso::engine {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Value;
using graph::ValueId;

namespace {

// Far beyond any model, and small enough that plans, whose time grows with the square of the number
// of nodes, take seconds.
constexpr std::size_t kMaxPrograms = 16;
constexpr std::size_t kMaxValues = 1 << 15;
constexpr std::size_t kMaxNodes = 1 << 14;
constexpr std::size_t kMaxOperands = 1024;
constexpr std::size_t kMaxSymbols = 64;
constexpr std::size_t kMostRanges = 64;  // of a symbol
constexpr std::size_t kMaxKernels = 64;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 46;
constexpr std::int64_t kMaxTypical = graph::kMaxSymbol;

Json write_ids(const std::vector<ValueId>& ids) {
  Json json = Json::array();
  for (const ValueId id : ids) json.push_back(id);
  return json;
}

// Ids of `count` values; kNoValue too where it may stand.
std::vector<ValueId> read_ids(const Json& json, std::size_t count, bool may_be_absent,
                              const std::string& where) {
  std::vector<ValueId> ids;
  const std::int64_t least = may_be_absent ? kNoValue : 0;
  for (const Json& element : read_array(json, kMaxOperands, where)) {
    ids.push_back(static_cast<ValueId>(
        read_integer(element, least, static_cast<std::int64_t>(count) - 1, where)));
  }
  return ids;
}

Json write_constant(const StoredBytes& stored) {
  Json json = Json::object();
  if (stored.bytes > 0) json["offset"] = stored.offset;
  return json;
}

Json write_packed(const CompiledNode& node) {
  return {
      {"layout", node.packed_layout}, {"offset", node.packed.offset}, {"bytes", node.packed.bytes}};
}

Json write_timed(const CompiledNode& node) {
  Json kernels = Json::array();
  for (const KernelTime& time : node.times) {
    kernels.push_back({{"kernel", time.kernel}, {"ms", time.ms}});
  }
  Json json = {{"kernels", std::move(kernels)}};
  if (!node.preferred.kernel.empty()) json["preferred"] = node.preferred.kernel;
  if (!node.preferred.tuning.empty()) json["tuning"] = node.preferred.tuning;
  return json;
}

Json write_profile(const graph::Profile& profile) {
  Json json = Json::object();
  const auto write = [](const graph::Range& range) {
    return Json::array({range.min, range.opt, range.max});
  };
  for (const auto& [symbol, range] : profile) {
    if (range.parts.empty()) {
      json[symbol] = write(range);
      continue;
    }
    Json& parts = json[symbol] = Json::array();
    for (const graph::Range& part : range.parts) parts.push_back(write(part));
  }
  return json;
}

Json write_program(const CompiledProgram& program) {
  const Graph& graph = program.graph;
  Json json = {{"name", graph.name},
               {"typical", graph.typical},
               {"inputs", write_ids(graph.inputs)},
               {"outputs", write_ids(graph.outputs)},
               {"values", Json::array()},
               {"nodes", Json::array()}};
  if (!graph.profile.empty()) json["profile"] = write_profile(graph.profile);
  if (graph.computed.graph != nullptr) json["computed"] = write_computed(graph.computed);
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    Json entry = {{"name", value.name},
                  {"dtype", write_value(value.dtype)},
                  {"shape", write_value(value.shape)}};
    if (value.constant) entry["constant"] = write_constant(program.constants[i]);
    if (value.count) entry["count"] = *value.count;
    json["values"].push_back(std::move(entry));
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    Json entry = graph::write_op(node.op);
    entry["inputs"] = write_ids(node.inputs);
    entry["outputs"] = write_ids(node.outputs);
    if (program.nodes[i].packed.bytes > 0) entry["packed"] = write_packed(program.nodes[i]);
    if (!program.nodes[i].times.empty()) entry["timed"] = write_timed(program.nodes[i]);
    json["nodes"].push_back(std::move(entry));
  }
  return json;
}

class ProgramReader {
 public:
  ProgramReader(const Json& json, const std::string& where) : reader_(json, where) {}

  CompiledProgram run() {
    Graph& graph = program_.graph;
    reader_("name", graph.name);
    read_typical();
    if (reader_.has("profile")) read_profile();
    if (reader_.has("computed")) {
      FieldReader computed(reader_.at("computed"), reader_.where("computed"));
      graph.computed = read_computed(computed);
    }
    read_each("values", kMaxValues, [&](FieldReader& value) { read_one_value(value); });
    read_each("nodes", kMaxNodes, [&](FieldReader& node) { read_node(node); });
    graph.inputs = ids(reader_, "inputs", false);
    graph.outputs = ids(reader_, "outputs", false);
    reader_.finish();
    return std::move(program_);
  }

 private:
  // Calls read(symbol, its entry, where) for a key that is an object of symbols.
  template <typename F>
  void read_symbols(const char* name, const F& read) {
    const Json& json = reader_.at(name);
    const std::string where = reader_.where(name);
    if (!json.is_object() || json.size() > kMaxSymbols) refuse(where, "sizes by symbol");
    for (const auto& [symbol, entry] : json.items()) {
      if (!is_plain_text(symbol, kMaxTextBytes)) refuse(where, "names of printable characters");
      read(symbol, entry, where);
    }
  }

  void read_typical() {
    read_symbols("typical", [&](const auto& symbol, const Json& size, const std::string& where) {
      program_.graph.typical[symbol] = read_integer(size, 1, kMaxTypical, where);
    });
  }

  void read_profile() {
    read_symbols("profile", [&](const auto& symbol, const Json& entry, const std::string& where) {
      const bool are_parts = entry.is_array() && !entry.empty() && entry[0].is_array();
      std::vector<graph::Range> parts;
      if (are_parts) {
        for (const Json& part : read_array(entry, kMostRanges, where)) {
          parts.push_back(read_range(part, where));
        }
      } else {
        parts.push_back(read_range(entry, where));
      }
      program_.graph.profile[symbol] = graph::joined(parts);
    });
  }
  static graph::Range read_range(const Json& entry, const std::string& where) {
    if (!entry.is_array() || entry.size() != 3) refuse(where, "[min, opt, max]");
    const auto size = [&](std::size_t i) {
      return read_integer(entry[i], 1, graph::kMaxSymbol, where);
    };
    return {size(0), size(1), size(2)};
  }

  template <typename F>
  void read_each(const char* name, std::size_t limit, F&& f) {
    const Json& array = read_array(reader_.at(name), limit, reader_.where(name));
    for (std::size_t i = 0; i < array.size(); ++i) {
      FieldReader element(array[i], fmt::format("{}[{}]", reader_.where(name), i));
      f(element);
      element.finish();
    }
  }

  void read_one_value(FieldReader& reader) {
    Value value;
    StoredBytes stored;
    reader("name", value.name);
    reader("dtype", value.dtype);
    reader("shape", value.shape);
    if (reader.has("constant")) {
      Tensor tensor;
      tensor.dtype = value.dtype;
      for (const graph::Dim& dim : value.shape) {
        if (!dim.is_constant()) refuse(reader.where("shape"), "numbers: this is a constant");
        tensor.dims.push_back(dim.constant());
      }
      FieldReader constant(reader.at("constant"), reader.where("constant"));
      if (constant.has("offset")) {
        stored = place(constant, element_count(tensor.dims), value.dtype);
      }
      constant.finish();
      value.constant = std::move(tensor);
    }
    if (reader.has("count")) {
      // The verifier knows which values there are.
      value.count = static_cast<ValueId>(read_integer(
          reader.at("count"), 0, static_cast<std::int64_t>(kMaxValues) - 1, reader.where("count")));
    }
    program_.graph.values.push_back(std::move(value));
    program_.constants.push_back(stored);
  }

  static StoredBytes place(FieldReader& reader, std::int64_t elements, DType dtype) {
    if (elements < 1 || elements > kMaxBytes)
      refuse(reader.where("offset"), "a constant of elements");
    return {static_cast<std::uint64_t>(
                read_integer(reader.at("offset"), 0, kMaxBytes, reader.where("offset"))),
            static_cast<std::uint64_t>(elements) * size_of(dtype)};
  }

  void read_node(FieldReader& reader) {
    Node node;
    CompiledNode compiled;
    std::string name;
    reader("op", name);
    node.op = graph::read_op(name, reader);
    node.inputs = ids(reader, "inputs", true);
    node.outputs = ids(reader, "outputs", false);
    if (node.outputs.empty()) refuse(reader.where("outputs"), "at least one");
    if (reader.has("packed")) {
      FieldReader packed(reader.at("packed"), reader.where("packed"));
      packed("layout", compiled.packed_layout);
      const std::int64_t bytes =
          read_integer(packed.at("bytes"), 1, kMaxBytes, packed.where("bytes"));
      compiled.packed = place(packed, bytes, DType::kU8);
      packed.finish();
    }
    if (reader.has("timed")) {
      FieldReader timed(reader.at("timed"), reader.where("timed"));
      read_timed(timed, compiled);
      timed.finish();
    }
    program_.graph.nodes.push_back(std::move(node));
    program_.nodes.push_back(std::move(compiled));
  }

  // A name that no kernel of this release has is one that is not chosen; what tunings mean, their
  // kernels know.
  static void read_timed(FieldReader& reader, CompiledNode& node) {
    for (const Json& element :
         read_array(reader.at("kernels"), kMaxKernels, reader.where("kernels"))) {
      FieldReader kernel(element, reader.where("kernels"));
      KernelTime& time = node.times.emplace_back();
      kernel("kernel", time.kernel);
      kernel("ms", time.ms);
      kernel.finish();
    }
    if (reader.has("preferred")) reader("preferred", node.preferred.kernel);
    if (reader.has("tuning")) {
      reader("tuning", node.preferred.tuning);
      if (!kernels::is_tuning(node.preferred.tuning) || node.preferred.kernel.empty()) {
        refuse(reader.where("tuning"), "numbers and dots, of a preferred kernel");
      }
    }
  }

  std::vector<ValueId> ids(FieldReader& reader, const char* name, bool may_be_absent) const {
    return read_ids(reader.at(name), program_.graph.values.size(), may_be_absent,
                    reader.where(name));
  }

  FieldReader reader_;
  CompiledProgram program_;
};

}  // namespace

Json write_programs(const std::vector<CompiledProgram>& programs) {
  Json json = Json::array();
  for (const CompiledProgram& program : programs) json.push_back(write_program(program));
  return json;
}

std::vector<CompiledProgram> read_programs(const Json& json, const std::string& where) {
  std::vector<CompiledProgram> programs;
  for (const Json& element : read_array(json, kMaxPrograms, where)) {
    programs.push_back(ProgramReader(element, fmt::format("{}[{}]", where, programs.size())).run());
  }
  return programs;
}

}  // namespace lasso::engine
