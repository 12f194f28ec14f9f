#include "kernels/pool/pool.h"

#include "core/check.h"

namespace lasso::kernels {

Pool2dProblem make_pool2d_problem(const Call& call) {
  const auto& op = std::get<graph::Pool2d>(call.op);
  const Dims& x = call.inputs.at(0).dims;
  const Dims& y = call.outputs.at(0).dims;
  LASSO_CHECK(x.size() == 4 && y.size() == 4 && x[0] == y[0] && x[3] == y[3], ErrorCode::kInternal,
              "pool2d: x {} and y {}", to_string(x), to_string(y));
  return {.dtype = call.inputs[0].dtype,
          .kind = op.kind,
          .batch = x[0],
          .channels = x[3],
          .h = {.size = x[1],
                .result = y[1],
                .kernel = op.kernel_h,
                .stride = op.stride.h,
                .before = op.padding.top,
                .after = op.padding.bottom,
                .dilation = op.dilation.h},
          .w = {.size = x[2],
                .result = y[2],
                .kernel = op.kernel_w,
                .stride = op.stride.w,
                .before = op.padding.left,
                .after = op.padding.right,
                .dilation = op.dilation.w},
          .count_padding = op.count_padding};
}

const std::vector<Kernel<Pool2dProblem>>& pool2d_kernels() {
  static const std::vector<Kernel<Pool2dProblem>> list{kPool2dAvx512, kPool2dAvx2, kPool2dRef};
  return list;
}

const Family& pool2d_family() {
  static const ListFamily<Pool2dProblem> family("pool2d", pool2d_kernels(), make_pool2d_problem);
  return family;
}

}  // namespace lasso::kernels
