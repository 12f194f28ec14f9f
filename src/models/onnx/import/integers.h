// Integers that are known while a model is imported: numbers, and sizes with symbols. Exporters
// compute shapes by operators on such; they are computed here, and none of it is left to run.
#ifndef LASSO_MODELS_ONNX_IMPORT_INTEGERS_H_
#define LASSO_MODELS_ONNX_IMPORT_INTEGERS_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "graph/dim.h"

namespace lasso::onnx {

// A dense row-major tensor.
struct Integers {
  Dims dims;
  std::vector<graph::Dim> values;

  bool are_numbers() const;
  // Of numbers alone.
  std::vector<std::int64_t> numbers() const;
  bool operator==(const Integers&) const = default;
};

// Beyond that many elements nothing is a shape: they are left to kernels.
constexpr std::int64_t kMostIntegers = 8192;

Integers scalar_integer(graph::Dim value);
Integers integer_list(std::vector<graph::Dim> values);

// Symbols that may stand for 0; others are at least 1.
using SymbolSet = std::set<std::string>;

// Whether a size is not negative, whatever its symbols stand for. False where that is not known.
bool is_never_negative(const graph::Dim& size, const SymbolSet& may_be_zero);

// NumPy's broadcasting; nothing where the shapes do not go together or the result is too large.
std::optional<Dims> broadcast_dims(const Dims& a, const Dims& b);

// Add, Sub, Mul, Div, Mod, Min, Max, Pow, comparisons and logic by ONNX's names, element by
// element; truths are 0 and 1. Nothing where the result is no polynomial or floor of sizes, or not
// known without the symbols' values, and for other operators.
std::optional<Integers> combine(std::string_view op_type, const Integers& a, const Integers& b,
                                const SymbolSet& may_be_zero = {});

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_IMPORT_INTEGERS_H_
