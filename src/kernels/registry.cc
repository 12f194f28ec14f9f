#include "kernels/registry.h"

#include <memory>
#include <mutex>

#include "kernels/attention/attention.h"
#include "kernels/axis/axis.h"
#include "kernels/conv/conv.h"
#include "kernels/conv/upscaled_product.h"
#include "kernels/cpu/onednn.h"
#include "kernels/deconv/deconv.h"
#include "kernels/device_library.h"
#include "kernels/elementwise/compare.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/indices/indices.h"
#include "kernels/layout/layout.h"
#include "kernels/linear/linear.h"
#include "kernels/matmul/matmul.h"
#include "kernels/nms/nms.h"
#include "kernels/norm/norm.h"
#include "kernels/pad/pad.h"
#include "kernels/pool/pool.h"
#include "kernels/quantize/quantize.h"
#include "kernels/reduce/reduce.h"
#include "kernels/resize/resize.h"
#include "kernels/softmax/softmax.h"
#include "kernels/two_way/two_way.h"
#include "kernels/upscaling/upscaling.h"

namespace lasso::kernels {

namespace {

struct FamilyOf {
  const Family& operator()(const graph::Linear&) const { return linear_family(); }
  const Family& operator()(const graph::MatMul&) const { return matmul_family(); }
  const Family& operator()(const graph::Conv2d&) const { return conv2d_family(); }
  const Family& operator()(const graph::ConvTranspose2d&) const {
    return conv_transpose2d_family();
  }
  const Family& operator()(const graph::LayerNorm&) const { return layer_norm_family(); }
  const Family& operator()(const graph::UpscaledProduct&) const {
    return upscaled_product_family();
  }
  const Family& operator()(const graph::MaskUpscaling&) const { return mask_upscaling_family(); }
  const Family& operator()(const graph::AddNorm&) const { return add_norm_family(); }
  const Family& operator()(const graph::WindowAttention&) const {
    return window_attention_family();
  }
  const Family& operator()(const graph::Attention&) const { return attention_family(); }
  const Family& operator()(const graph::TokenToImage&) const { return token_to_image_family(); }
  const Family& operator()(const graph::ImageToToken&) const { return image_to_token_family(); }
  const Family& operator()(const graph::Binary&) const { return binary_family(); }
  const Family& operator()(const graph::Unary&) const { return unary_family(); }
  const Family& operator()(const graph::Concat&) const { return concat_family(); }
  const Family& operator()(const graph::Slice&) const { return slice_family(); }
  const Family& operator()(const graph::Reshape&) const { return copy_family(); }
  const Family& operator()(const graph::Transpose&) const { return transpose_family(); }
  const Family& operator()(const graph::Expand&) const { return expand_family(); }
  const Family& operator()(const graph::Gather&) const { return gather_family(); }
  const Family& operator()(const graph::Sizes&) const { return sizes_family(); }
  const Family& operator()(const graph::FourierFeatures&) const {
    return fourier_features_family();
  }
  const Family& operator()(const graph::Quantize&) const { return quantize_family(); }
  const Family& operator()(const graph::QuantizeTensor&) const { return quantize_tensor_family(); }
  const Family& operator()(const graph::Cast&) const { return cast_family(); }
  const Family& operator()(const graph::Reduce&) const { return reduce_family(); }
  const Family& operator()(const graph::Softmax&) const { return softmax_family(); }
  const Family& operator()(const graph::Pad&) const { return pad_family(); }
  const Family& operator()(const graph::GatherElements&) const { return gather_elements_family(); }
  const Family& operator()(const graph::GatherNd&) const { return gather_nd_family(); }
  const Family& operator()(const graph::ScatterElements&) const {
    return scatter_elements_family();
  }
  const Family& operator()(const graph::ScatterNd&) const { return scatter_nd_family(); }
  const Family& operator()(const graph::ArgReduce&) const { return arg_reduce_family(); }
  const Family& operator()(const graph::CumSum&) const { return cum_sum_family(); }
  const Family& operator()(const graph::TopK&) const { return top_k_family(); }
  const Family& operator()(const graph::Deconv2d&) const { return deconv2d_family(); }
  const Family& operator()(const graph::Pool2d&) const { return pool2d_family(); }
  const Family& operator()(const graph::Resize&) const { return resize_family(); }
  const Family& operator()(const graph::NonMaxSuppression&) const {
    return non_max_suppression_family();
  }
  const Family& operator()(const graph::EfficientNms&) const { return efficient_nms_family(); }
  const Family& operator()(const graph::DetectionNms&) const { return detection_nms_family(); }
  const Family& operator()(const graph::LeakyRelu&) const { return leaky_relu_family(); }
  const Family& operator()(const graph::Compare&) const { return compare_family(); }
  const Family& operator()(const graph::Select&) const { return select_family(); }
};

// The families of a device whose rows its library brings; by the CPU's.
class DeviceFamilies {
 public:
  explicit DeviceFamilies(const DeviceRows& rows) : rows_(rows) {}

  // From any thread.
  const Family& of(const Family& family) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::unique_ptr<Family>& found = families_[&family];
    if (found == nullptr) found = family.with(rows_);
    return *found;
  }

 private:
  const DeviceRows& rows_;
  std::mutex mutex_;
  std::map<const Family*, std::unique_ptr<Family>> families_;
};

}  // namespace

const Family& family_of(const graph::Op& op, backend::DeviceKind kind) {
  const Family& family = std::visit(FamilyOf{}, op);
  if (kind == backend::DeviceKind::kCpu) return family;
  static DeviceFamilies cuda(device_library(backend::DeviceKind::kCuda).rows());
  return cuda.of(family);
}

const std::map<std::string, std::string>& libraries(backend::DeviceKind kind) {
  if (kind != backend::DeviceKind::kCpu) return device_library(kind).libraries();
  static const std::map<std::string, std::string> libraries = [] {
    std::map<std::string, std::string> found;
    if (const std::string version = onednn::version(); !version.empty()) {
      found["oneDNN"] = version;
    }
    return found;
  }();
  return libraries;
}

}  // namespace lasso::kernels
