#include "formats/onnx/onnx_types.h"

namespace lasso {

const EnumNames<OnnxDataType>& names_of(EnumTag<OnnxDataType> /*tag*/) {
  static const EnumNames<OnnxDataType> names{{OnnxDataType::kUndefined, "undefined"},
                                             {OnnxDataType::kFloat32, "float32"},
                                             {OnnxDataType::kUint8, "uint8"},
                                             {OnnxDataType::kInt8, "int8"},
                                             {OnnxDataType::kUint16, "uint16"},
                                             {OnnxDataType::kInt16, "int16"},
                                             {OnnxDataType::kInt32, "int32"},
                                             {OnnxDataType::kInt64, "int64"},
                                             {OnnxDataType::kString, "string"},
                                             {OnnxDataType::kBool, "bool"},
                                             {OnnxDataType::kFloat16, "float16"},
                                             {OnnxDataType::kFloat64, "float64"},
                                             {OnnxDataType::kUint32, "uint32"},
                                             {OnnxDataType::kUint64, "uint64"},
                                             {OnnxDataType::kComplex64, "complex64"},
                                             {OnnxDataType::kComplex128, "complex128"},
                                             {OnnxDataType::kBfloat16, "bfloat16"},
                                             {OnnxDataType::kFloat8E4M3FN, "float8e4m3fn"},
                                             {OnnxDataType::kFloat8E4M3FNUZ, "float8e4m3fnuz"},
                                             {OnnxDataType::kFloat8E5M2, "float8e5m2"},
                                             {OnnxDataType::kFloat8E5M2FNUZ, "float8e5m2fnuz"},
                                             {OnnxDataType::kUint4, "uint4"},
                                             {OnnxDataType::kInt4, "int4"},
                                             {OnnxDataType::kFloat4E2M1, "float4e2m1"},
                                             {OnnxDataType::kFloat8E8M0, "float8e8m0"},
                                             {OnnxDataType::kUint2, "uint2"},
                                             {OnnxDataType::kInt2, "int2"},
                                             {OnnxDataType::kFloat6E2M3, "float6e2m3"},
                                             {OnnxDataType::kFloat6E3M2, "float6e3m2"}};
  return names;
}

std::string_view to_string(OnnxDataType type) { return name_of(type); }

std::optional<OnnxDataType> onnx_data_type(std::uint64_t number) {
  if (number > static_cast<std::uint64_t>(OnnxDataType::kFloat6E3M2)) return std::nullopt;
  return static_cast<OnnxDataType>(number);
}

std::size_t bits_of(OnnxDataType type) {
  switch (type) {
    case OnnxDataType::kUndefined:
    case OnnxDataType::kString:
      return 0;
    case OnnxDataType::kUint2:
    case OnnxDataType::kInt2:
      return 2;
    case OnnxDataType::kUint4:
    case OnnxDataType::kInt4:
    case OnnxDataType::kFloat4E2M1:
      return 4;
    case OnnxDataType::kFloat6E2M3:
    case OnnxDataType::kFloat6E3M2:
      return 6;
    case OnnxDataType::kUint8:
    case OnnxDataType::kInt8:
    case OnnxDataType::kBool:
    case OnnxDataType::kFloat8E4M3FN:
    case OnnxDataType::kFloat8E4M3FNUZ:
    case OnnxDataType::kFloat8E5M2:
    case OnnxDataType::kFloat8E5M2FNUZ:
    case OnnxDataType::kFloat8E8M0:
      return 8;
    case OnnxDataType::kUint16:
    case OnnxDataType::kInt16:
    case OnnxDataType::kFloat16:
    case OnnxDataType::kBfloat16:
      return 16;
    case OnnxDataType::kFloat32:
    case OnnxDataType::kInt32:
    case OnnxDataType::kUint32:
      return 32;
    case OnnxDataType::kFloat64:
    case OnnxDataType::kInt64:
    case OnnxDataType::kUint64:
    case OnnxDataType::kComplex64:
      return 64;
    case OnnxDataType::kComplex128:
      return 128;
  }
  return 0;
}

std::optional<DType> dtype_of(OnnxDataType type) {
  switch (type) {
    case OnnxDataType::kFloat32:
      return DType::kF32;
    case OnnxDataType::kFloat16:
      return DType::kF16;
    case OnnxDataType::kBfloat16:
      return DType::kBF16;
    case OnnxDataType::kFloat64:
      return DType::kF64;
    case OnnxDataType::kInt8:
      return DType::kI8;
    case OnnxDataType::kUint8:
      return DType::kU8;
    case OnnxDataType::kInt16:
      return DType::kI16;
    case OnnxDataType::kInt32:
      return DType::kI32;
    case OnnxDataType::kInt64:
      return DType::kI64;
    case OnnxDataType::kBool:
      return DType::kBool;
    default:
      return std::nullopt;
  }
}

}  // namespace lasso
