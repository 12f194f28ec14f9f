#include "kernels/deconv/deconv.h"

#include "core/check.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels {

Deconv2dProblem make_deconv2d_problem(const Call& call) {
  const auto& op = std::get<graph::Deconv2d>(call.op);
  for (std::size_t i = 1; i < call.inputs.size(); ++i) {
    LASSO_CHECK(!call.inputs[i].present || call.inputs[i].constant, ErrorCode::kUnsupported,
                "deconv2d: input {} (weights, bias) must be a constant", i);
  }
  const Dims& x = call.inputs.at(0).dims;
  const Dims& w = call.inputs.at(1).dims;
  const Dims& y = call.outputs.at(0).dims;
  LASSO_CHECK(x.size() == 4 && w.size() == 4 && y.size() == 4 && op.groups > 0 && x[0] == y[0] &&
                  x[3] == w[0] && x[3] % op.groups == 0 && y[3] == w[1] * op.groups &&
                  w[2] == op.kernel_h && w[3] == op.kernel_w,
              ErrorCode::kInternal, "deconv2d: x {}, weights {} and y {}", to_string(x),
              to_string(w), to_string(y));
  return {.batch = x[0],
          .channels = x[3],
          .filters = y[3],
          .groups = op.groups,
          .h = {.size = x[1],
                .result = y[1],
                .kernel = op.kernel_h,
                .stride = op.stride.h,
                .before = op.padding.top,
                .dilation = op.dilation.h},
          .w = {.size = x[2],
                .result = y[2],
                .kernel = op.kernel_w,
                .stride = op.stride.w,
                .before = op.padding.left,
                .dilation = op.dilation.w},
          .bias = has_operand(call.inputs, 2),
          .activation = op.activation};
}

const std::vector<Kernel<Deconv2dProblem>>& deconv2d_kernels() {
  static const std::vector<Kernel<Deconv2dProblem>> list{kDeconv2dRef};
  return list;
}

const Family& deconv2d_family() {
  static const ListFamily<Deconv2dProblem> family("deconv2d", deconv2d_kernels(),
                                                  make_deconv2d_problem, [](const Call&) {
                                                    return std::vector<std::size_t>{1, 2};
                                                  });
  return family;
}

}  // namespace lasso::kernels
