// Which layer of one model is which of another one's.
#ifndef LASSO_CLI_COMPARE_TENSORS_ALIGN_LAYERS_H_
#define LASSO_CLI_COMPARE_TENSORS_ALIGN_LAYERS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace lasso::app {

struct LayerKey {
  std::string name;   // of the value that it computes
  std::string op;     // "linear"
  std::string shape;  // "[batch, 64, 64, 768]"
};

struct Alignment {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;  // of indices, both rising
  bool by_name = true;                                     // else by operation, shape and position
};

// The longest sequence of layers that both models have, in the order of both: layers are the same
// that have the same name and shape or, where models name fewer than a tenth of them alike, the
// same operation and shape.
Alignment align_layers(const std::vector<LayerKey>& a, const std::vector<LayerKey>& b);

// Of two lists the longest sequence that both have, in the order of both: places in the lists.
std::vector<std::pair<std::size_t, std::size_t>> common_subsequence(
    const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_TENSORS_ALIGN_LAYERS_H_
