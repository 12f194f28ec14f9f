// What the kernels in int8 pack.
#include <utility>

#include "core/convert.h"
#include "kernels/linear/linear.h"
#include "quant/number_schemes.h"

namespace lasso::kernels {

Int8Constants int8_constants(const LinearProblem& p, const std::vector<TensorView>& constants) {
  const auto values = [&](std::size_t index, std::int64_t count, float absent) {
    std::vector<float> result(static_cast<std::size_t>(count), absent);
    if (index < constants.size() && constants[index].data != nullptr) {
      read_f32(constants[index], result.data());
    }
    return result;
  };
  quant::Int8Weights weights = quant::quantize_weights(constants.at(0), values(2, p.k, 1.0F));
  Int8Constants result;
  result.q = std::move(weights.q);
  result.scales = std::move(weights.scales);
  result.bias = values(1, p.n, 0.0F);
  result.output_gain = values(3, p.n, 1.0F);
  return result;
}

}  // namespace lasso::kernels
