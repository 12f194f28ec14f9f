// The rows of an NVIDIA GPU for images, masks and their checks.
#ifndef LASSO_KERNELS_IMAGE_IMAGE_CUDA_H_
#define LASSO_KERNELS_IMAGE_IMAGE_CUDA_H_

#include <vector>

#include "kernels/image/finite.h"
#include "kernels/image/letterbox.h"
#include "kernels/image/mask.h"
#include "kernels/image/preprocess.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

const std::vector<Kernel<PreprocessProblem>>& preprocess_cuda_kernels();
const std::vector<Kernel<LetterboxProblem>>& letterbox_cuda_kernels();
const std::vector<Kernel<MaskProblem>>& mask_cuda_kernels();
const std::vector<Kernel<FiniteProblem>>& finite_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_IMAGE_IMAGE_CUDA_H_
