// How long each layer of a model takes.
#ifndef LASSO_CLI_MODEL_LAYER_TIMES_H_
#define LASSO_CLI_MODEL_LAYER_TIMES_H_

#include <map>
#include <string>
#include <utility>

#include "lasso/engine.h"
#include "lasso/segmenter.h"

namespace lasso::app {

// Milliseconds by names of program and layer; layers that only rename a result have none.
using LayerTimes = std::map<std::pair<std::string, std::string>, double>;

// Runs every program once, on a picture and a prompt of one point.
LayerTimes time_layers(Segmenter* segmenter, const ImageView& image);

// The same on a picture that is made up, once to warm up and then `runs` times: the median of each
// layer.
LayerTimes measure_layers(Segmenter* segmenter, int runs);

// The same of the only program of any model, on random numbers of the profiles' opt sizes: the
// model is run once to warm up and then `runs` times.
LayerTimes measure_layers(const Engine& engine, int threads, int runs);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_LAYER_TIMES_H_
