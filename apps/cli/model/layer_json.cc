#include "cli/model/layer_json.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lasso::app {

OrderedJson layer_json(const LayerInfo& layer) {
  OrderedJson json = {{"name", layer.name},
                      {"op", layer.op},
                      {"inputs", layer.input_shapes},
                      {"shape", layer.shape},
                      {"precision", layer.precision},
                      {"kernel", layer.kernel},
                      {"isa", layer.isa},
                      {"gflop", layer.gflop},
                      {"weight_bytes", layer.weight_bytes}};
  if (layer.op == "window_attention") json["window"] = layer.window;
  return json;
}

LayerInfo layer_from_json(const OrderedJson& json) {
  LayerInfo layer;
  layer.name = json.at("name").get<std::string>();
  layer.op = json.at("op").get<std::string>();
  layer.input_shapes = json.at("inputs").get<std::vector<std::string>>();
  layer.shape = json.at("shape").get<std::string>();
  layer.window = json.value("window", 0);
  layer.precision = json.at("precision").get<std::string>();
  layer.kernel = json.at("kernel").get<std::string>();
  layer.isa = json.at("isa").get<std::string>();
  layer.gflop = json.at("gflop").get<double>();
  layer.weight_bytes = json.at("weight_bytes").get<std::uint64_t>();
  return layer;
}

}  // namespace lasso::app
