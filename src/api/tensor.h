// The types of public tensors and those of the library's own.
#ifndef LASSO_API_TENSOR_H_
#define LASSO_API_TENSOR_H_

#include "core/dtype.h"
#include "lasso/tensor.h"

namespace lasso {

ElementType element_type(DType dtype);
// Throws kInvalidArgument for a value that the enumeration does not have.
DType dtype_of(ElementType type);

}  // namespace lasso

#endif  // LASSO_API_TENSOR_H_
