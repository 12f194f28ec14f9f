// Two models on the same named tensors: outputs, and the values inside.
#ifndef LASSO_CLI_COMPARE_TENSORS_COMPARE_TENSORS_H_
#define LASSO_CLI_COMPARE_TENSORS_COMPARE_TENSORS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/compare/compare_side.h"
#include "cli/compare/criteria.h"
#include "cli/compare/difference.h"
#include "cli/compare/tensors/match_arguments.h"
#include "cli/console.h"
#include "common/json_text.h"

namespace lasso::app {

struct TensorTask {
  std::string inputs;  // an .npz; empty: all inputs are random
  std::uint64_t seed = 1;
  SymbolSizes sizes;  // --size
  bool layers = false;
};

struct ComparedInput {
  std::string name;
  std::string name_b;
  std::string type;  // of A's
  std::vector<std::int64_t> shape;
  std::string source;  // "given", "size" or "random"
};

struct ComparedOutput {
  LayerDifference difference;
  std::optional<double> iou;  // of masks, which are what is above 0
};

struct TensorComparison {
  OrderedJson info_a;
  OrderedJson info_b;
  std::vector<ComparedInput> inputs;
  std::vector<ComparedOutput> outputs;
  std::vector<std::string> outputs_only_a;
  std::vector<std::string> outputs_only_b;
  std::vector<LayerDifference> layers;
  bool by_name = true;  // layers are the same that compute values of one name
  std::size_t layers_only_a = 0;
  std::size_t layers_only_b = 0;
  double ms_a = 0;  // the least of the runs but the first
  double ms_b = 0;
  int runs = 0;

  // The first of the layers, or else of the outputs, above the tolerance; null if there is none.
  const LayerDifference* first_divergence(const Criteria& criteria) const;
  const LayerDifference* worst_layer() const;
};

// The sides' current records are what they say of their programs.
TensorComparison compare_tensors(Side* a, Side* b, const TensorTask& task, const Criteria& criteria,
                                 Progress* progress);

std::vector<std::string> misses(const TensorComparison& comparison, const Criteria& criteria,
                                const Operand& a, const Operand& b);

OrderedJson to_json(const TensorComparison& comparison, const Operand& a, const Operand& b,
                    const TensorTask& task, const Criteria& criteria);
void print_comparison(const TensorComparison& comparison, const Operand& a, const Operand& b,
                      const TensorTask& task, const Criteria& criteria);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_TENSORS_COMPARE_TENSORS_H_
