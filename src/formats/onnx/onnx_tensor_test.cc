// Single tensors: types, fields of data, and what is wrong with them.
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/onnx/onnx_reader.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/onnx_writer.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

class OnnxTensorTest : public testing::Test {
 protected:
  OnnxTensor read(const std::string& message) const {
    write_bytes(dir_ / "t.pb", message);
    return read_onnx_tensor(dir_ / "t.pb");
  }
  void expect_corrupt(const std::string& message, const std::string& part) const {
    EXPECT_ERROR(read(message), ErrorCode::kCorruptFile, (dir_ / "t.pb") + ": " + part);
  }

  TempDir dir_;
};

std::string bytes_of(const OnnxTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.data), tensor.bytes};
}

template <typename T>
std::vector<T> values_of(const OnnxTensor& tensor) {
  const Tensor dense = to_tensor(tensor);
  const auto* begin = static_cast<const T*>(dense.data.get());
  return {begin, begin + element_count(tensor)};
}

std::string wire_double(std::uint32_t number, double value) {
  return wire_tag(number, 1) + raw_bytes<double>({value});
}

TEST_F(OnnxTensorTest, RawDataAreAView) {
  const OnnxTensor tensor = read(onnx_raw_tensor("w", {2, 3}, {1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(tensor.name, "w");
  EXPECT_EQ(tensor.data_type, OnnxDataType::kFloat32);
  EXPECT_EQ(tensor.dims, (Dims{2, 3}));
  ASSERT_NE(tensor.file, nullptr);
  EXPECT_GE(tensor.data, tensor.file->data());
  EXPECT_LE(tensor.data + tensor.bytes, tensor.file->data() + tensor.file->size());
  EXPECT_EQ(values_of<float>(tensor), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(to_tensor(tensor).dtype, DType::kF32);
}

TEST_F(OnnxTensorTest, FieldsMayComeInAnyOrderAndUnknownOnesAreSkipped) {
  const OnnxTensor tensor = read(
      wire_bytes(9, raw_bytes<float>({7})) + wire_number(1, 1) + wire_bytes(99, "new") +
      wire_number(98, 5) + wire_float(97, 1) + wire_bytes(8, "w") + wire_number(2, 7) +
      wire_number(2, 1) + wire_bytes(12, "\xff: a doc_string is not read") + wire_number(1, 1));
  EXPECT_EQ(tensor.dims, (Dims{1, 1})) << "dims one by one";
  EXPECT_EQ(values_of<float>(tensor), std::vector<float>{7}) << "the last data_type counts";
}

TEST_F(OnnxTensorTest, EmptyTensorsAndScalars) {
  EXPECT_EQ(read(onnx_tensor("e", 1, {0, 3})).bytes, 0U);
  EXPECT_EQ(to_tensor(read(onnx_tensor("e", 1, {0, 3}))).bytes(), 0U);
  EXPECT_EQ(read(onnx_tensor("e", 7, {2, 0}) + wire_bytes(9, "")).bytes, 0U);
  EXPECT_TRUE(read(onnx_tensor("e", 8, {0})).strings.empty());
  const OnnxTensor scalar = read(onnx_raw_tensor("s", {}, {3}));
  EXPECT_EQ(element_count(scalar), 1);
  EXPECT_EQ(values_of<float>(scalar), std::vector<float>{3});
}

TEST_F(OnnxTensorTest, TypedFieldsPackedAndNot) {
  const std::vector<float> floats{1.5F, -2};
  const OnnxTensor packed = read(onnx_tensor("f", 1, {2}) + wire_bytes(4, raw_bytes(floats)));
  EXPECT_NE(packed.file, nullptr) << "packed floats are a view";
  EXPECT_EQ(values_of<float>(packed), floats);
  const OnnxTensor single =
      read(wire_float(4, 1.5F) + onnx_tensor("f", 1, {2}) + wire_float(4, -2));
  EXPECT_EQ(single.file, nullptr);
  EXPECT_EQ(values_of<float>(single), floats);
  const OnnxTensor pieces =
      read(onnx_tensor("f", 1, {3}) + wire_bytes(4, raw_bytes(floats)) + wire_float(4, 9));
  EXPECT_EQ(values_of<float>(pieces), (std::vector<float>{1.5F, -2, 9}));

  EXPECT_EQ(values_of<double>(
                read(onnx_tensor("d", 11, {2}) + wire_bytes(10, raw_bytes<double>({1e300, -1})))),
            (std::vector<double>{1e300, -1}));
  EXPECT_EQ(
      values_of<double>(read(onnx_tensor("d", 11, {2}) + wire_double(10, 1) + wire_double(10, 2))),
      (std::vector<double>{1, 2}));
  EXPECT_EQ(
      values_of<std::int64_t>(read(onnx_tensor("i", 7, {3}) + wire_packed(7, {1, -1, INT64_MIN}))),
      (std::vector<std::int64_t>{1, -1, INT64_MIN}));
  EXPECT_EQ(values_of<std::int64_t>(
                read(onnx_tensor("i", 7, {2}) + wire_number(7, 5) + wire_number(7, -6))),
            (std::vector<std::int64_t>{5, -6}));
  EXPECT_EQ(
      values_of<std::int32_t>(read(onnx_tensor("i", 6, {2}) + wire_packed(5, {-7, INT32_MAX}))),
      (std::vector<std::int32_t>{-7, INT32_MAX}));
  EXPECT_EQ(values_of<std::int8_t>(read(onnx_tensor("i", 3, {3}) + wire_packed(5, {-128, 127, 1}))),
            (std::vector<std::int8_t>{-128, 127, 1}));
  EXPECT_EQ(values_of<std::uint8_t>(read(onnx_tensor("u", 2, {2}) + wire_packed(5, {0, 255}))),
            (std::vector<std::uint8_t>{0, 255}));
  EXPECT_EQ(values_of<std::int16_t>(read(onnx_tensor("i", 5, {2}) + wire_packed(5, {-300, 300}))),
            (std::vector<std::int16_t>{-300, 300}));
  EXPECT_EQ(
      values_of<std::uint16_t>(read(onnx_tensor("h", 10, {2}) + wire_packed(5, {0x3c00, 0xfbff}))),
      (std::vector<std::uint16_t>{0x3c00, 0xfbff}));
  EXPECT_EQ(values_of<std::uint8_t>(read(onnx_tensor("b", 9, {2}) + wire_packed(5, {1, 0}))),
            (std::vector<std::uint8_t>{1, 0}));
  const OnnxTensor strings =
      read(onnx_tensor("s", 8, {2}) + wire_bytes(6, "one") + wire_bytes(6, "\xff"));
  EXPECT_EQ(strings.strings, (std::vector<std::string>{"one", "\xff"}));
}

TEST_F(OnnxTensorTest, EveryTypeIsKnownByNameAndSize) {
  struct Case {
    int number;
    const char* name;
    std::size_t bytes;  // of five elements
    std::optional<DType> dtype;
  };
  const std::vector<Case> cases{{1, "float32", 20, DType::kF32},
                                {2, "uint8", 5, DType::kU8},
                                {3, "int8", 5, DType::kI8},
                                {4, "uint16", 10, {}},
                                {5, "int16", 10, DType::kI16},
                                {6, "int32", 20, DType::kI32},
                                {7, "int64", 40, DType::kI64},
                                {9, "bool", 5, DType::kBool},
                                {10, "float16", 10, DType::kF16},
                                {11, "float64", 40, DType::kF64},
                                {12, "uint32", 20, {}},
                                {13, "uint64", 40, {}},
                                {14, "complex64", 40, {}},
                                {15, "complex128", 80, {}},
                                {16, "bfloat16", 10, DType::kBF16},
                                {17, "float8e4m3fn", 5, {}},
                                {18, "float8e4m3fnuz", 5, {}},
                                {19, "float8e5m2", 5, {}},
                                {20, "float8e5m2fnuz", 5, {}},
                                {21, "uint4", 3, {}},
                                {22, "int4", 3, {}},
                                {23, "float4e2m1", 3, {}},
                                {24, "float8e8m0", 5, {}},
                                {25, "uint2", 2, {}},
                                {26, "int2", 2, {}},
                                {27, "float6e2m3", 4, {}},
                                {28, "float6e3m2", 4, {}}};
  for (const Case& c : cases) {
    const OnnxTensor tensor =
        read(onnx_tensor("t", c.number, {5}) + wire_bytes(9, std::string(c.bytes, '\1')));
    EXPECT_EQ(to_string(tensor.data_type), c.name);
    EXPECT_EQ(tensor.bytes, c.bytes) << c.name;
    EXPECT_EQ(dtype_of(tensor.data_type), c.dtype) << c.name;
    if (c.dtype) {
      EXPECT_EQ(to_tensor(tensor).bytes(), c.bytes) << c.name;
    } else {
      EXPECT_ERROR(to_tensor(tensor), ErrorCode::kUnsupported,
                   std::string("tensor t: elements of type ") + c.name);
    }
    expect_corrupt(onnx_tensor("t", c.number, {5}) + wire_bytes(9, std::string(c.bytes - 1, '\1')),
                   "raw_data: " + std::to_string(c.bytes - 1) + " bytes, and type " + c.name +
                       " and shape [5] take " + std::to_string(c.bytes));
  }
  EXPECT_ERROR(read(onnx_tensor("t", 29, {1})), ErrorCode::kUnsupported,
               "data_type: 29 is no type of ONNX 1.23");
  EXPECT_ERROR(read(onnx_tensor("t", -1, {1})), ErrorCode::kUnsupported, "data_type: -1");
}

TEST_F(OnnxTensorTest, ElementsOfLessThanAByte) {
  // Entries of int32_data are bytes of two or four elements each.
  EXPECT_EQ(bytes_of(read(onnx_tensor("t", 21, {3}) + wire_packed(5, {0x21, 0x3}))), "\x21\x03");
  EXPECT_EQ(bytes_of(read(onnx_tensor("t", 22, {3}) + wire_packed(5, {0xf1, -1}))), "\xf1\xff");
  EXPECT_EQ(bytes_of(read(onnx_tensor("t", 25, {5}) + wire_packed(5, {0xe4, 1}))), "\xe4\x01");
  // Those of 6 bits stand alone there, and four in three bytes of raw_data.
  EXPECT_EQ(bytes_of(read(onnx_tensor("t", 27, {5}) + wire_packed(5, {1, 2, 3, 63, 33}))),
            "\x81\x30\xfc\x21");
  expect_corrupt(onnx_tensor("t", 27, {4}) + wire_packed(5, {1, 2, 3}),
                 "int32_data: 3 elements, and the shape [4] takes 4");
  expect_corrupt(onnx_tensor("t", 28, {1}) + wire_packed(5, {64}),
                 "int32_data: 64 is no element of type float6e3m2");
}

TEST_F(OnnxTensorTest, ElementsThatTheTypeLacks) {
  struct Case {
    int type;
    std::string data;
    std::string part;
  };
  const std::vector<Case> cases{
      {3, wire_packed(5, {256}), "int32_data: 256 is no element of type int8"},
      {3, wire_packed(5, {-129}), "int32_data: -129 is no element of type int8"},
      {10, wire_packed(5, {65536}), "int32_data: 65536 is no element of type float16"},
      {6, wire_packed(5, {std::int64_t{1} << 32}), "int32_data: 4294967296 is no element"},
      {9, wire_packed(5, {2}), "int32_data: 2 is no element of type bool"},
      {12, wire_packed(11, {std::int64_t{1} << 32}), "uint64_data: 4294967296 is no element"}};
  for (const Case& c : cases) expect_corrupt(onnx_tensor("t", c.type, {1}) + c.data, c.part);
  EXPECT_ERROR(to_tensor(read(onnx_tensor("t", 9, {1}) + wire_bytes(9, "\2"))),
               ErrorCode::kCorruptFile, "t.pb: tensor t: holds a bool that is neither 0 nor 1");
  EXPECT_EQ(bytes_of(read(onnx_tensor("t", 12, {1}) + wire_packed(11, {0xffffffff}))),
            "\xff\xff\xff\xff");
  EXPECT_EQ(bytes_of(read(onnx_tensor("t", 13, {1}) + wire_packed(11, {-1}))),
            std::string(8, '\xff'));
}

TEST_F(OnnxTensorTest, DataThatDoNotFit) {
  const std::string head = onnx_tensor("t", 1, {2});
  expect_corrupt(head, "has no data: 0 bytes, and type float32 and shape [2] take 8");
  expect_corrupt(head + wire_bytes(9, "1234") + wire_bytes(9, "5678"), "raw_data: is given twice");
  expect_corrupt(head + wire_bytes(9, "12345678") + wire_bytes(4, "12345678"),
                 "has two fields of data, raw_data and float_data");
  expect_corrupt(head + wire_float(4, 1) + wire_bytes(9, "12345678"),
                 "has two fields of data, float_data and raw_data");
  expect_corrupt(head + wire_packed(7, {1, 2}), "int64_data: holds no elements of type float32");
  expect_corrupt(head + wire_bytes(4, "123"), "float_data: 3 bytes are no whole number");
  expect_corrupt(head + wire_bytes(6, "text"), "string_data: holds no elements");
  expect_corrupt(head + wire_float(4, 1), "float_data: 4 bytes");
  expect_corrupt(head + wire_number(4, 1), "float_data: a varint where 4 bytes is expected");
  expect_corrupt(onnx_tensor("t", 7, {1}) + wire_bytes(7, "\x80"), "int64_data: a number is cut");
  expect_corrupt(onnx_tensor("t", 7, {1}) + wire_float(7, 1), "int64_data: 4 bytes where a varint");
  expect_corrupt(onnx_tensor("t", 8, {2}) + wire_bytes(6, "one"),
                 "string_data: 1 texts, and the shape [2] takes 2");
  expect_corrupt(onnx_tensor("t", 8, {1}) + wire_bytes(9, "text"), "raw_data: holds no elements");
  expect_corrupt(wire_bytes(9, "1234"), "data_type: is missing");
  expect_corrupt(wire_number(9, 5) + wire_number(2, 1), "raw_data: a varint where a length");
  expect_corrupt(head + wire_bytes(8, "\xc3"), "name: is not UTF-8");
  expect_corrupt(head + "\x0b", "at byte 8: a field of a type that ONNX does not use");
  EXPECT_ERROR(read(head + wire_bytes(3, "")), ErrorCode::kUnsupported, "segment: ");
}

TEST_F(OnnxTensorTest, ImpossibleShapes) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 31;
  const auto tensor = [](const std::vector<std::int64_t>& dims, int type = 1) {
    return onnx_tensor("t", type, dims) + wire_bytes(9, "1234");
  };
  expect_corrupt(tensor({-1}), "dims: -1 is negative");
  expect_corrupt(tensor({kHuge, kHuge, 4}), "dims: [2147483648, 2147483648, 4] is an impossible");
  expect_corrupt(tensor({kHuge, kHuge, 0}), "dims: [2147483648, 2147483648, 0] is an impossible");
  expect_corrupt(tensor({INT64_MAX}, 15), "dims: [9223372036854775807] is an impossible shape");
  expect_corrupt(tensor({INT64_MAX}, 25), "dims: [9223372036854775807] is an impossible shape");
  expect_corrupt(tensor({kHuge}),
                 "raw_data: 4 bytes, and type float32 and shape [2147483648] take");
  expect_corrupt(tensor(std::vector<std::int64_t>(100, 3)), "dims: of 100 dimensions is an");
}

}  // namespace
}  // namespace lasso
