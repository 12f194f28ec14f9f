// Binary masks: measures, COCO run-length encoding, polygons, and pictures of them.
#ifndef LASSO_MASK_H_
#define LASSO_MASK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lasso/export.h"
#include "lasso/image.h"
#include "lasso/types.h"

namespace lasso {

// One byte per pixel, row-major, 1 inside and 0 outside.
struct Mask {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> data;
};

// A rectangle of whole pixels: x0 <= x < x1, y0 <= y < y1.
struct PixelBox {
  int x0 = 0;
  int y0 = 0;
  int x1 = 0;
  int y1 = 0;
};

// COCO's run-length encoding: lengths of alternating runs of 0 and 1 in column-major order, the
// first one of zeros.
struct Rle {
  int width = 0;
  int height = 0;
  std::vector<std::uint32_t> counts;
};

LASSO_EXPORT std::int64_t mask_area(const Mask& mask) noexcept;  // pixels inside
// The smallest box around the pixels inside; none for an empty mask.
LASSO_EXPORT std::optional<PixelBox> mask_bounding_box(const Mask& mask) noexcept;
// Intersection over union; two empty masks have 1. Throws kInvalidArgument if the sizes differ.
LASSO_EXPORT double mask_iou(const Mask& a, const Mask& b);

LASSO_EXPORT Rle encode_rle(const Mask& mask);
// Throws kInvalidArgument if the counts don't add up to width * height.
LASSO_EXPORT Mask decode_rle(const Rle& rle);
// COCO's compressed text form of the counts (LEB128-like, 6 bits a character), and back.
// from_string throws kInvalidArgument for text that no encoder writes.
LASSO_EXPORT std::string rle_to_string(const Rle& rle);
LASSO_EXPORT Rle rle_from_string(const std::string& text, int width, int height);

// The outlines of a mask as closed polygons in pixel-corner coordinates (x0, y0, x1, y1, ...),
// outer ones clockwise and holes counter-clockwise; filling them by the even-odd rule gives the
// mask back.
LASSO_EXPORT std::vector<std::vector<float>> mask_polygons(const Mask& mask);

// The same for COCO's "segmentation", whose readers unite polygons and so know no holes: one
// polygon for each 4-connected component, clockwise, into which each hole is joined by a bridge
// that is walked there and back. frPyObjects, merge and decode of pycocotools give the mask back
// bit for bit, and so does filling by the even-odd rule. Bridges lie inside the component. Empty
// for an empty mask. Throws kInvalidArgument for a mask with another number of values.
LASSO_EXPORT std::vector<std::vector<float>> coco_polygons(const Mask& mask);

struct Rgb {
  std::uint8_t r = 0;
  std::uint8_t g = 0;
  std::uint8_t b = 0;
};

// Colour number `index` of the palette that pictures use: neighbours are easy to tell apart.
LASSO_EXPORT Rgb palette_color(std::size_t index) noexcept;

// What to draw for one object.
struct OverlayItem {
  const Mask* mask = nullptr;      // may be null: only the prompt is drawn
  const Prompt* prompt = nullptr;  // may be null
  Rgb color;
  float fill = 0.45f;  // opacity of the mask's colour inside its outline, 0 to 1
  // What it is, "dog 0.87": written on a tag at the prompt's box or, without one, at the mask.
  // UTF-8; the font has ASCII, and '?' in place of every other character.
  std::string label = {};
};

// A copy of the image with each mask in a translucent colour with a crisp outline, boxes, and
// prompt points (green with a plus: foreground; red with a minus: background). Later items lie on
// earlier ones. Labels lie on everything, and none hides another one or leaves the image: the first
// one has the best place, one that is wider than the image is cut, and one for which no place at
// its box is left is left out. Line widths and the size of labels follow the image's size. Throws
// kInvalidArgument for a mask of another size and a `fill` outside 0 to 1.
LASSO_EXPORT Image draw_overlay(const ImageView& image, const std::vector<OverlayItem>& items);

enum class MaskDepth : std::uint8_t {
  kOneBit,  // black and white at 1 bit a pixel: smallest
  kByte,    // 0 and 255 at 8 bits a pixel: what users of cv2.imread expect
};
// The bytes of a gray PNG file, white inside and black outside. Throws kInvalidArgument for a mask
// without pixels or with another number of values, kUnsupported where Lasso was built with
// LASSO_IMAGE_CODECS=OFF.
LASSO_EXPORT std::vector<std::uint8_t> encode_mask_png(const Mask& mask,
                                                       MaskDepth depth = MaskDepth::kByte);
// Writes them to a file, which appears complete or not at all. Throws what encode_mask_png does,
// and kInvalidArgument with the path where it can't be written.
LASSO_EXPORT void write_mask_png(const std::string& path, const Mask& mask);

// The bytes of a PNG file with one number per pixel, 0 for none; labels has width * height values.
// Numbers up to 255 make an 8-bit palette image whose entry n > 0 is palette_color(n - 1) and whose
// entry 0 is black; larger ones, 16-bit gray. Throws kInvalidArgument for another number of labels,
// kUnsupported where Lasso was built with LASSO_IMAGE_CODECS=OFF.
LASSO_EXPORT std::vector<std::uint8_t> encode_labelmap_png(const std::vector<std::uint16_t>& labels,
                                                           int width, int height);
// Writes them to a file as write_mask_png does. Throws what encode_labelmap_png does, and
// kInvalidArgument with the path where it can't be written.
LASSO_EXPORT void write_labelmap_png(const std::string& path,
                                     const std::vector<std::uint16_t>& labels, int width,
                                     int height);

}  // namespace lasso

#endif  // LASSO_MASK_H_
