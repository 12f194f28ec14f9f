// Writes messages of Protocol Buffers. Large elements are referred to, not copied.
#ifndef LASSO_FORMATS_ONNX_WIRE_WRITER_H_
#define LASSO_FORMATS_ONNX_WIRE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/onnx/wire.h"

namespace lasso {

// One message, field after field. What blob() refers to must live until the message is written.
class WireMessage {
 public:
  struct Piece {
    std::string bytes;           // come first
    const void* blob = nullptr;  // stands behind them; null: none
  };

  void integer(std::uint32_t number, std::int64_t value);
  void real(std::uint32_t number, float value);
  void text(std::uint32_t number, std::string_view bytes);
  void packed(std::uint32_t number, const std::vector<std::int64_t>& values);
  void packed(std::uint32_t number, const std::vector<float>& values);
  void message(std::uint32_t number, WireMessage part);
  // A field of `size` bytes that whoever writes the message knows by `blob`.
  void blob(std::uint32_t number, const void* blob, std::uint64_t size);

  std::uint64_t size() const { return size_; }
  const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  void tag(std::uint32_t number, WireType type);
  void varint(std::uint64_t value);
  void append(std::string_view bytes);

  std::vector<Piece> pieces_{1};
  std::uint64_t size_ = 0;
};

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_WIRE_WRITER_H_
