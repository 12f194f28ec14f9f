// Observing what goes into an encoder's linear layers.
#ifndef LASSO_MODELS_SAM_OBSERVE_LAYERS_H_
#define LASSO_MODELS_SAM_OBSERVE_LAYERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/compile.h"
#include "engine/session.h"
#include "quant/observe.h"

namespace lasso::sam {

// Linear layers of a program of float32, by the names of their weights.
struct LinearLayer {
  std::string input;  // the value that is multiplied
  std::int64_t channels = 0;
  double flops = 0;  // at the typical sizes
};
std::map<std::string, LinearLayer> linear_layers(const engine::CompiledProgram& program);

// While one lives, a session reports to it; `layers` are names of weights.
class LayerObserver {
 public:
  LayerObserver(engine::Session& session, const std::string& program,
                const std::vector<std::string>& layers, std::int64_t rows_per_image);
  ~LayerObserver();
  LayerObserver(const LayerObserver&) = delete;
  LayerObserver& operator=(const LayerObserver&) = delete;

  // By layer.
  const std::vector<quant::InputObserver>& inputs() const { return inputs_; }

 private:
  engine::Session& session_;
  std::vector<quant::InputObserver> inputs_;
  std::map<std::string, std::vector<std::size_t>> readers_;  // of a value
};

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_OBSERVE_LAYERS_H_
