// From a mask decoder's low-resolution logits to a mask of the image's size.
#ifndef LASSO_IMAGE_MASK_MASK_UPSAMPLE_H_
#define LASSO_IMAGE_MASK_MASK_UPSAMPLE_H_

#include <cstddef>
#include <cstdint>

#include "core/cpu_features.h"
#include "image/preprocess.h"
#include "image/scratch.h"

namespace lasso {

// What the logits are resized from and to.
struct MaskUpsample {
  int low_res_side = 0;  // the logits are [side][side]
  int image_size = 0;    // the model's square
  ResizedSize resized;   // the image's part of that square
  int width = 0;         // of the image, and of the mask
  int height = 0;
  Preprocess::MaskResize method = Preprocess::MaskResize::kThroughModel;
  CpuFeatures features = CpuFeature::kAvx2;  // that the CPU has and may be used
};

MaskUpsample mask_upsample_of(const Preprocess& preprocess, int low_res_side, int image_size,
                              int width, int height, CpuFeatures features = cpu_features());

// What upsampled values are compared with: `threshold`, or for kProbabilities its sigmoid.
float mask_limit(Preprocess::MaskResize method, float threshold);

// Bilinear weights of one axis as PyTorch's interpolate(align_corners=False) has them:
// out[i] = w0[i] * in[index[i]] + w1[i] * in[index[i] + 1], where in[size] repeats the last value.
struct BilinearTaps {
  int in_size = 0;
  int out_size = 0;
  int begin = 0;  // the outputs that are wanted: begin, begin + 1, ...; index[0] is begin's
  int count = 0;
  int span8 = 0;   // inputs that 8 consecutive outputs reach over, at most
  int span16 = 0;  // the same of 16
  Scratch<std::int32_t> index;
  Scratch<float> w0;
  Scratch<float> w1;

  // Does nothing if the taps are already those.
  void prepare(int in, int out, int out_begin, int out_count);
};

struct MaskScratch {
  BilinearTaps model_columns;
  BilinearTaps model_rows;
  BilinearTaps columns;
  BilinearTaps rows;
  Scratch<float> lines;  // a few lines for each thread
};

// Writes 1 where the upsampled logit is greater than `threshold` and 0 elsewhere, `height` rows of
// `width` bytes, `stride` bytes apart. The arithmetic is that of Meta's postprocess_masks in fp32,
// operation by operation: bilinear to the model's square, crop, bilinear to the image. Only a few
// lines of either grid exist at a time. With MaskResize::kProbabilities the logits become
// probabilities first, and the threshold with them. Runs on the caller's OpenMP team; allocates
// nothing after a mask of the same sizes. Throws kInvalidArgument for sizes that make no sense.
void upsample_mask(const MaskUpsample& upsample, const float* low_res, float threshold,
                   MaskScratch& scratch, std::uint8_t* out, std::ptrdiff_t stride);

// The same values before the threshold: out[height][width]. Logits, or probabilities for
// kProbabilities.
void upsample_logits(const MaskUpsample& upsample, const float* low_res, MaskScratch& scratch,
                     float* out);

}  // namespace lasso

#endif  // LASSO_IMAGE_MASK_MASK_UPSAMPLE_H_
