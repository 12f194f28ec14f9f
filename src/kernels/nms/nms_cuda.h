// The rows for NVIDIA GPUs, best first, the plain one last.
#ifndef LASSO_KERNELS_NMS_NMS_CUDA_H_
#define LASSO_KERNELS_NMS_NMS_CUDA_H_

#include <vector>

#include "kernels/nms/nms.h"

namespace lasso::kernels {

const std::vector<Kernel<NonMaxSuppressionProblem>>& non_max_suppression_cuda_kernels();
const std::vector<Kernel<EfficientNmsProblem>>& efficient_nms_cuda_kernels();
const std::vector<Kernel<DetectionNmsProblem>>& detection_nms_cuda_kernels();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_NMS_NMS_CUDA_H_
