#include "formats/onnx/wire.h"

#include <algorithm>
#include <cstring>

namespace lasso {

namespace {

constexpr std::uint64_t kMaxFieldNumber = (std::uint64_t{1} << 29U) - 1;

// A little-endian number of `size` bytes.
bool take_fixed(std::string_view* bytes, std::size_t size, std::uint64_t* value) {
  if (bytes->size() < size) return false;
  *value = 0;
  std::memcpy(value, bytes->data(), size);
  bytes->remove_prefix(size);
  return true;
}

}  // namespace

bool take_varint(std::string_view* bytes, std::uint64_t* value) {
  constexpr std::size_t kMaxBytes = 10;
  std::uint64_t result = 0;
  const std::size_t end = std::min(bytes->size(), kMaxBytes);
  for (std::size_t i = 0; i < end; ++i) {
    const auto byte = static_cast<unsigned char>((*bytes)[i]);
    if (i == kMaxBytes - 1 && byte > 1) return false;  // beyond 64 bits
    result |= static_cast<std::uint64_t>(byte & 0x7fU) << (7 * i);
    if (byte < 0x80) {
      bytes->remove_prefix(i + 1);
      *value = result;
      return true;
    }
  }
  return false;
}

bool WireWalker::next() {
  if (rest_.empty() || error_ != nullptr) return false;
  field_ = {};
  std::string_view rest = rest_;
  std::uint64_t tag = 0;
  if (!take_varint(&rest, &tag) || tag >> 3U == 0 || tag >> 3U > kMaxFieldNumber) {
    error_ = "the number of a field is expected";
    return false;
  }
  field_.number = static_cast<std::uint32_t>(tag >> 3U);
  field_.type = static_cast<WireType>(tag & 7U);
  if (!take_value(&rest)) return false;
  rest_ = rest;
  return true;
}

bool WireWalker::take_value(std::string_view* rest) {
  switch (field_.type) {
    case WireType::kVarint:
      if (!take_varint(rest, &field_.value)) error_ = "a number is cut off or beyond 64 bits";
      break;
    case WireType::kFixed64:
      if (!take_fixed(rest, 8, &field_.value)) error_ = "a number of 8 bytes is cut off";
      break;
    case WireType::kFixed32:
      if (!take_fixed(rest, 4, &field_.value)) error_ = "a number of 4 bytes is cut off";
      break;
    case WireType::kBytes: {
      std::uint64_t size = 0;
      if (!take_varint(rest, &size)) {
        error_ = "a length is cut off or beyond 64 bits";
      } else if (size > rest->size()) {
        error_ = "a length reaches beyond the end";
      } else {
        field_.bytes = rest->substr(0, static_cast<std::size_t>(size));
        rest->remove_prefix(static_cast<std::size_t>(size));
      }
      break;
    }
    default:
      error_ = "a field of a type that ONNX does not use (a group?)";
  }
  return error_ == nullptr;
}

}  // namespace lasso
