// The activations as scalar functions: what the reference kernels compute.
#ifndef LASSO_KERNELS_CPU_ACTIVATION_H_
#define LASSO_KERNELS_CPU_ACTIVATION_H_

#include <cmath>

#include "graph/op.h"

namespace lasso::kernels {

inline float activate(graph::Activation activation, float x) {
  switch (activation) {
    case graph::Activation::kNone:
      return x;
    case graph::Activation::kGelu:
      return 0.5F * x * (1.0F + std::erf(x * 0.70710678F));
    case graph::Activation::kRelu:
      return x < 0.0F ? 0.0F : x;
    case graph::Activation::kSigmoid:
      return 1.0F / (1.0F + std::exp(-x));
    case graph::Activation::kSilu:
      return x / (1.0F + std::exp(-x));
    case graph::Activation::kLeakyRelu:
      return x < 0.0F ? graph::kLeakySlope * x : x;
  }
  return x;
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_ACTIVATION_H_
