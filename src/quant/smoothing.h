// Moving outliers of activations into the weights before both are rounded ("SmoothQuant", Xiao et
// al., 2023): x W^T = (x / s) (W diag(s))^T.
#ifndef LASSO_QUANT_SMOOTHING_H_
#define LASSO_QUANT_SMOOTHING_H_

#include <vector>

#include "core/tensor.h"
#include "quant/observe.h"

namespace lasso::quant {

struct Smoothing {
  std::vector<float> factors;  // s, one for each channel; empty: 1
  double exponent = 0;         // that s was made with; 0: none
  // |y' - y|^2 / |y|^2 over the observed rows, where y' is what int8 makes of the layer's output,
  // without its bias. Rows and weights are rounded as in number_schemes.h, as kernels do.
  double error = 0;
  double plain_error = 0;  // without smoothing
};

// s_k = max|x_k|^a / max|W_k|^(1 - a), with the geometric mean 1. Channels that are (nearly) zero
// count as 10^-4 of the largest, so that s stays finite and does not rest on noise.
std::vector<float> smoothing_factors(const std::vector<float>& largest_input,
                                     const std::vector<float>& largest_weight, double exponent);

// For a layer with weights [n, k]: the exponent with the least error among 0.3, 0.4, ..., 0.7, and
// none; none unless another takes at least a fiftieth off.
Smoothing search_smoothing(const InputObserver& input, const TensorView& weights);

}  // namespace lasso::quant

#endif  // LASSO_QUANT_SMOOTHING_H_
