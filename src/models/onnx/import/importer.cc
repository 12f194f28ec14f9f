#include "models/onnx/import/importer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "core/check.h"
#include "formats/text.h"
#include "graph/computed_sizes.h"
#include "models/onnx/import/node_context.h"
#include "models/unsupported.h"

namespace lasso::onnx {

using graph::Dim;
using graph::kNoValue;
using graph::Shape;
using graph::ValueId;

namespace {

// Of a graph and of those in its nodes.
std::int64_t bytes_of_constants(const OnnxGraph& graph) {
  std::int64_t bytes = 0;
  for (const OnnxTensor& tensor : graph.initializers) {
    bytes += static_cast<std::int64_t>(tensor.bytes);
  }
  for (const OnnxNode& node : graph.nodes) {
    for (const OnnxAttribute& attribute : node.attributes) {
      if (const auto* tensor = std::get_if<OnnxTensor>(&attribute.value)) {
        bytes += static_cast<std::int64_t>(tensor->bytes);
      } else if (const auto* graphs = std::get_if<std::vector<OnnxGraph>>(&attribute.value)) {
        for (const OnnxGraph& inner : *graphs) bytes += bytes_of_constants(inner);
      }
    }
  }
  return bytes;
}

// Folding is for what exporters leave, which is small beside a model's weights.
FoldingBudget budget_for(const OnnxModel& model) {
  constexpr std::int64_t kLeast = std::int64_t{128} << 20;
  const std::int64_t weights = bytes_of_constants(model.graph);
  return {kLeast + 8 * weights, 5e8 + 16 * static_cast<double>(weights)};
}

std::int64_t opset_of(const OnnxModel& model, const std::string& domain) {
  for (const OnnxOpset& opset : model.opset_imports) {
    if (opset.domain == domain) return opset.version;
  }
  return domain.empty() ? 1 : 0;
}

// Names that engine files may hold. Inputs and outputs keep the model's own, by which they are
// called. Precisions and calibration know a layer by the name of its weights: of constants that
// have one name, as those of nodes often do, the later ones get a number.
void name_values(graph::Graph& graph) {
  constexpr std::size_t kMost = 200;
  std::set<std::string> taken;
  std::map<std::string, int> numbers;  // that were given last
  std::set<ValueId> arguments(graph.inputs.begin(), graph.inputs.end());
  arguments.insert(graph.outputs.begin(), graph.outputs.end());
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    std::string& name = graph.values[i].name;
    if (arguments.count(static_cast<ValueId>(i)) > 0) continue;
    name = name.empty() ? "constant" : printable(name, kMost);
    if (!graph.values[i].constant) continue;
    const std::string first = name;
    while (!taken.insert(name).second) {
      int& number = numbers.try_emplace(first, 1).first->second;
      name = fmt::format("{}.{}", first, ++number);
    }
  }
}

// What an import throws of a node in a graph of another node: the message says where it stands.
class PlacedError : public Error {
 public:
  using Error::Error;
};

}  // namespace

DType inside(OnnxDataType type) {
  if (is_integer(type)) return DType::kI32;
  switch (type) {
    case OnnxDataType::kFloat32:
    case OnnxDataType::kFloat16:
    case OnnxDataType::kBfloat16:
    case OnnxDataType::kFloat64:
      return DType::kF32;
    case OnnxDataType::kBool:
      return DType::kBool;
    default:
      fail(ErrorCode::kUnsupported, "elements of type {}", to_string(type));
  }
}

graph::Graph import_model(const OnnxModel& model, const FixedInputs& fixed,
                          const FixedSizes& sizes) {
  return Importer(model, fixed, sizes).run();
}

Importer::Importer(const OnnxModel& model, const FixedInputs& fixed, const FixedSizes& sizes)
    : model_(model),
      fixed_(fixed),
      sizes_(sizes),
      builder_("main"),
      budget_(budget_for(model)),
      size_symbols_(symbols_) {}

void Importer::check_version() const {
  // Before version 7, operators broadcast in another way; what later versions change is not known.
  constexpr std::int64_t kFirst = 7;
  constexpr std::int64_t kLast = 28;
  const std::int64_t version = opset_of(model_, "");
  LASSO_CHECK(version >= kFirst && version <= kLast, ErrorCode::kUnsupported,
              "{}: operator set {}: {} to {} are known; convert it with Python's onnx package "
              "(onnx.version_converter)",
              model_.path, version, kFirst, kLast);
}

void Importer::learn() {
  is_learning_ = true;
  check_version();
  for (const OnnxTensor& tensor : model_.graph.initializers) add_initializer(tensor);
  for (const OnnxValueInfo& info : model_.graph.inputs) {
    try {
      add_input(info);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported) throw;
      note_unsupported(error.what());
      Operand operand;
      operand.is_missing = true;
      define(info.name, std::move(operand));
    }
  }
  for (std::size_t i = 0; i < model_.graph.nodes.size(); ++i) {
    import_node(model_.graph.nodes[i], i);
  }
}

