// Clicks and boxes as somebody would give them: drawn at random or placed by rule, from masks.
// Calibration and `lasso bench accuracy` ask for their prompts here, so that both mean the same.
//
// Coordinates are pixels of the mask or image (see types.h): points lie on the centres of pixels,
// and x and y are whole numbers. The functions keep no state of their own and may be called from
// any thread. They throw kInvalidArgument for a mask whose data are not width * height values, and
// kOutOfMemory.
//
// What is random comes from Vigna's SplitMix64 (https://prng.di.unimi.it/splitmix64.c), whose whole
// state is one 64-bit number, and is the same on every machine. Any number starts a sequence; each
// call takes up the state where the last one left it. A number below n is the next output modulo n.
#ifndef LASSO_CLICKS_H_
#define LASSO_CLICKS_H_

#include <cstdint>
#include <vector>

#include "lasso/export.h"
#include "lasso/mask.h"
#include "lasso/types.h"

namespace lasso {

// Up to `count` different pixels of the mask as foreground points, drawn at random among those
// whose neighbourhood of 5 x 5 pixels belongs to it; of 3 x 3, or of the pixel alone, where there
// is none. What lies beyond the mask's rectangle does not belong to it. Fewer points where there
// are not as many such pixels; none for an empty mask.
// From the candidates in row-major order, each draw takes the one at a random index, whose place
// the last one takes.
LASSO_EXPORT std::vector<Point> random_clicks(const Mask& mask, int count, std::uint64_t* state);

// `count` random pixels of an image of that size as foreground points, not necessarily different:
// x, then y, of each. None lies on the border of an image that has more than two pixels in that
// direction. Throws kInvalidArgument for a width or height below 1.
LASSO_EXPORT std::vector<Point> random_points(int width, int height, int count,
                                              std::uint64_t* state);

// The next click of somebody who wants `truth` and sees `mask`: in the largest 8-connected region
// of wrong pixels, the one whose Euclidean distance to the pixels outside the region is largest.
// It is a foreground point where pixels are missing and a background point where there are too
// many; missing and surplus pixels form separate regions. Ties go to missing pixels, then to the
// first pixel in row-major order. Where nothing is wrong: the foreground point farthest inside the
// truth. This is the simulated user of Xu et al., "Deep Interactive Object Selection" (2016).
// Throws kInvalidArgument if the sizes differ, or both masks are empty.
LASSO_EXPORT Point next_click(const Mask& mask, const Mask& truth);

// The box of a mask as a prompt, through the centres of its first and last columns and rows; one
// pixel wider or higher where there is only one. Throws kInvalidArgument for an empty mask.
LASSO_EXPORT Box prompt_box(const Mask& mask);

}  // namespace lasso

#endif  // LASSO_CLICKS_H_
