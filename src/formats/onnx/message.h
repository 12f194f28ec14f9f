// Fields of messages by their types, with errors that name them.
#ifndef LASSO_FORMATS_ONNX_MESSAGE_H_
#define LASSO_FORMATS_ONNX_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/onnx/place.h"
#include "formats/onnx/wire.h"

namespace lasso {

// What std::vector takes for an element at most: it doubles its memory when it grows.
template <typename T>
constexpr std::size_t element_bytes() {
  return 2 * sizeof(T);
}

class Message {
 public:
  Message(std::string_view bytes, const Place& place) : walker_(bytes), place_(place) {}

  // Steps to the next field; false at the end. Throws kCorruptFile for what is no field.
  bool next();
  std::uint32_t number() const { return walker_.field().number; }
  WireType type() const { return walker_.field().type; }

  // The value of the field, which messages call `name`; each throws kCorruptFile, with the name,
  // for a field of another type.
  std::string_view bytes(const char* name) const;
  std::string text(const char* name) const;  // must be UTF-8
  std::string any_text(const char* name) const;
  std::int64_t integer(const char* name) const;
  float real(const char* name) const;
  // The bits of a number of that type.
  std::uint64_t value(WireType type, const char* name) const;
  // Repeated numbers, of which a field holds one, or any number of them packed.
  void append(const char* name, std::vector<std::int64_t>* values) const;
  void append(const char* name, std::vector<float>* values) const;

 private:
  WireWalker walker_;
  const Place& place_;
};

// For messages about a part of a file that is not read yet: the text, or the number, that is the
// last field `number` of a message, whatever else the message holds.
std::string_view find_text(std::string_view message, std::uint32_t number);
std::uint64_t find_integer(std::string_view message, std::uint32_t number);

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_MESSAGE_H_