graph::Graph Importer::run() {
  check_version();
  LASSO_CHECK(!model_.graph.outputs.empty(), ErrorCode::kCorruptFile, "{}: it has no outputs",
              model_.path);
  for (const OnnxTensor& tensor : model_.graph.initializers) add_initializer(tensor);
  add_fixed_inputs();
  for (const OnnxValueInfo& info : model_.graph.inputs) add_input(info);
  check_fixed_sizes();
  add_nodes();
  add_outputs();
  graph::Graph graph = builder_.take();
  name_values(graph);
  size_symbols_.finish(graph);
  for (const auto& [symbol, least] : least_) {
    graph::Range& range = graph.profile[symbol];
    LASSO_CHECK(least <= range.max, ErrorCode::kCorruptFile,
                "{}: the size {} would be at least {} and at most {}", model_.path, symbol, least,
                range.max);
    range.min = least;
    range.opt = std::max(range.opt, least);
  }
  return with_capacities(std::move(graph), counted_, model_.path);
}

const Operand* Importer::find(const std::string& name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto it = scope->find(name);
    if (it != scope->end()) return &it->second;
  }
  return nullptr;
}

Operand& Importer::operand(const std::string& name) {
  const Operand* found = find(name);
  LASSO_CHECK(found != nullptr, ErrorCode::kInternal, "the value \"{}\" is not known", name);
  return const_cast<Operand&>(*found);
}

void Importer::define(const std::string& name, Operand operand) {
  scopes_.back()[name] = std::move(operand);
}

const std::vector<ValueId>* Importer::computed(const graph::Op& op,
                                               const std::vector<ValueId>& inputs) const {
  const auto [first, last] = computed_.equal_range(inputs);
  const auto same =
      std::find_if(first, last, [&](const auto& entry) { return entry.second.first == op; });
  return same == last ? nullptr : &same->second.second;
}

std::vector<ValueId> Importer::add(const std::string& name, const graph::Op& op,
                                   const std::vector<ValueId>& inputs) {
  if (const auto* known = computed(op, inputs)) return *known;
  std::vector<const Tensor*> constants;
  std::vector<const graph::Value*> values;
  bool known = !inputs.empty();
  for (const ValueId id : inputs) {
    const graph::Value* value = id == kNoValue ? nullptr : &builder_.value(id);
    values.push_back(value);
    known = known && (value == nullptr || value->constant);
    constants.push_back(value != nullptr && value->constant ? &*value->constant : nullptr);
  }
  const graph::Results results = graph::infer(op, values);
  constexpr std::size_t kMostDimensions = 64;
  for (const graph::Value& result : results) {
    LASSO_CHECK(result.shape.size() <= kMostDimensions, ErrorCode::kUnsupported,
                "a result of {} dimensions", result.shape.size());
    for (const Dim& size : result.shape) {
      known = known && size.is_constant();
      require_positive(size);
      LASSO_CHECK(!size.is_constant() || size.constant() >= 0, ErrorCode::kInvalidArgument,
                  "a result of the shape {}", to_string(result.shape));
    }
  }
  if (known && !graph::has_symbols(op)) {
    if (const auto tensors = kernels::evaluate(op, constants, results, budget_)) {
      std::vector<ValueId> ids;
      for (const Tensor& tensor : *tensors) ids.push_back(builder_.constant(name, tensor));
      computed_.emplace(inputs, std::pair(op, ids));
      return ids;
    }
  }
  std::vector<ValueId> ids = builder_.add_results({name}, op, inputs);
  if (std::holds_alternative<graph::Reshape>(op)) {
    const auto whole = reshaped_.find(inputs.front());
    reshaped_[ids.front()] = whole == reshaped_.end() ? inputs.front() : whole->second;
  }
  return ids;
}

void Importer::add_nodes() {
  const std::vector<OnnxNode>& nodes = model_.graph.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) import_node(nodes[i], i);
  if (unsupported_.empty()) return;
  constexpr std::size_t kMost = 20;
  const std::size_t shown = std::min(unsupported_.size(), kMost);
  const std::size_t more = unsupported_.size() - shown;
  const auto end = unsupported_.begin() + static_cast<std::ptrdiff_t>(shown);
  const std::string hint =
      undecided_.empty()
          ? ""
          : fmt::format(
                "; some of it may be once open sizes are fixed (--fixed-size, EngineOptions::"
                "fixed_sizes), which are {}",
                fmt::join(undecided_, ", "));
  const std::string message = fmt::format(
      "{}: not supported: {}{}{}", model_.path, fmt::join(unsupported_.begin(), end, "; "),
      more == 0 ? "" : fmt::format("; and {} more", more), hint);
  throw UnsupportedParts(message, std::move(unsupported_));
}

