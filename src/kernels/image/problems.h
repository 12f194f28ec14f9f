// The problems of this folder's kernels, as the room of images describes them.
#ifndef LASSO_KERNELS_IMAGE_PROBLEMS_H_
#define LASSO_KERNELS_IMAGE_PROBLEMS_H_

#include "image/letterbox.h"
#include "image/mask/mask_upsample.h"
#include "image/preprocess.h"
#include "image/resize.h"
#include "kernels/image/letterbox.h"
#include "kernels/image/mask.h"
#include "kernels/image/preprocess.h"

namespace lasso::kernels {

// Of an image whose size and format `image` tells, in a square of `image_size`. Prepares the taps
// whose tables are the inputs. Throws what preprocess_image() does for the size.
PreprocessProblem make_preprocess_problem(const Preprocess& preprocess, const ImageView& image,
                                          int image_size, ResizeTaps& columns, ResizeTaps& rows);

// Of an image of this format.
LetterboxProblem make_letterbox_problem(const Letterbox& letterbox, PixelFormat format,
                                        DType output);

MaskProblem make_mask_problem(const MaskUpsample& upsample, int count, float threshold);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_IMAGE_PROBLEMS_H_
