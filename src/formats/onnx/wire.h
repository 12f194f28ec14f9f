// The wire format of Protocol Buffers: a message is a sequence of fields, each a number, a type and
// a value. https://protobuf.dev/programming-guides/encoding
#ifndef LASSO_FORMATS_ONNX_WIRE_H_
#define LASSO_FORMATS_ONNX_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lasso {

// Groups (3 and 4) are left out: they are long deprecated, and no ONNX file has one.
enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t value = 0;  // of all types but kBytes
  std::string_view bytes;   // of kBytes: a view of the message's own
};

// Takes a number of at most 64 bits off the front of `bytes`; false, with `bytes` unchanged, where
// there is none.
bool take_varint(std::string_view* bytes, std::uint64_t* value);

// Walks over the fields of one message. It never leaves the message's bytes and copies nothing.
class WireWalker {
 public:
  explicit WireWalker(std::string_view message) : rest_(message) {}

  // Steps to the next field. False at the end of the message, and where the bytes are no field:
  // then error() says why.
  bool next();
  const WireField& field() const { return field_; }
  // What is wrong at at(); null: nothing.
  const char* error() const { return error_; }
  // The first byte that no field was read from yet.
  const char* at() const { return rest_.data(); }

 private:
  bool take_value(std::string_view* rest);

  std::string_view rest_;
  WireField field_;
  const char* error_ = nullptr;
};

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_WIRE_H_