void Importer::note_unsupported(const std::string& what) {
  // A loop's body is imported as often as it runs.
  if (std::find(unsupported_.begin(), unsupported_.end(), what) == unsupported_.end()) {
    unsupported_.push_back(what);
  }
}

void Importer::import_node(const OnnxNode& node, std::size_t index) {
  const auto give_up = [&] {
    for (const std::string& name : node.outputs) {
      if (name.empty()) continue;
      Operand operand;
      operand.is_missing = true;
      define(name, operand);
    }
  };
  const ImportNode import = find_operator(node.domain, node.op_type);
  for (const std::string& name : node.inputs) {
    if (!name.empty() && operand(name).is_missing && import != nullptr) return give_up();
  }
  try {
    if (import == nullptr) {
      fail(ErrorCode::kUnsupported, "{}: there is no such operator here", place_of(node, index));
    }
    NodeContext context(*this, node, index, opset_of(model_, node.domain));
    import(context);
  } catch (const std::out_of_range&) {
    fail(ErrorCode::kCorruptFile, "{}: {}{}: too few inputs, results or dimensions", model_.path,
         place_, place_of(node, index));
  } catch (const PlacedError&) {
    throw;
  } catch (const Error& error) {
    // What inference of a node's types and shapes refuses is said in the graph's words.
    std::string what = error.what();
    const std::string place = place_of(node, index);
    if (what.rfind(place, 0) != 0) what = place + ": " + what;
    what = place_ + what;
    // Open sizes that do not go together may do so once they are numbers.
    const bool open = import != nullptr && add_undecided_sizes(node);
    if (error.code() == ErrorCode::kUnsupported ||
        (open && error.code() == ErrorCode::kInvalidArgument)) {
      note_unsupported(what);
      return give_up();
    }
    const bool of_file =
        error.code() == ErrorCode::kInvalidArgument || error.code() == ErrorCode::kCorruptFile;
    throw PlacedError(of_file ? ErrorCode::kCorruptFile : error.code(), model_.path + ": " + what);
  }
  for (const std::string& name : node.outputs) {
    if (name.empty() || scopes_.back().count(name) > 0) continue;
    note_unsupported(
        fmt::format("{}{}: its result {}", place_, place_of(node, index), printable(name)));
    give_up();
  }
}

std::shared_ptr<const Integers> Importer::sizes_of(Operand& operand, std::int64_t least) {
  if (operand.integers == nullptr && operand.value != kNoValue) {
    operand.integers = size_symbols_.elements(builder_.graph(), operand.value, least);
  }
  return operand.integers;
}

void Importer::require_at_most(const Dim& size, const Dim& most) {
  if (!most.is_constant()) return;
  if (const auto symbol = size.as_symbol()) size_symbols_.limit(*symbol, most.constant());
  if (const auto symbol = (size + 1).as_symbol()) {
    size_symbols_.limit(*symbol, most.constant() + 1);
  }
}

// A value of its own: neither an input or a constant, nor another shape of one or of an output.
ValueId Importer::separate(ValueId id, const std::string& name) {
  const auto whole = reshaped_.find(id);
  const ValueId root = whole == reshaped_.end() ? id : whole->second;
  if (builder_.is_made(root) && outputs_.insert(root).second) return id;
  id = builder_.add(name, graph::Expand{builder_.shape(id)}, {id});
  outputs_.insert(id);
  return id;
}

void Importer::add_outputs() {
  for (const OnnxValueInfo& info : model_.graph.outputs) {
    Operand& result = operand(info.name);
    ValueId id = value(result, info.name);
    const auto own = lasso::dtype_of(result.type);
    LASSO_CHECK(own.has_value(), ErrorCode::kUnsupported, "{}: output \"{}\" is of type {}",
                model_.path, printable(info.name), to_string(result.type));
    if (*own != inside(result.type)) id = builder_.add(info.name, graph::Cast{*own}, {id});
    builder_.output(separate(id, info.name), info.name);
  }
}

Dim Importer::counted_size(Dim capacity) {
  CountedSize counted;
  counted.symbol = fmt::format("selected_{}", counted_.size());
  while (symbols_.count(counted.symbol) > 0) counted.symbol += "_";
  symbols_.insert(counted.symbol);
  counted_symbols_.insert(counted.symbol);
  counted.capacity = std::move(capacity);
  counted_.push_back(counted);
  return Dim::symbol(counted.symbol);
}

void Importer::set_count(const Dim& size, ValueId count) {
  for (CountedSize& counted : counted_) {
    if (size == Dim::symbol(counted.symbol)) counted.count = count;
  }
}

}  // namespace lasso::onnx
