// Clicks for measuring accuracy: where a person would click, and what a colour alone would find.
#ifndef LASSO_EVAL_CLICKS_H_
#define LASSO_EVAL_CLICKS_H_

#include <cstdint>
#include <vector>

#include "eval/random.h"
#include "lasso/image.h"
#include "lasso/mask.h"
#include "lasso/types.h"

namespace lasso::app {

// Up to `count` different pixels of the mask, at random among those whose 5 x 5 neighbourhood
// belongs to it; 3 x 3 or the pixel alone where there is none. What lies beyond the image does not
// belong to the mask. Fewer where there are not as many; none for an empty mask.
std::vector<Point> inner_points(const Mask& mask, int count, SplitMix64* random);

// `count` pixels at random strictly inside an image: not on its border, where it has an inside.
std::vector<Point> image_points(int width, int height, int count, SplitMix64* random);

// For every pixel the square of the Euclidean distance to the nearest pixel outside the mask, 0 for
// those outside; what lies beyond the image is outside. After Felzenszwalb and Huttenlocher,
// "Distance transforms of sampled functions" (2012): the lower envelope of parabolas, first along
// columns, then along rows.
std::vector<std::int64_t> squared_distances(const Mask& mask);

// The next click of somebody who wants `truth` and sees `mask`: the pixel of the largest
// 8-connected region of wrong pixels that is farthest from the region's border; foreground where
// pixels are missing, background where there are too many. Missing and surplus pixels form separate
// regions. Ties go to missing pixels, then to the first pixel in row-major order. Where nothing is
// wrong: the point farthest inside the truth.
Point next_click(const Mask& mask, const Mask& truth);

// The pixels that are 4-connected to the point's through pixels none of whose channels differs from
// it by more than the tolerance. The image is RGB.
Mask flood_fill(const Image& image, const Point& point, int tolerance);

// The box of a truth as a prompt: the centres of its first and last columns and rows; one pixel
// more where there is only one. The mask is not empty.
Box truth_box(const Mask& truth);

}  // namespace lasso::app

#endif  // LASSO_EVAL_CLICKS_H_
