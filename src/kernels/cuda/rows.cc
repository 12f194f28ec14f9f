#include "kernels/cuda/rows.h"

#include "kernels/attention/attention_cuda.h"
#include "kernels/axis/axis_cuda.h"
#include "kernels/conv/conv_cuda.h"
#include "kernels/deconv/deconv_cuda.h"
#include "kernels/elementwise/elementwise_cuda.h"
#include "kernels/image/image_cuda.h"
#include "kernels/indices/indices_cuda.h"
#include "kernels/layout/layout_cuda.h"
#include "kernels/linear/linear_cuda.h"
#include "kernels/matmul/matmul_cuda.h"
#include "kernels/nms/nms_cuda.h"
#include "kernels/norm/norm_cuda.h"
#include "kernels/pad/pad_cuda.h"
#include "kernels/pool/pool_cuda.h"
#include "kernels/quantize/quantize_cuda.h"
#include "kernels/reduce/reduce_cuda.h"
#include "kernels/resize/resize_cuda.h"
#include "kernels/softmax/softmax_cuda.h"

namespace lasso::kernels {

DeviceRows cuda_rows() {
  DeviceRows rows;
  rows.add(linear_cuda_kernels());
  rows.add(matmul_cuda_kernels());
  rows.add(conv2d_cuda_kernels());
  rows.add(conv_transpose2d_cuda_kernels());
  rows.add(upscaled_product_cuda_kernels());
  rows.add(window_attention_cuda_kernels());
  rows.add(attention_cuda_kernels());
  rows.add(binary_cuda_kernels());
  rows.add(unary_cuda_kernels());
  rows.add(leaky_relu_cuda_kernels());
  rows.add(compare_cuda_kernels());
  rows.add(select_cuda_kernels());
  rows.add(fourier_features_cuda_kernels());
  rows.add(copy_cuda_kernels());
  rows.add(concat_cuda_kernels());
  rows.add(gather_cuda_kernels());
  rows.add(sizes_cuda_kernels());
  rows.add(layer_norm_cuda_kernels());
  rows.add(add_norm_cuda_kernels());
  rows.add(softmax_cuda_kernels());
  rows.add(reduce_cuda_kernels());
  rows.add(pad_cuda_kernels());
  rows.add(gather_elements_cuda_kernels());
  rows.add(gather_nd_cuda_kernels());
  rows.add(scatter_elements_cuda_kernels());
  rows.add(scatter_nd_cuda_kernels());
  rows.add(arg_reduce_cuda_kernels());
  rows.add(cum_sum_cuda_kernels());
  rows.add(top_k_cuda_kernels());
  rows.add(deconv2d_cuda_kernels());
  rows.add(pool2d_cuda_kernels());
  rows.add(resize_cuda_kernels());
  rows.add(non_max_suppression_cuda_kernels());
  rows.add(efficient_nms_cuda_kernels());
  rows.add(detection_nms_cuda_kernels());
  rows.add(quantize_cuda_kernels());
  rows.add(cast_cuda_kernels());
  rows.add(preprocess_cuda_kernels());
  rows.add(letterbox_cuda_kernels());
  rows.add(mask_cuda_kernels());
  rows.add(finite_cuda_kernels());
  return rows;
}

}  // namespace lasso::kernels
