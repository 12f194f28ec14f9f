// Tensors in the host's memory, made and looked at whatever their type is.
#ifndef LASSO_CLI_MODEL_HOST_TENSORS_H_
#define LASSO_CLI_MODEL_HOST_TENSORS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lasso/tensor.h"

namespace lasso::app {

// The elements as numbers, in double precision.
std::vector<double> to_doubles(const HostTensorView& tensor);
// The elements rounded to the type: floats to the nearest, integers towards zero.
HostTensor from_doubles(ElementType type, const std::vector<std::int64_t>& shape,
                        const std::vector<double>& values);

// Floats uniform in [0, 1), integers and truths 0 or 1; the same for the same seed and name.
HostTensor random_tensor(ElementType type, const std::vector<std::int64_t>& shape,
                         std::uint64_t seed, const std::string& name);

// All elements are the number.
HostTensor filled_tensor(ElementType type, const std::vector<std::int64_t>& shape, double value);

// Whether it is one of the types of floats.
bool is_real_type(ElementType type);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_HOST_TENSORS_H_
