// Sizes that inputs' values decide. While a model is imported, a symbol stands for each; what
// computes them becomes a small graph of its own, which a run computes before all else.
#ifndef LASSO_MODELS_ONNX_IMPORT_COMPUTED_SIZES_H_
#define LASSO_MODELS_ONNX_IMPORT_COMPUTED_SIZES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "models/onnx/import/integers.h"

namespace lasso::onnx {

class SizeSymbols {
 public:
  // `names` are the symbols in use, where those of sizes are added.
  explicit SizeSymbols(std::set<std::string>& names) : names_(names) {}

  // The elements of a value of integers, in which symbols stand for what is computed: a symbol is
  // at least 1, and one of an element that may be 0 (`least`) stands for one more. Nothing where
  // that takes more than small tensors (graph/computed_sizes.h).
  std::shared_ptr<const Integers> elements(const graph::Graph& graph, graph::ValueId id,
                                           std::int64_t least);

  // Sizes beyond `most` are refused; no effect for a symbol that is not computed.
  void limit(const std::string& name, std::int64_t most);

  // Gives the graph of the whole model its computed sizes, with their limits in its profile.
  void finish(graph::Graph& graph) const;

 private:
  using Element = std::pair<graph::ValueId, std::int64_t>;
  struct Symbol {
    std::string name;
    Element element;
    std::int64_t more = 0;  // than the element
    std::int64_t most = graph::kMaxSymbol;

    graph::Dim value() const { return graph::Dim::symbol(name) - more; }
  };

  const graph::Node* producer(const graph::Graph& graph, graph::ValueId id);
  std::optional<graph::Dim> element(const graph::Graph& graph, Element at, std::int64_t least);
  bool is_computable(const graph::Graph& graph, graph::ValueId id);
  std::optional<graph::Dim> symbol_of(const graph::Graph& graph, Element at, std::int64_t least);

  std::set<std::string>& names_;
  std::vector<Symbol> symbols_;
  std::map<Element, std::size_t> places_;       // among the symbols
  std::map<graph::ValueId, bool> computable_;   // of values that were looked at
  std::map<graph::ValueId, std::size_t> made_;  // the node that makes a value
  std::size_t nodes_ = 0;                       // those that made_ has
  // What all that is computed takes together.
  std::size_t computed_nodes_ = 0;
  double computed_work_ = 0;
};

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_IMPORT_COMPUTED_SIZES_H_
