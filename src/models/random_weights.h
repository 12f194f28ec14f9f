// Weights of models that are made to measure time.
#ifndef LASSO_MODELS_RANDOM_WEIGHTS_H_
#define LASSO_MODELS_RANDOM_WEIGHTS_H_

#include <cstdint>

#include "core/tensor.h"

namespace lasso {

// Nearly normal float32 numbers, the same for one `start` on any machine and any number of threads.
Tensor normal_tensor(const Dims& dims, std::uint64_t start, float mean, float deviation);

}  // namespace lasso

#endif  // LASSO_MODELS_RANDOM_WEIGHTS_H_
