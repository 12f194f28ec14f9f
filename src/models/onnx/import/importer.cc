#include "models/onnx/import/importer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>
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

// An element of integers or truths.
std::int64_t integer_at(const OnnxTensor& tensor, std::int64_t index) {
  const std::byte* at =
      tensor.data + static_cast<std::size_t>(index) * (bits_of(tensor.data_type) / 8);
  const auto read = [&]<typename T>(T value) {
    std::memcpy(&value, at, sizeof(value));
    return static_cast<std::int64_t>(value);
  };
  switch (tensor.data_type) {
    case OnnxDataType::kInt64:
      return read(std::int64_t{});
    case OnnxDataType::kUint64:
      return read(std::uint64_t{});
    case OnnxDataType::kInt32:
      return read(std::int32_t{});
    case OnnxDataType::kUint32:
      return read(std::uint32_t{});
    case OnnxDataType::kInt16:
      return read(std::int16_t{});
    case OnnxDataType::kUint16:
      return read(std::uint16_t{});
    case OnnxDataType::kInt8:
      return read(std::int8_t{});
    default:
      return read(std::uint8_t{});
  }
}

bool fits_int32(std::int64_t value) {
  return value >= std::numeric_limits<std::int32_t>::min() &&
         value <= std::numeric_limits<std::int32_t>::max();
}

// Names that engine files may hold. Inputs and outputs keep the model's own, by which they are
// called.
void name_values(graph::Graph& graph) {
  constexpr std::size_t kMost = 200;
  std::set<ValueId> arguments(graph.inputs.begin(), graph.inputs.end());
  arguments.insert(graph.outputs.begin(), graph.outputs.end());
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    std::string& name = graph.values[i].name;
    if (arguments.count(static_cast<ValueId>(i)) > 0) continue;
    name = name.empty() ? "constant" : printable(name, kMost);
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

void Importer::add_initializer(const OnnxTensor& tensor) {
  Operand operand;
  try {
    operand = constant(tensor);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    note_unsupported(
        fmt::format("{}initialiser {}: {}", place_, printable(tensor.name), error.what()));
    operand.is_missing = true;
  }
  define(tensor.name, std::move(operand));
}

Operand Importer::constant(const OnnxTensor& tensor) {
  const auto known = constants_.find(&tensor);
  if (known != constants_.end()) return known->second;
  return constants_.emplace(&tensor, operand_of(*this, tensor)).first->second;
}

void Importer::add_fixed(const OnnxValueInfo& info, const Tensor& tensor) {
  const auto own = lasso::dtype_of(info.elem_type);
  LASSO_CHECK(own == tensor.dtype, ErrorCode::kInvalidArgument,
              "{}: input \"{}\" is {}, and {} is given for it", model_.path, printable(info.name),
              to_string(info.elem_type), to_string(tensor.dtype));
  const Shape shape = input_shape(info);
  bool fits = shape.size() == tensor.dims.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    fits = !shape[i].is_constant() || shape[i].constant() == tensor.dims[i];
  }
  LASSO_CHECK(fits, ErrorCode::kInvalidArgument, "{}: input \"{}\" is {}, and {} is given for it",
              model_.path, printable(info.name), to_string(shape), to_string(tensor.dims));
  OnnxTensor constant;
  constant.name = info.name;
  constant.data_type = info.elem_type;
  constant.dims = tensor.dims;
  constant.data = static_cast<const std::byte*>(tensor.data.get());
  constant.bytes = tensor.bytes();
  constant.owner = tensor.data;
  define(info.name, operand_of(*this, constant));
}

void Importer::add_fixed_inputs() {
  for (const auto& [name, tensor] : fixed_) {
    const auto& inputs = model_.graph.inputs;
    const auto input =
        std::find_if(inputs.begin(), inputs.end(),
                     [&wanted = name](const OnnxValueInfo& info) { return info.name == wanted; });
    LASSO_CHECK(input != inputs.end(), ErrorCode::kInvalidArgument,
                "{}: it has no input \"{}\", which is to be fixed", model_.path, printable(name));
    add_fixed(*input, tensor);
  }
}

void Importer::add_input(const OnnxValueInfo& info) {
  if (find(info.name) != nullptr) return;  // it has a default
  const std::string name = printable(info.name);
  const auto own = lasso::dtype_of(info.elem_type);
  LASSO_CHECK(own.has_value(), ErrorCode::kUnsupported, "{}: input \"{}\" is of type {}",
              model_.path, name, to_string(info.elem_type));
  Operand operand;
  operand.type = info.elem_type;
  operand.shape = input_shape(info);
  operand.value = builder_.input(info.name, *own, operand.shape);
  for (const Dim& size : operand.shape) {
    if (const auto symbol = size.as_symbol()) symbols_.insert(*symbol);
  }
  inputs_.push_back(operand.value);
  const DType computed = inside(info.elem_type);
  if (*own != computed) {
    operand.value = builder_.add(info.name, graph::Cast{computed}, {operand.value});
  }
  define(info.name, std::move(operand));
}

