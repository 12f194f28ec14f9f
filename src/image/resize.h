// Antialiased resampling of 8-bit images with the fixed-point arithmetic of Pillow's Image.resize.
#ifndef LASSO_IMAGE_RESIZE_H_
#define LASSO_IMAGE_RESIZE_H_

#include <cstddef>
#include <cstdint>

#include "image/scratch.h"
#include "lasso/image.h"

namespace lasso {

// The kernels of PIL.Image.BILINEAR (a triangle of radius 1) and BICUBIC (Keys' cubic with a =
// -1/2, radius 2). When an axis shrinks, the kernel is stretched by the same factor.
enum class ResizeFilter : std::uint8_t { kBilinear, kBicubic };

// For each output position of one axis, the first input that it takes and the integer weights of
// that one and its successors: weight * 2^22, rounded. Rows of weights are padded with zeros to
// `stride`.
struct ResizeTaps {
  int in_size = 0;
  int out_size = 0;
  ResizeFilter filter = ResizeFilter::kBilinear;
  int stride = 0;
  Scratch<std::int32_t> first;
  Scratch<std::int32_t> count;
  Scratch<std::int32_t> weight;
  Scratch<double> exact;  // one position's weights before they are rounded

  // Does nothing if the taps are already those.
  void prepare(int in, int out, ResizeFilter kernel);

  // The taps as one array: `first`, `count` and `weight`, one after the other.
  std::size_t table_size() const {
    return static_cast<std::size_t>(out_size) * (2 + static_cast<std::size_t>(stride));
  }
  void table(std::int32_t* out) const;
};

struct ResizeScratch {
  ResizeTaps columns;
  ResizeTaps rows;
  Scratch<std::uint8_t> pixels;    // one unpacked input row for each thread
  Scratch<std::uint8_t> squeezed;  // every input row at the output's width
};

// Writes the image at the given size as RGB rows without padding: out[height][width][3]. Each axis
// is resampled and rounded to 8 bits by itself, columns first, as in Pillow: the same bits come
// out. Runs on the OpenMP team of the caller. Throws kInvalidArgument if the view or the size is
// empty.
void resize_rgb(const ImageView& image, int width, int height, ResizeFilter filter,
                ResizeScratch& scratch, std::uint8_t* out);

// Throws kInvalidArgument unless the view has pixels and its stride holds a row.
void check_view(const ImageView& image);

// Writes row y of the view as RGBX, 4 bytes a pixel; X is unspecified.
void unpack_row(const ImageView& image, int y, std::uint8_t* rgbx);

}  // namespace lasso

#endif  // LASSO_IMAGE_RESIZE_H_
