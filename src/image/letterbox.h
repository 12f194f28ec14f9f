// YOLOv7's letterbox: an image resized so that it fits into the network's input, in the middle of
// grey borders.
#ifndef LASSO_IMAGE_LETTERBOX_H_
#define LASSO_IMAGE_LETTERBOX_H_

#include <array>
#include <cstdint>

#include "image/scratch.h"
#include "lasso/image.h"
#include "lasso/types.h"

namespace lasso {

// The name of this preparation, as of the presets in preprocess.h.
inline constexpr char kLetterboxPreset[] = "yolov7";

// The least rectangle in pixels into which images go.
struct LetterboxTarget {
  int width = 640;
  int height = 640;
  // Above 0: each side is no longer than the resized image's next multiple of it, which divides
  // `width` and `height` (`auto`).
  int stride = 0;

  bool operator==(const LetterboxTarget&) const = default;
};

// Where an image of width x height lies in the network's input.
struct Letterbox {
  int width = 0;  // of the image, pixels
  int height = 0;
  int input_width = 0;  // of the network's input
  int input_height = 0;
  int resized_width = 0;
  int resized_height = 0;
  int left = 0;  // columns of the border before the image
  int top = 0;
};

// The arithmetic of the original in double precision: r = min of the sides' quotients, each side is
// round(side r), at least 1, ties to even; the rest of the target, modulo the stride where there is
// one, is halved, and the border is round(rest - 0.1) before the image and round(rest + 0.1) behind
// it. Throws kInvalidArgument for an empty image or target.
Letterbox letterbox_of(int width, int height, const LetterboxTarget& target);

// A box of the network's pixels in those of the image, clipped to it. The gain is the least
// quotient of the input's and the image's sides, and the border is half of what the image leaves by
// it, not rounded, as the original's scale_coords has them; the box itself is computed in float32.
Box box_in_image(const Letterbox& letterbox, const Box& box);

// The bytes of a pixel that are R, G and B.
std::array<int, 3> channel_places(PixelFormat format);

struct LetterboxScratch {
  Scratch<std::int32_t> columns;  // for each column of the result the first pixel and two weights
  Scratch<std::int16_t> rows;     // of each thread two rows
};

// Writes out[3][input_height][input_width], R, G and B, value / 255, with borders of `pad`. The
// resize is OpenCV's for 8 bits and INTER_LINEAR: weights of 11 bits, in two steps. Any pixel
// format and stride. Runs on the caller's OpenMP team; allocates nothing after an image of the same
// size.
void letterbox_image(const Letterbox& letterbox, const ImageView& image, LetterboxScratch& scratch,
                     float* out);

// The border's value, 0..255.
inline constexpr std::uint8_t kLetterboxPad = 114;

}  // namespace lasso

#endif  // LASSO_IMAGE_LETTERBOX_H_
