// MaskUpscaling: the end of a mask decoder, from image tokens to logits of masks, in one.
//
// For SAM's sizes, 4096 pixels of 256 channels: two transposed convolutions of 537 and 268 MFLOP,
// and 65536 pixels of 32 channels by 4 masks, 17 MFLOP. Between them lie 16384 x 64 and 65536 x 32
// numbers, 4 and 8 MiB for each prompt, which layers of their own write and read again; here a few
// pixels at a time go through all of it in the first two caches.
#ifndef LASSO_KERNELS_UPSCALING_UPSCALING_H_
#define LASSO_KERNELS_UPSCALING_UPSCALING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// graph::MaskUpscaling: inputs A [batch, masks, filters], x [batch, height, width, channels], W1,
// b1?, gamma, beta, W2, b2?, of which the weights of the convolutions and their biases are packed.
struct MaskUpscalingProblem {
  std::int64_t batch = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t channels = 1;
  std::int64_t middle = 1;   // filters of the first convolution
  std::int64_t filters = 1;  // of the second one
  std::int64_t masks = 1;
  std::int64_t stride = 2;
  float epsilon = 1e-6F;
  graph::Activation first = graph::Activation::kNone;   // behind the LayerNorm
  graph::Activation second = graph::Activation::kNone;  // behind the second convolution
  DType weights = DType::kF32;

  std::int64_t area() const { return stride * stride; }
};

// Multiplications and additions.
double operations(const MaskUpscalingProblem& p);

// The reason why sizes or types are such that no kernel may run; else empty.
std::string check_problem(const MaskUpscalingProblem& p);

// Best first, reference last. Results don't depend on the number of threads.
const std::vector<Kernel<MaskUpscalingProblem>>& mask_upscaling_kernels();

const Family& mask_upscaling_family();

// The rows of the list.
extern const Kernel<MaskUpscalingProblem> kMaskUpscalingAmx;
extern const Kernel<MaskUpscalingProblem> kMaskUpscalingBf16;
extern const Kernel<MaskUpscalingProblem> kMaskUpscalingWidenedAvx512;
extern const Kernel<MaskUpscalingProblem> kMaskUpscalingWidenedAvx2;
extern const Kernel<MaskUpscalingProblem> kMaskUpscalingAvx512;
extern const Kernel<MaskUpscalingProblem> kMaskUpscalingAvx2;
extern const Kernel<MaskUpscalingProblem> kMaskUpscalingRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_UPSCALING_UPSCALING_H_
