// Sizes and layers that everything drawn over a picture shares.
#ifndef LASSO_IMAGE_DRAW_STYLE_H_
#define LASSO_IMAGE_DRAW_STYLE_H_

#include <algorithm>
#include <cmath>
#include <vector>

#include "image/draw/stroke.h"
#include "lasso/mask.h"

namespace lasso {

inline constexpr Rgb kWhite{255, 255, 255};
inline constexpr Rgb kShadow{10, 12, 20};

// Sizes in pixels, from the image's: a picture is mostly looked at scaled to a screen.
struct DrawStyle {
  float line;    // width of outlines
  float halo;    // of white around a line
  float marker;  // radius of a point's disc, without its ring
  float text;    // height of a label's capitals

  DrawStyle(int width, int height) {
    const double side = std::sqrt(static_cast<double>(width) * height);
    line = static_cast<float>(std::clamp(side / 500.0, 1.6, 12.0));
    halo = static_cast<float>(std::clamp(side / 1200.0, 0.8, 5.0));
    marker = static_cast<float>(std::clamp(side / 100.0, 3.5, 60.0));
    text = static_cast<float>(std::clamp(side / 62.0, 9.0, 70.0));
  }
};

// Ink of a line that is opaque up to `half` from its middle: dark around white around the colour,
// so that one of them stands out from any background.
inline std::vector<Ink> line_layers(Rgb color, float half, const DrawStyle& style) {
  return {{kShadow, half + style.halo, 2.2f * style.halo + 1.0f, 0.42f},
          {kWhite, half + style.halo * 0.75f, 1.0f, 0.92f},
          {color, half, 1.0f, 1.0f}};
}

}  // namespace lasso

#endif  // LASSO_IMAGE_DRAW_STYLE_H_
