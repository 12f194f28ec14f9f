// What the descriptions of SAM's parts share: a builder that knows the checkpoint's parameters by
// name.
#ifndef LASSO_MODELS_SAM_DESCRIBE_DESCRIBE_BUILDER_H_
#define LASSO_MODELS_SAM_DESCRIBE_DESCRIBE_BUILDER_H_

#include <string>
#include <vector>

#include "graph/builder.h"
#include "models/sam/checkpoint/checkpoint.h"

namespace lasso::sam {

class SamBuilder : public graph::Builder {
 public:
  using ValueId = graph::ValueId;

  SamBuilder(const std::string& program, const SamCheckpoint& checkpoint)
      : graph::Builder(program), checkpoint_(checkpoint) {}

  const SamConfig& config() const { return checkpoint_.config; }
  const Weights& weights() const { return checkpoint_.weights; }

  ValueId parameter(const std::string& name) {
    return constant(name, checkpoint_.weights.dense(name));
  }
  // A parameter under another shape of as many elements.
  ValueId parameter(const std::string& name, Dims dims) {
    Tensor tensor = checkpoint_.weights.dense(name);
    tensor.dims = std::move(dims);
    return constant(name, std::move(tensor));
  }

  // nn.Linear `layer` with bias.
  ValueId linear(const std::string& name, ValueId x, const std::string& layer) {
    return add(name, graph::Linear{},
               {x, parameter(layer + ".weight"), parameter(layer + ".bias")});
  }
  ValueId norm(const std::string& name, ValueId x, const std::string& layer, float epsilon) {
    return add(name, graph::LayerNorm{epsilon},
               {x, parameter(layer + ".weight"), parameter(layer + ".bias")});
  }
  ValueId activation(const std::string& name, ValueId x, graph::Activation kind) {
    return add(name, graph::Unary{kind}, {x});
  }
  ValueId sum(const std::string& name, ValueId a, ValueId b) {
    return add(name, graph::Binary{graph::BinaryKind::kAdd}, {a, b});
  }
  // Linear layers "<layers>.0", "<layers>.1", ... with ReLU between them (Meta's MLP module).
  ValueId mlp(const std::string& name, ValueId x, const std::string& layers, int depth) {
    for (int i = 0; i < depth; ++i) {
      const std::string suffix = "." + std::to_string(i);
      const bool last = i + 1 == depth;
      x = linear(last ? name : name + suffix, x, layers + suffix);
      if (!last) x = activation(name + suffix + ".relu", x, graph::Activation::kRelu);
    }
    return x;
  }

 private:
  const SamCheckpoint& checkpoint_;
};

graph::Graph describe_image_encoder(const SamCheckpoint& checkpoint);

// Constants of the decoder that are computed from parameters; its programs share them.
struct DecoderConstants {
  Tensor dense_positions;  // [g * g, D]
  Tensor label_table;      // [5, D], for labels -1 to 3
};
DecoderConstants decoder_constants(const SamCheckpoint& checkpoint);
graph::Graph describe_mask_decoder(const SamCheckpoint& checkpoint,
                                   const DecoderConstants& constants, bool mask_input);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_DESCRIBE_DESCRIBE_BUILDER_H_