// Sizes that are open, known when a plan is bound.
ValueId Importer::sizes_as_numbers(const Operand& operand, const std::string& name) {
  constexpr std::size_t kMost = 64;
  const Integers& integers = *operand.integers;
  LASSO_CHECK(integers.values.size() <= kMost && !inputs_.empty(), ErrorCode::kUnsupported,
              "\"{}\" is {} sizes that are open, and is used as a number", printable(name),
              integers.values.size());
  const ValueId numbers = builder_.add(name, graph::Sizes{integers.values}, {inputs_.front()});
  const Shape shape(integers.dims.begin(), integers.dims.end());
  const ValueId shaped = builder_.shape(numbers) == shape
                             ? numbers
                             : builder_.add(name, graph::Reshape{shape}, {numbers});
  const DType computed = inside(operand.type);
  return computed == DType::kI32 ? shaped : builder_.add(name, graph::Cast{computed}, {shaped});
}

ValueId Importer::value(Operand& operand, const std::string& name) {
  if (operand.value != kNoValue) return operand.value;
  LASSO_CHECK(operand.integers != nullptr, ErrorCode::kInternal, "\"{}\" has no value", name);
  const Integers& integers = *operand.integers;
  if (!integers.are_numbers()) {
    operand.value = sizes_as_numbers(operand, name);
    return operand.value;
  }
  if (inside(operand.type) == DType::kBool) {
    auto truths = std::make_shared<std::vector<std::uint8_t>>();
    for (const std::int64_t number : integers.numbers()) truths->push_back(number != 0 ? 1 : 0);
    const std::uint8_t* data = truths->data();
    operand.value = builder_.constant(
        name, Tensor{DType::kBool, integers.dims, std::shared_ptr<const void>(truths, data), {}});
    return operand.value;
  }
  std::vector<std::int32_t> numbers;
  for (const std::int64_t number : integers.numbers()) {
    LASSO_CHECK(fits_int32(number), ErrorCode::kUnsupported,
                "\"{}\" has the value {}, and integers of 32 bits are computed with",
                printable(name), number);
    numbers.push_back(static_cast<std::int32_t>(number));
  }
  operand.value = builder_.constant(name, make_tensor(integers.dims, numbers));
  return operand.value;
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

std::shared_ptr<const Integers> Importer::sizes_of(Operand& operand) {
  if (operand.integers == nullptr && operand.value != kNoValue) {
    operand.integers = size_symbols_.elements(builder_.graph(), operand.value);
  }
  return operand.integers;
}

void Importer::require_at_most(const Dim& size, const Dim& most) {
  const auto symbol = size.as_symbol();
  if (symbol && most.is_constant()) size_symbols_.limit(*symbol, most.constant());
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

Operand operand_of(Importer& importer, const OnnxTensor& tensor) {
  Operand operand;
  operand.type = tensor.data_type;
  operand.shape = Shape(tensor.dims.begin(), tensor.dims.end());
  const DType computed = inside(tensor.data_type);
  if (computed == DType::kF32) {
    operand.value = importer.builder().constant(tensor.name, to_tensor(tensor));
    return operand;
  }
  const std::int64_t count = element_count(tensor);
  if (count <= kMostIntegers) {
    Integers integers{tensor.dims, {}};
    for (std::int64_t i = 0; i < count; ++i) integers.values.emplace_back(integer_at(tensor, i));
    operand.integers = std::make_shared<const Integers>(std::move(integers));
    return operand;
  }
  if (computed == DType::kBool) {
    operand.value = importer.builder().constant(tensor.name, to_tensor(tensor));
    return operand;
  }
  std::vector<std::int32_t> numbers;
  numbers.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t number = integer_at(tensor, i);
    LASSO_CHECK(fits_int32(number), ErrorCode::kUnsupported,
                "tensor {} has the value {}, and integers of 32 bits are computed with",
                printable(tensor.name), number);
    numbers.push_back(static_cast<std::int32_t>(number));
  }
  operand.value = importer.builder().constant(tensor.name, make_tensor(tensor.dims, numbers));
  return operand;
}

}  // namespace lasso::onnx
