#include "formats/onnx/wire_writer.h"

#include <utility>

namespace lasso {

namespace {

std::string varint_bytes(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7U) bytes += static_cast<char>(0x80U | (value & 0x7fU));
  return bytes + static_cast<char>(value);
}

std::string_view bytes_of(const float& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

}  // namespace

void WireMessage::append(std::string_view bytes) {
  if (pieces_.back().blob != nullptr) pieces_.emplace_back();
  pieces_.back().bytes += bytes;
  size_ += bytes.size();
}

void WireMessage::varint(std::uint64_t value) { append(varint_bytes(value)); }

void WireMessage::tag(std::uint32_t number, WireType type) {
  varint(std::uint64_t{number} << 3U | static_cast<std::uint64_t>(type));
}

void WireMessage::integer(std::uint32_t number, std::int64_t value) {
  tag(number, WireType::kVarint);
  varint(static_cast<std::uint64_t>(value));
}

void WireMessage::real(std::uint32_t number, float value) {
  tag(number, WireType::kFixed32);
  append(bytes_of(value));
}

void WireMessage::text(std::uint32_t number, std::string_view bytes) {
  tag(number, WireType::kBytes);
  varint(bytes.size());
  append(bytes);
}

void WireMessage::packed(std::uint32_t number, const std::vector<std::int64_t>& values) {
  std::string bytes;
  for (const std::int64_t value : values) bytes += varint_bytes(static_cast<std::uint64_t>(value));
  text(number, bytes);
}

void WireMessage::packed(std::uint32_t number, const std::vector<float>& values) {
  std::string bytes;
  for (const float& value : values) bytes += bytes_of(value);
  text(number, bytes);
}

void WireMessage::message(std::uint32_t number, WireMessage part) {
  tag(number, WireType::kBytes);
  varint(part.size_);
  for (Piece& piece : part.pieces_) {
    append(piece.bytes);
    pieces_.back().blob = piece.blob;
  }
  // append() has counted the pieces' bytes, and blobs have not been counted yet.
  std::uint64_t bytes = 0;
  for (const Piece& piece : part.pieces_) bytes += piece.bytes.size();
  size_ += part.size_ - bytes;
}

void WireMessage::blob(std::uint32_t number, const void* blob, std::uint64_t size) {
  tag(number, WireType::kBytes);
  varint(size);
  pieces_.back().blob = blob;
  size_ += size;
}

}  // namespace lasso
