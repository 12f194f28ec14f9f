// Element types by their names in .safetensors files.
#ifndef LASSO_FORMATS_SAFETENSORS_SAFETENSORS_TYPES_H_
#define LASSO_FORMATS_SAFETENSORS_SAFETENSORS_TYPES_H_

#include <array>
#include <string_view>

#include "core/dtype.h"

namespace lasso {

struct SafetensorsType {
  std::string_view name;
  DType dtype;
};

inline constexpr auto kSafetensorsTypes = std::to_array<SafetensorsType>({{"F32", DType::kF32},
                                                                          {"F16", DType::kF16},
                                                                          {"BF16", DType::kBF16},
                                                                          {"F64", DType::kF64},
                                                                          {"I8", DType::kI8},
                                                                          {"U8", DType::kU8},
                                                                          {"I16", DType::kI16},
                                                                          {"I32", DType::kI32},
                                                                          {"I64", DType::kI64},
                                                                          {"BOOL", DType::kBool}});

}  // namespace lasso

#endif  // LASSO_FORMATS_SAFETENSORS_SAFETENSORS_TYPES_H_
