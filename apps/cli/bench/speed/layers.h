// Times of single layers in `lasso bench speed --layers`, and of groups of them.
#ifndef LASSO_CLI_BENCH_SPEED_LAYERS_H_
#define LASSO_CLI_BENCH_SPEED_LAYERS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "lasso/engine.h"

namespace lasso::app {

struct LayerTime {
  std::string stage;  // key of the SpeedStage that it is a part of
  LayerInfo layer;
  double ms = 0;
  double peak_gflop_per_s = 0;  // of the machine, for the layer's precision; 0: not known

  // Where it has GFLOP.
  std::optional<double> gflop_per_s() const;
  std::optional<double> peak_percent() const;
};

// "linear", "windowed attention", "global attention", "attention" (the decoder's), "LayerNorm",
// "convolution", "upscaling", "matmul", "elementwise", "quantisation", "other".
std::string layer_kind(const LayerInfo& layer);

// Layers that are looked at together; all have the precision that is said, if one is.
struct LayerGroup {
  std::string name;
  std::string kind;
  std::string precision;
  std::vector<const LayerTime*> layers;  // not empty

  double ms() const;
  double gflop() const;
  std::optional<double> gflop_per_s() const;
  // Layers may have different peaks: it is the time that they would take at them, of the time that
  // they take. None where a layer with GFLOP has no peak.
  std::optional<double> peak_percent() const;
};

std::vector<const LayerTime*> layers_of(const std::vector<LayerTime>& layers,
                                        const std::string& stage);

// By kind and precision, what takes longest first.
std::vector<LayerGroup> group_by_kind(const std::vector<const LayerTime*>& layers);

// Layers that the blocks of a model repeat: equal in all but the first number of their names, which
// becomes "*", and their times. In the order of execution of the first of each.
std::vector<LayerGroup> group_repeated(const std::vector<const LayerTime*>& layers);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_LAYERS_H_
