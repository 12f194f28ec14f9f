// Sizes that a file leaves open: symbols, unless they are fixed.
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "formats/text.h"
#include "models/onnx/import/importer.h"

namespace lasso::onnx {

using graph::Dim;
using graph::Shape;

namespace {

// Of a symbol, which is called as in the file or after its input.
constexpr std::size_t kMostOfName = 60;

// What some exporters write for a size that has no name, of several that need not be the same.
bool is_unnamed(std::string_view symbol) { return symbol == "?" || symbol == "None"; }

}  // namespace

Shape Importer::input_shape(const OnnxValueInfo& info) {
  LASSO_CHECK(info.kind == OnnxKind::kTensor, ErrorCode::kUnsupported,
              "{}: input \"{}\" is of the kind {}: Lasso runs models of tensors", model_.path,
              printable(info.name), name_of(info.kind));
  LASSO_CHECK(info.shape.has_value(), ErrorCode::kUnsupported,
              "{}: input \"{}\" says no number of dimensions; export the model with shapes",
              model_.path, printable(info.name));
  Shape shape;
  for (const OnnxDim& dim : *info.shape) {
    if (const auto* size = std::get_if<std::int64_t>(&dim)) {
      constexpr std::int64_t kMost = std::int64_t{1} << 31;
      LASSO_CHECK(*size <= kMost, ErrorCode::kCorruptFile, "{}: input \"{}\" has the size {}",
                  model_.path, printable(info.name), *size);
      shape.emplace_back(*size);
      continue;
    }
    const auto* named = std::get_if<std::string>(&dim);
    const std::string symbol =
        named != nullptr && !is_unnamed(*named)
            ? printable(*named, kMostOfName)
            : fmt::format("{}_{}", printable(info.name, kMostOfName), shape.size());
    open_sizes_.insert(symbol);
    const auto fixed = sizes_.find(symbol);
    shape.push_back(fixed == sizes_.end() ? Dim::symbol(symbol) : Dim(fixed->second));
  }
  return shape;
}

void Importer::check_fixed_sizes() const {
  for (const auto& [name, size] : sizes_) {
    LASSO_CHECK(open_sizes_.count(name) > 0, ErrorCode::kInvalidArgument,
                "{}: no input has an open size \"{}\", which is to be {}; open are {}", model_.path,
                printable(name), size,
                open_sizes_.empty() ? "none" : fmt::format("{}", fmt::join(open_sizes_, ", ")));
    LASSO_CHECK(size >= 1 && size <= graph::kMaxSymbol, ErrorCode::kInvalidArgument,
                "{}: size \"{}\" is to be {}, expected 1 to {}", model_.path, printable(name), size,
                graph::kMaxSymbol);
  }
}

// Where a size grows with one symbol, that has a least one.
void Importer::require_positive(const Dim& size) {
  if (size.is_constant()) return;
  const std::set<std::string> symbols = size.symbols();
  if (symbols.size() != 1 || symbols_.count(*symbols.begin()) == 0) return;
  const std::string& symbol = *symbols.begin();
  const auto is_enough = [&](std::int64_t value) {
    const graph::Bindings bindings{{symbol, value}};
    return size.grows_from(bindings) && size.evaluate(bindings) >= 1;
  };
  const auto known = least_.find(symbol);
  std::int64_t low = known == least_.end() ? 1 : known->second;
  if (is_enough(low) || !is_enough(graph::kMaxSymbol)) return;
  std::int64_t high = graph::kMaxSymbol;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (is_enough(middle) ? high : low) = middle;
  }
  least_[symbol] = high;
}

bool Importer::add_undecided_sizes(const OnnxNode& node) {
  bool found = false;
  for (const std::string& name : node.inputs) {
    const Operand* operand = name.empty() ? nullptr : find(name);
    if (operand == nullptr) continue;
    for (const std::string& symbol : open_sizes_) {
      const bool has = std::any_of(operand->shape.begin(), operand->shape.end(),
                                   [&](const Dim& size) { return size.has_symbol(symbol); });
      if (has) undecided_.insert(symbol);
      found = found || has;
    }
  }
  return found;
}

}  // namespace lasso::onnx
