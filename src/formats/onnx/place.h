// Where in an ONNX file a reader is, for its messages: "model.onnx: graph, node 12 (Conv_12),
// attribute pads: ...".
#ifndef LASSO_FORMATS_ONNX_PLACE_H_
#define LASSO_FORMATS_ONNX_PLACE_H_

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "core/file.h"
#include "formats/onnx/external_files.h"

namespace lasso {

// What the places of one file share.
struct OnnxSource {
  std::string path;
  std::string_view bytes;
  std::shared_ptr<const void> owner;       // keeps the bytes alive
  std::shared_ptr<const MappedFile> file;  // none: they lie in memory
  ExternalFiles external_files;
  std::uint64_t memory_left = 0;  // of what reading may take
};

class Place {
 public:
  // The file itself, which must outlive the place.
  explicit Place(OnnxSource* source) : source_(source) {}

  // A part of this place, which must outlive it: "attribute pads", "node 12", "node 12 (Conv_12)".
  Place part(std::string_view kind, std::string_view name = {}) const {
    return {this, kind, name, kNoIndex};
  }
  Place part(std::string_view kind, std::string_view name, std::size_t index) const {
    return {this, kind, name, index};
  }

  OnnxSource& source() const { return *source_; }
  // Counts bytes that are about to be allocated; throws kUnsupported beyond the file's limit.
  void charge(std::uint64_t bytes) const;

  template <typename... Args>
  [[noreturn]] void refuse(ErrorCode code, fmt::format_string<Args...> format,
                           Args&&... args) const {
    refuse_text(code, fmt::format(format, std::forward<Args>(args)...));
  }
  // Throws kCorruptFile unless the condition holds.
  template <typename... Args>
  void check(bool condition, fmt::format_string<Args...> format, Args&&... args) const {
    if (!condition) [[unlikely]] {
      refuse(ErrorCode::kCorruptFile, format, std::forward<Args>(args)...);
    }
  }

 private:
  static constexpr std::size_t kNoIndex = ~std::size_t{0};

  Place(const Place* outer, std::string_view kind, std::string_view name, std::size_t index)
      : source_(outer->source_), outer_(outer), kind_(kind), name_(name), index_(index) {}

  [[noreturn]] void refuse_text(ErrorCode code, const std::string& what) const;
  std::string text() const;

  OnnxSource* source_;
  const Place* outer_ = nullptr;
  std::string_view kind_{};
  std::string_view name_{};
  std::size_t index_ = kNoIndex;
};

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_PLACE_H_
