// Element types of ONNX's tensors.
#ifndef LASSO_FORMATS_ONNX_ONNX_TYPES_H_
#define LASSO_FORMATS_ONNX_ONNX_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/dtype.h"
#include "core/enum_names.h"

namespace lasso {

// TensorProto.DataType of ONNX 1.23, with its numbers.
enum class OnnxDataType : std::uint8_t {
  kUndefined = 0,
  kFloat32 = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kFloat64 = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUint2 = 25,
  kInt2 = 26,
  kFloat6E2M3 = 27,
  kFloat6E3M2 = 28,
};
// "float32", "float8e4m3fn", "uint4", ...: as Lasso calls its own types, and ONNX the others.
const EnumNames<OnnxDataType>& names_of(EnumTag<OnnxDataType> tag);
std::string_view to_string(OnnxDataType type);

// The type of a number in a file; nothing if ONNX 1.23 has none of that number.
std::optional<OnnxDataType> onnx_data_type(std::uint64_t number);

// Bits of an element as raw_data has it; 0 for strings and kUndefined.
std::size_t bits_of(OnnxDataType type);

// The type by which Lasso computes; nothing if it has none.
std::optional<DType> dtype_of(OnnxDataType type);

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_ONNX_TYPES_H_
