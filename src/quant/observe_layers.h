// Observing what goes into the linear layers and convolutions of a module while it runs in float32.
#ifndef LASSO_QUANT_OBSERVE_LAYERS_H_
#define LASSO_QUANT_OBSERVE_LAYERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "quant/observe.h"

namespace lasso::quant {

// Linear layers and convolutions of a program, by the names of their weights, which several nodes
// may share.
struct ProductLayer {
  // A value that is multiplied: all channels of what the layer reads, or, where a convolution reads
  // several images as one, `count` from the channel `first` on.
  struct Input {
    std::string name;  // under which it is reported
    std::int64_t first = 0;
    std::int64_t count = 0;
  };
  std::vector<Input> inputs;
  std::int64_t channels = 0;
  double flops = 0;  // at the typical sizes
};
std::map<std::string, ProductLayer> product_layers(const graph::Graph& program);

// Their shares of the floating-point operations in all such layers of the program. Throws
// kInternal for a name that is none of its layers'.
std::vector<double> shares_of_work(const graph::Graph& program,
                                   const std::vector<std::string>& layers);

// Sees the values of programs as a session reports them, and keeps what layers read.
class LayerObserver {
 public:
  // `layers` are names of weights, each of one or more of the programs. Throws kInternal for a name
  // that is none of theirs.
  LayerObserver(const std::vector<const graph::Graph*>& programs,
                const std::vector<std::string>& layers, std::int64_t rows_per_run);

  // The value, of that shape, that a program has just made; null data is passed over.
  void add(const std::string& program, const std::string& value, const Dims& dims,
           const float* data);

  // By layer.
  const std::vector<InputObserver>& inputs() const { return inputs_; }

 private:
  struct Reader {
    std::size_t layer = 0;
    ProductLayer::Input input;
  };

  std::vector<InputObserver> inputs_;
  std::map<std::pair<std::string, std::string>, std::vector<Reader>> readers_;  // of a value
};

}  // namespace lasso::quant

#endif  // LASSO_QUANT_OBSERVE_LAYERS_H_
