#include "formats/npy/npy.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <optional>
#include <string_view>

#include "core/aligned_buffer.h"
#include "core/file.h"
#include "core/file_writer.h"
#include "formats/text.h"
#include "formats/weights.h"

namespace lasso {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeaderBytes = 65536;
constexpr std::size_t kMaxRank = 32;  // NumPy's own limit

struct TypeName {
  std::string_view code;
  DType dtype;
};
constexpr auto kTypes = std::to_array<TypeName>({{"b1", DType::kBool},
                                                 {"i1", DType::kI8},
                                                 {"u1", DType::kU8},
                                                 {"i2", DType::kI16},
                                                 {"i4", DType::kI32},
                                                 {"i8", DType::kI64},
                                                 {"f2", DType::kF16},
                                                 {"f4", DType::kF32},
                                                 {"f8", DType::kF64}});

struct Header {
  std::string type;
  bool fortran = false;
  Dims dims;
};

// Parses the literal of a Python dictionary that NumPy writes:
// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Header parse() {
    Header header;
    bool descr = false;
    bool order = false;
    bool shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        descr = true;
        skip_spaces();
        LASSO_CHECK(peek() == '\'' || peek() == '"', ErrorCode::kUnsupported,
                    "{}: an array of records; save each field on its own", name_);
        header.type = quoted();
      } else if (key == "fortran_order" && !order) {
        order = true;
        header.fortran = boolean();
      } else if (key == "shape" && !shape) {
        shape = true;
        header.dims = tuple();
      } else {
        bad("an unexpected or repeated key " + printable(key));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (at_ < text_.size()) bad("something behind its dictionary");
    if (!descr || !order || !shape) bad("no descr, fortran_order or shape");
    return header;
  }

 private:
  [[noreturn]] void bad(const std::string& what) const {
    fail(ErrorCode::kCorruptFile, "{}: its .npy header has {} at byte {}", name_, what, at_);
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_spaces() {
    constexpr std::string_view kSpaces = " \t\n\v\f\r";  // std::isspace() asks the locale
    while (at_ < text_.size() && kSpaces.find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool accept(char c) {
    skip_spaces();
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) bad(fmt::format("no '{}'", c));
  }
  std::string quoted() {
    skip_spaces();
    const char quote = peek();
    if (quote != '\'' && quote != '"') bad("no string");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == text_.npos) bad("a string without an end");
    std::string result(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return result;
  }
  bool boolean() {
    skip_spaces();
    for (const std::string_view word : {std::string_view("True"), std::string_view("False")}) {
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return word == "True";
      }
    }
    bad("neither True nor False");
  }
  Dims tuple() {
    Dims dims;
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      std::int64_t value = 0;
      const std::size_t begin = at_;
      for (; std::isdigit(static_cast<unsigned char>(peek())) != 0; ++at_) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, peek() - '0', &value)) {
          bad("a dimension beyond 2^63");
        }
      }
      if (at_ == begin) bad("no dimension in its shape");
      if (peek() == 'L') ++at_;  // Python 2
      if (dims.size() >= kMaxRank) bad("more than 32 dimensions");
      dims.push_back(value);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return dims;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
};

DType type_of(const std::string& descr, const std::string& name) {
  const std::string_view code = descr.empty() ? "" : std::string_view(descr).substr(1);
  for (const TypeName& type : kTypes) {
    if (type.code != code) continue;
    const char order = descr.front();
    LASSO_CHECK(
        order != '>' || size_of(type.dtype) == 1, ErrorCode::kUnsupported,
        "{}: big-endian elements ({}); convert them with a.astype(a.dtype.newbyteorder('<'))", name,
        descr);
    if (order == '<' || order == '|' || order == '=' || order == '>') return type.dtype;
  }
  fail(ErrorCode::kUnsupported,
       "{}: elements of type '{}'; bool, int8 to int64, uint8, float16, float32 and float64 are "
       "read",
       name, printable(descr));
}

const TypeName& name_of(DType dtype) {
  const auto* type = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const TypeName& t) { return t.dtype == dtype; });
  LASSO_CHECK(type != kTypes.end(), ErrorCode::kInvalidArgument, "NumPy has no element type {}",
              to_string(dtype));
  return *type;
}

