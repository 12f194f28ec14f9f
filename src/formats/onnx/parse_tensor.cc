#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <system_error>
#include <vector>

#include "core/bytes.h"
#include "formats/file_kind.h"
#include "formats/onnx/message.h"
#include "formats/onnx/parse.h"
#include "formats/text.h"

namespace lasso {

namespace {

constexpr std::uint32_t kDataTypeField = 2;
constexpr std::uint64_t kExternal = 1;  // of TensorProto.DataLocation

bool is_float6(OnnxDataType type) {
  return type == OnnxDataType::kFloat6E2M3 || type == OnnxDataType::kFloat6E3M2;
}

bool in_float_data(OnnxDataType type) {
  return type == OnnxDataType::kFloat32 || type == OnnxDataType::kComplex64;
}
bool in_double_data(OnnxDataType type) {
  return type == OnnxDataType::kFloat64 || type == OnnxDataType::kComplex128;
}
bool in_int64_data(OnnxDataType type) { return type == OnnxDataType::kInt64; }
bool in_uint64_data(OnnxDataType type) {
  return type == OnnxDataType::kUint32 || type == OnnxDataType::kUint64;
}
// int32_data holds all other numbers.
bool in_int32_data(OnnxDataType type) {
  return bits_of(type) > 0 && !in_float_data(type) && !in_double_data(type) &&
         !in_int64_data(type) && !in_uint64_data(type);
}

// Bytes of that many elements. Eight of them take as many bytes as one takes bits.
constexpr std::uint64_t packed_bytes(std::uint64_t elements, std::uint64_t bits) {
  return elements / 8 * bits + (elements % 8 * bits + 7) / 8;
}

// Elements of 6 bits, each in a byte of its own, packed from the lowest bits on.
std::vector<std::byte> pack_float6(const std::vector<std::byte>& elements) {
  std::vector<std::byte> packed((elements.size() * 6 + 7) / 8);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const auto shifted = std::to_integer<unsigned>(elements[i]) << (i * 6 % 8);
    packed[i * 6 / 8] |= static_cast<std::byte>(shifted & 0xffU);
    if (shifted > 0xff) packed[i * 6 / 8 + 1] |= static_cast<std::byte>(shifted >> 8U);
  }
  return packed;
}

class TensorParser {
 public:
  TensorParser(std::string_view bytes, const Place& place) : message_(bytes, place), place_(place) {
    // Whatever the order of the fields, the type must be known before data are read.
    tensor_.data_type = parse_data_type(find_integer(bytes, kDataTypeField), place);
    place.check(tensor_.data_type != OnnxDataType::kUndefined, "data_type: is missing");
  }

  OnnxTensor parse() &&;

 private:
  void take_field();
  // Throws kCorruptFile if the type's elements do not stand in the field, or another field of data
  // came before.
  void begin_data(const char* field, bool of_type);
  // A field of numbers of 4 or 8 bytes as they are in memory; one, or any number of them packed.
  void take_fixed(const char* field, bool of_type, WireType single);
  void take_integers(const char* field, bool of_type);
  void append(std::uint64_t value, const char* field);
  void view(std::string_view bytes);

  std::uint64_t expected_elements() const;
  std::string shape() const;
  void find_external(std::uint64_t bytes);
  std::optional<std::uint64_t> external_number(const char* key) const;
  void finish();

