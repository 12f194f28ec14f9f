#include "lasso/mask.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "image/mask/mask_check.h"

namespace lasso {

void check_mask(const Mask& mask) {
  LASSO_CHECK(is_complete(mask), ErrorCode::kInvalidArgument, "a mask of {}x{} has {} values",
              mask.width, mask.height, mask.data.size());
}

std::int64_t mask_area(const Mask& mask) noexcept {
  std::int64_t area = 0;
  for (const std::uint8_t value : mask.data) area += value != 0;
  return area;
}

std::optional<PixelBox> mask_bounding_box(const Mask& mask) noexcept {
  if (!is_complete(mask)) return std::nullopt;
  const auto width = static_cast<std::size_t>(mask.width);
  PixelBox box{mask.width, mask.height, 0, 0};
  const std::uint8_t* row = mask.data.data();
  for (int y = 0; y < mask.height; ++y, row += width) {
    const auto* first = static_cast<const std::uint8_t*>(std::memchr(row, 1, width));
    if (first == nullptr) continue;
    const auto* last = static_cast<const std::uint8_t*>(memrchr(row, 1, width));
    box.x0 = std::min(box.x0, static_cast<int>(first - row));
    box.x1 = std::max(box.x1, static_cast<int>(last - row) + 1);
    box.y0 = std::min(box.y0, y);
    box.y1 = y + 1;
  }
  if (box.x1 == 0) return std::nullopt;
  return box;
}

double mask_iou(const Mask& a, const Mask& b) {
  check_mask(a);
  check_mask(b);
  LASSO_CHECK(a.width == b.width && a.height == b.height, ErrorCode::kInvalidArgument,
              "the IoU of a mask of {}x{} and one of {}x{}", a.width, a.height, b.width, b.height);
  std::int64_t both = 0;
  std::int64_t any = 0;
  for (std::size_t i = 0; i < a.data.size(); ++i) {
    both += (a.data[i] & b.data[i]) != 0;
    any += (a.data[i] | b.data[i]) != 0;
  }
  return any == 0 ? 1.0 : static_cast<double>(both) / static_cast<double>(any);
}

}  // namespace lasso
