// What the exports of SAM's parts share: a builder that knows the checkpoint's parameters by name,
// and layers as PyTorch's exporter writes them.
#ifndef LASSO_MODELS_SAM_EXPORT_EXPORT_BUILDER_H_
#define LASSO_MODELS_SAM_EXPORT_EXPORT_BUILDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "models/sam/export/export.h"

namespace lasso::sam {

class ExportBuilder : public OnnxBuilder {
 public:
  ExportBuilder(const std::string& graph, std::int64_t opset, const SamCheckpoint& checkpoint,
                ActivationScales scales = {})
      : OnnxBuilder(graph, opset), checkpoint_(checkpoint), scales_(std::move(scales)) {}

  const SamConfig& config() const { return checkpoint_.config; }
  const SamCheckpoint& checkpoint() const { return checkpoint_; }

  // A parameter in float32, as it stands in the checkpoint, or under another shape of as many
  // elements.
  Value parameter(const std::string& name);
  Value parameter(const std::string& name, const Dims& dims);

  // nn.Linear `layer` of x with any number of dimensions.
  Value linear(const std::string& name, const Value& x, const std::string& layer);
  // The same of x [rows, channels].
  Value linear_2d(const std::string& name, const Value& x, const std::string& layer);
  // nn.LayerNorm: over the last dimension.
  Value layer_norm(const std::string& name, const Value& x, const std::string& layer,
                   float epsilon);
  // Meta's LayerNorm2d: over the channels of x [N, C, H, W].
  Value layer_norm_2d(const std::string& name, const Value& x, const std::string& layer,
                      float epsilon);
  Value gelu(const std::string& name, const Value& x);

  Value add(const std::string& name, const Value& a, const Value& b) {
    return node(name, "Add", {a, b});
  }
  Value reshape(const std::string& name, const Value& x, const std::vector<std::int64_t>& shape) {
    return node(name, "Reshape", {x, ints(shape)});
  }
  Value transpose(const std::string& name, const Value& x, std::vector<std::int64_t> order) {
    return node(name, "Transpose", {x}, {{"perm", std::move(order)}});
  }
  // A reduction whose axes are an input from operator set `since` on.
  Value reduce(const std::string& name, const std::string& op_type, const Value& x,
               const std::vector<std::int64_t>& axes, bool keep, std::int64_t since);
  // A convolution with kernels [side, side] whose bias may be absent.
  Value convolution(const std::string& name, const std::string& op_type, const Value& x,
                    const std::string& layer, std::int64_t side, std::int64_t stride,
                    std::int64_t padding, bool bias);

 private:
  Value quantised(const std::string& name, const Value& x, float scale);
  Value quantised_weights(const std::string& name);
  // x minus its mean, over the root of its variance.
  Value normalised(const std::string& name, const Value& x, std::int64_t axis, float epsilon);

  const SamCheckpoint& checkpoint_;
  ActivationScales scales_;
};

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_EXPORT_EXPORT_BUILDER_H_
