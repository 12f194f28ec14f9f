#include "lasso/image.h"

namespace lasso {

int channels(PixelFormat format) noexcept {
  switch (format) {
    case PixelFormat::kRgb:
    case PixelFormat::kBgr:
      return 3;
    case PixelFormat::kRgba:
    case PixelFormat::kBgra:
      return 4;
    case PixelFormat::kGray:
      return 1;
  }
  return 0;
}

}  // namespace lasso
