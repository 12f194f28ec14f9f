#include "formats/onnx/message.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/utf8.h"

namespace lasso {

namespace {

const char* type_name(WireType type) {
  switch (type) {
    case WireType::kVarint:
      return "a varint";
    case WireType::kFixed64:
      return "8 bytes";
    case WireType::kBytes:
      return "a length and bytes";
    case WireType::kFixed32:
      return "4 bytes";
  }
  return "something else";
}

}  // namespace

bool Message::next() {
  if (walker_.next()) return true;
  place_.check(walker_.error() == nullptr, "at byte {}: {}",
               walker_.at() - place_.source().bytes.data(), walker_.error());
  return false;
}

std::uint64_t Message::value(WireType type, const char* name) const {
  const WireField& field = walker_.field();
  place_.check(field.type == type, "{}: {} where {} is expected", name, type_name(field.type),
               type_name(type));
  return field.value;
}

std::string_view Message::bytes(const char* name) const {
  static_cast<void>(value(WireType::kBytes, name));
  return walker_.field().bytes;
}

std::string Message::any_text(const char* name) const {
  const std::string_view text = bytes(name);
  place_.charge(text.size());
  return std::string(text);
}

std::string Message::text(const char* name) const {
  std::string text = any_text(name);
  place_.check(is_utf8(text), "{}: is not UTF-8", name);
  return text;
}

std::int64_t Message::integer(const char* name) const {
  return static_cast<std::int64_t>(value(WireType::kVarint, name));
}

float Message::real(const char* name) const {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value(WireType::kFixed32, name)));
}

void Message::append(const char* name, std::vector<std::int64_t>* values) const {
  if (type() != WireType::kBytes) {
    place_.charge(element_bytes<std::int64_t>());
    values->push_back(integer(name));
    return;
  }
  std::string_view packed = bytes(name);
  const auto is_last = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  place_.charge(static_cast<std::uint64_t>(std::count_if(packed.begin(), packed.end(), is_last)) *
                element_bytes<std::int64_t>());
  while (!packed.empty()) {
    std::uint64_t value = 0;
    place_.check(take_varint(&packed, &value), "{}: a number is cut off or beyond 64 bits", name);
    values->push_back(static_cast<std::int64_t>(value));
  }
}

void Message::append(const char* name, std::vector<float>* values) const {
  if (type() != WireType::kBytes) {
    place_.charge(element_bytes<float>());
    values->push_back(real(name));
    return;
  }
  const std::string_view packed = bytes(name);
  place_.check(packed.size() % sizeof(float) == 0, "{}: {} bytes are no whole number of floats",
               name, packed.size());
  place_.charge(2 * packed.size());
  const std::size_t before = values->size();
  values->resize(before + packed.size() / sizeof(float));
  if (!packed.empty()) std::memcpy(values->data() + before, packed.data(), packed.size());
}

std::string_view find_text(std::string_view message, std::uint32_t number) {
  std::string_view found;
  WireWalker walker(message);
  while (walker.next()) {
    const WireField& field = walker.field();
    if (field.number == number && field.type == WireType::kBytes) found = field.bytes;
  }
  return found;
}

std::uint64_t find_integer(std::string_view message, std::uint32_t number) {
  std::uint64_t found = 0;
  WireWalker walker(message);
  while (walker.next()) {
    const WireField& field = walker.field();
    if (field.number == number && field.type == WireType::kVarint) found = field.value;
  }
  return found;
}

}  // namespace lasso