  Message message_;
  const Place& place_;
  OnnxTensor tensor_;
  const char* data_field_ = nullptr;  // that has data
  std::vector<std::byte> owned_;
  bool is_external_ = false;
  std::map<std::string, std::string> external_;
};

OnnxTensor TensorParser::parse() && {
  while (message_.next()) take_field();
  finish();
  return std::move(tensor_);
}

void TensorParser::take_field() {
  const OnnxDataType type = tensor_.data_type;
  switch (message_.number()) {
    case 1:
      message_.append("dims", &tensor_.dims);
      break;
    case kDataTypeField:
      static_cast<void>(message_.integer("data_type"));
      break;
    case 3:
      place_.refuse(ErrorCode::kUnsupported, "segment: tensors in parts are not supported");
    case 4:
      take_fixed("float_data", in_float_data(type), WireType::kFixed32);
      break;
    case 5:
      take_integers("int32_data", in_int32_data(type));
      break;
    case 6:
      begin_data("string_data", type == OnnxDataType::kString);
      place_.charge(element_bytes<std::string>());
      tensor_.strings.push_back(message_.any_text("string_data"));
      break;
    case 7:
      take_integers("int64_data", in_int64_data(type));
      break;
    case 8:
      tensor_.name = message_.text("name");
      break;
    case 9: {
      const std::string_view bytes = message_.bytes("raw_data");
      if (bytes.empty()) break;
      begin_data("raw_data", bits_of(type) > 0);
      place_.check(tensor_.bytes == 0, "raw_data: is given twice");
      view(bytes);
      break;
    }
    case 10:
      take_fixed("double_data", in_double_data(type), WireType::kFixed64);
      break;
    case 11:
      take_integers("uint64_data", in_uint64_data(type));
      break;
    case 13: {
      const auto [key, value] = parse_entry(message_.bytes("external_data"), place_);
      place_.charge(2 * element_bytes<std::string>());
      external_[key] = value;
      break;
    }
    case 14:
      is_external_ = static_cast<std::uint64_t>(message_.integer("data_location")) == kExternal;
      break;
    default:
      break;
  }
}

void TensorParser::begin_data(const char* field, bool of_type) {
  place_.check(of_type, "{}: holds no elements of type {}", field, to_string(tensor_.data_type));
  place_.check(data_field_ == nullptr || std::strcmp(data_field_, field) == 0,
               "has two fields of data, {} and {}", data_field_ == nullptr ? "" : data_field_,
               field);
  data_field_ = field;
}

void TensorParser::view(std::string_view bytes) {
  tensor_.data = reinterpret_cast<const std::byte*>(bytes.data());
  tensor_.bytes = bytes.size();
  tensor_.owner = place_.source().owner;
  tensor_.file = place_.source().file;
}

void TensorParser::take_fixed(const char* field, bool of_type, WireType single) {
  const std::size_t size = single == WireType::kFixed64 ? 8 : 4;
  std::uint64_t number = 0;
  std::string_view bytes;
  if (message_.type() == WireType::kBytes) {
    bytes = message_.bytes(field);
    if (bytes.empty()) return;
    place_.check(bytes.size() % size == 0, "{}: {} bytes are no whole number of elements", field,
                 bytes.size());
  } else {
    number = message_.value(single, field);
    bytes = {reinterpret_cast<const char*>(&number), size};
  }
  begin_data(field, of_type);
  if (tensor_.bytes == 0 && owned_.empty() && message_.type() == WireType::kBytes) {
    view(bytes);
    return;
  }
  // Not all of them stand together: they are copied to where they do.
  const std::size_t first = tensor_.bytes;
  const std::size_t before = first + owned_.size();
  place_.charge(2 * (first + bytes.size()));
  owned_.resize(before + bytes.size());
  copy_bytes(owned_.data(), tensor_.data, first);
  copy_bytes(owned_.data() + before, bytes.data(), bytes.size());
  tensor_.data = nullptr;
  tensor_.bytes = 0;
}

void TensorParser::take_integers(const char* field, bool of_type) {
  if (message_.type() != WireType::kBytes) {
    const auto value = static_cast<std::uint64_t>(message_.integer(field));
    begin_data(field, of_type);
    append(value, field);
    return;
  }
  std::string_view packed = message_.bytes(field);
  if (!packed.empty()) begin_data(field, of_type);
  while (!packed.empty()) {
    std::uint64_t value = 0;
    place_.check(take_varint(&packed, &value), "{}: a number is cut off or beyond 64 bits", field);
    append(value, field);
  }
}

void TensorParser::append(std::uint64_t value, const char* field) {
  // Elements of less than a byte come as packed bytes, but for those of 6 bits.
  const OnnxDataType type = tensor_.data_type;
  const std::size_t bits = is_float6(type) ? 6 : std::max<std::size_t>(bits_of(type), 8);
  bool fits = true;
  if (type == OnnxDataType::kBool) {
    fits = value <= 1;
  } else if (bits == 6 || in_uint64_data(type)) {
    fits = bits == 64 || value >> bits == 0;
  } else if (bits < 64) {
    // The sign of a signed type, or the pattern of bits of any other.
    const auto number = static_cast<std::int64_t>(value);
    fits = number >= -(std::int64_t{1} << (bits - 1)) && number < (std::int64_t{1} << bits);
  }
  place_.check(fits, "{}: {} is no element of type {}", field, static_cast<std::int64_t>(value),
               to_string(type));
  const std::size_t size = std::max<std::size_t>(bits / 8, 1);
  place_.charge(2 * size);
  const std::size_t before = owned_.size();
  owned_.resize(before + size);
  std::memcpy(owned_.data() + before, &value, size);
}

// However many dimensions there are, the message is a line.
std::string TensorParser::shape() const {
  constexpr std::size_t kMostShown = 16;
  const Dims& dims = tensor_.dims;
  return dims.size() <= kMostShown ? to_string(dims) : fmt::format("of {} dimensions", dims.size());
}

std::uint64_t TensorParser::expected_elements() const {
  std::uint64_t elements = 1;
  std::uint64_t strides = 1;  // products of dimensions other than 0 are used as strides
  bool overflow = false;
  for (const std::int64_t dim : tensor_.dims) {
    place_.check(dim >= 0, "dims: {} is negative", dim);
    const auto size = static_cast<std::uint64_t>(dim);
    overflow |= __builtin_mul_overflow(elements, size, &elements);
    overflow |= __builtin_mul_overflow(strides, std::max<std::uint64_t>(size, 1), &strides);
  }
  // Where elements have 16 bytes, the products in bytes are 64-bit numbers, too.
  constexpr std::uint64_t kMost = static_cast<std::uint64_t>(INT64_MAX) / 16;
  place_.check(!overflow && strides <= kMost, "dims: {} is an impossible shape", shape());
  return elements;
}

std::optional<std::uint64_t> TensorParser::external_number(const char* key) const {
  const auto entry = external_.find(key);
  if (entry == external_.end()) return std::nullopt;
  const std::string& text = entry->second;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  place_.check(error == std::errc() && end == text.data() + text.size(),
               "external_data: {} is {}, and a number of bytes is expected", key, printable(text));
  return number;
}

void TensorParser::find_external(std::uint64_t bytes) {
  const Place place = place_.part("external_data");
  const auto location = external_.find("location");
  place.check(location != external_.end(), "location is missing");
  const std::uint64_t offset = external_number("offset").value_or(0);
  const std::uint64_t length = external_number("length").value_or(bytes);
  if (length != bytes) {
    place.refuse(ErrorCode::kCorruptFile, "length is {}, and type {} and shape {} take {} bytes",
                 length, to_string(tensor_.data_type), shape(), bytes);
  }
  const auto file = place.source().external_files.open(location->second, place);
  const bool inside = offset <= file->size() && bytes <= file->size() - offset;
  place.check(inside || file_kind(*file) != FileKind::kGitLfsPointer,
              "{} is a Git LFS pointer in place of the file; fetch the file with: git lfs pull",
              printable(location->second));
  place.check(inside, "{} bytes at {} lie outside {}, which has {} bytes", bytes, offset,
              printable(location->second), file->size());
  tensor_.data = file->data() + offset;
  tensor_.bytes = static_cast<std::size_t>(bytes);
  tensor_.owner = file;
  tensor_.file = file;
}

void TensorParser::finish() {
  const std::uint64_t elements = expected_elements();
  if (tensor_.data_type == OnnxDataType::kString) {
    place_.check(!is_external_ && tensor_.strings.size() == elements,
                 "string_data: {} texts, and the shape {} takes {}", tensor_.strings.size(),
                 shape(), elements);
    return;
  }
  const std::uint64_t bytes = packed_bytes(elements, bits_of(tensor_.data_type));
  if (is_external_) {
    place_.check(data_field_ == nullptr, "has two fields of data, external_data and {}",
                 data_field_ == nullptr ? "" : data_field_);
    find_external(bytes);
  } else if (!owned_.empty()) {
    if (is_float6(tensor_.data_type)) {
      place_.check(owned_.size() == elements, "{}: {} elements, and the shape {} takes {}",
                   data_field_, owned_.size(), shape(), elements);
      owned_ = pack_float6(owned_);
    }
    const auto buffer = std::make_shared<const std::vector<std::byte>>(std::move(owned_));
    tensor_.data = buffer->data();
    tensor_.bytes = buffer->size();
    tensor_.owner = buffer;
  }
  if (tensor_.bytes != bytes) {
    place_.refuse(ErrorCode::kCorruptFile, "{}: {} bytes, and type {} and shape {} take {}",
                  data_field_ == nullptr ? "has no data" : data_field_, tensor_.bytes,
                  to_string(tensor_.data_type), shape(), bytes);
  }
}

}  // namespace

OnnxTensor parse_tensor(std::string_view bytes, const Place& place) {
  return TensorParser(bytes, place).parse();
}

OnnxDataType parse_data_type(std::uint64_t number, const Place& place) {
  const std::optional<OnnxDataType> type = onnx_data_type(number);
  if (!type) {
    place.refuse(ErrorCode::kUnsupported, "data_type: {} is no type of ONNX 1.23",
                 static_cast<std::int64_t>(number));
  }
  return *type;
}

}  // namespace lasso
