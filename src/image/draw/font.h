// A font of lines for labels in pictures: ASCII.
#ifndef LASSO_IMAGE_DRAW_FONT_H_
#define LASSO_IMAGE_DRAW_FONT_H_

#include <string>
#include <string_view>
#include <vector>

#include "image/draw/stroke.h"

namespace lasso {

// How thick the lines of the font are meant to be, as a part of the height of capitals.
inline constexpr float kFontWeight = 0.14f;

// The text with '?' in place of each character that the font does not have: what is not ASCII, as a
// whole where it is UTF-8, and control characters.
std::string drawable(std::string_view text);

// Both take what drawable() gives, and `height` is that of capitals, in pixels.
// From the middle of the first line's stroke to that of the last.
float text_width(std::string_view text, float height);
// Lines through the middles of the strokes. `origin` is the left end of the line that letters stand
// on; some go 0.3 of the height below it.
std::vector<Segment> text_segments(std::string_view text, Vec2 origin, float height);

}  // namespace lasso

#endif  // LASSO_IMAGE_DRAW_FONT_H_
