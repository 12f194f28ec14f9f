// Published models as layers.
#ifndef LASSO_MODELS_YOLOV7_PUBLISHED_PUBLISHED_NETWORK_H_
#define LASSO_MODELS_YOLOV7_PUBLISHED_PUBLISHED_NETWORK_H_

#include <cstdint>

#include "models/yolov7/checkpoint/network.h"
#include "models/yolov7/published/architectures.h"

namespace lasso::yolov7 {

// Its layers as those of the deployed model, with the names that its checkpoint gives them. Weights
// have shapes and no values; classes are COCO's 80, called "class 0" and so on.
Network published_network(const Architecture& architecture);

// The same with random weights, which keep activations finite through any depth. The same seed
// gives the same values on any machine.
Network random_network(const Architecture& architecture, std::uint64_t seed);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_PUBLISHED_PUBLISHED_NETWORK_H_