// Fortran order is row-major order of the reversed shape: a view with reversed strides.
Dims fortran_strides(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (std::size_t d = 1; d < dims.size(); ++d) {
    strides[d] = strides[d - 1] * std::max<std::int64_t>(dims[d - 1], 1);
  }
  return strides;
}

}  // namespace

bool is_npy(const std::byte* data, std::size_t size) {
  return size >= kMagic.size() && std::memcmp(data, kMagic.data(), kMagic.size()) == 0;
}

Tensor parse_npy(const std::byte* data, std::size_t size, const std::string& name,
                 const std::shared_ptr<const void>& owner) {
  ByteReader reader(data, size, name);
  LASSO_CHECK(size >= kMagic.size() + 2 && is_npy(data, size), ErrorCode::kCorruptFile,
              "{}: is not a .npy file", name);
  reader.take(kMagic.size());
  const auto major = reader.read<std::uint8_t>();
  reader.read<std::uint8_t>();  // minor
  LASSO_CHECK(major >= 1 && major <= 3, ErrorCode::kUnsupported,
              "{}: .npy version {}; 1 to 3 are read", name, major);
  const std::size_t header_bytes =
      major == 1 ? reader.read<std::uint16_t>() : reader.read<std::uint32_t>();
  LASSO_CHECK(header_bytes <= kMaxHeaderBytes, ErrorCode::kCorruptFile,
              "{}: a .npy header of {} bytes", name, header_bytes);
  LASSO_CHECK(header_bytes <= reader.remaining(), ErrorCode::kCorruptFile,
              "{}: is truncated: a .npy header of {} bytes, and {} follow", name, header_bytes,
              reader.remaining());
  const Header header = HeaderParser(reader.text(header_bytes), name).parse();

  Weights weights(name);
  WeightTensor tensor;
  tensor.dtype = type_of(header.type, name);
  tensor.dims = header.dims;
  std::int64_t strides = static_cast<std::int64_t>(size_of(tensor.dtype));
  for (const std::int64_t dim : tensor.dims) {
    LASSO_CHECK(!__builtin_mul_overflow(strides, std::max<std::int64_t>(dim, 1), &strides),
                ErrorCode::kCorruptFile, "{}: an impossible shape {}", name,
                to_string(tensor.dims));
  }
  const std::size_t bytes = tensor.dense_bytes();
  LASSO_CHECK(bytes == reader.remaining(), ErrorCode::kCorruptFile,
              "{}: shape {} of '{}' would take {} bytes, and {} bytes of data follow the header",
              name, to_string(tensor.dims), npy_type(tensor.dtype), bytes, reader.remaining());
  tensor.strides = header.fortran ? fortran_strides(tensor.dims) : dense_strides(tensor.dims);
  tensor.data = reader.take(bytes);
  tensor.storage_bytes = bytes;
  tensor.owner = owner;
  weights.add("array", std::move(tensor));
  return weights.dense("array");
}

Tensor read_npy(const std::string& path) {
  const auto file = std::make_shared<const std::string>(read_file(path, kMostArrayBytes));
  return parse_npy(reinterpret_cast<const std::byte*>(file->data()), file->size(), path, file);
}

std::string npy_type(DType dtype) {
  return (size_of(dtype) == 1 ? "|" : "<") + std::string(name_of(dtype).code);
}

std::string npy_header(DType dtype, const Dims& dims) {
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", npy_type(dtype),
                  fmt::join(dims, ", "), dims.size() == 1 ? "," : "");
  constexpr std::size_t kPreamble = 10;  // magic, version, length
  header.resize(align_up(kPreamble + header.size() + 1) - kPreamble - 1, ' ');
  header += '\n';
  std::string result(kMagic);
  result += '\1';
  result += '\0';
  const auto length = static_cast<std::uint16_t>(header.size());
  result.append(reinterpret_cast<const char*>(&length), sizeof(length));
  return result + header;
}

void write_npy(const std::string& path, const TensorView& tensor) {
  const std::string header = npy_header(tensor.dtype, tensor.dims);
  const std::size_t bytes =
      static_cast<std::size_t>(element_count(tensor.dims)) * size_of(tensor.dtype);
  write_atomically(path, [&](const std::string& temporary) {
    FileWriter out(temporary, path);
    out.append(header);
    out.append(tensor.data, bytes);
    out.close();
  });
}

}  // namespace lasso
