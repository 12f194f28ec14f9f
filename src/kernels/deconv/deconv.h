// Deconv2d: transposed convolutions of channels-last images with constant weights, in general.
#ifndef LASSO_KERNELS_DECONV_DECONV_H_
#define LASSO_KERNELS_DECONV_DECONV_H_

#include <cstdint>
#include <vector>

#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// One axis of the image and of the kernel.
struct DeconvAxis {
  std::int64_t size = 1;  // of x
  std::int64_t result = 1;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t before = 0;  // taken off the result
  std::int64_t dilation = 1;

  // The place in x that adds to place i of the result by tap u; -1 where there is none.
  constexpr std::int64_t source(std::int64_t i, std::int64_t u) const {
    const std::int64_t at = i + before - u * dilation;
    if (at < 0 || at % stride != 0) return -1;
    return at / stride < size ? at / stride : -1;
  }
};

// graph::Deconv2d of x [batch, h.size, w.size, channels] and W [channels, filters / groups,
// h.kernel, w.kernel], in float32. Inputs x, W, b?; W and b are packed.
struct Deconv2dProblem {
  std::int64_t batch = 1;
  std::int64_t channels = 1;
  std::int64_t filters = 1;
  std::int64_t groups = 1;
  DeconvAxis h = {};
  DeconvAxis w = {};
  bool bias = false;
  graph::Activation activation = graph::Activation::kNone;

  std::int64_t taps() const { return h.kernel * w.kernel; }
  std::int64_t group_channels() const { return channels / groups; }
  std::int64_t group_filters() const { return filters / groups; }
  std::int64_t pixels() const { return batch * h.result * w.result; }  // of the result
  // Where W has channel c of filter n's group, filter n and a tap.
  std::int64_t weight_at(std::int64_t n, std::int64_t c, std::int64_t tap) const {
    const std::int64_t group = n / group_filters();
    const std::int64_t channel = group * group_channels() + c;
    return (channel * group_filters() + n % group_filters()) * taps() + tap;
  }
};

Deconv2dProblem make_deconv2d_problem(const Call& call);

// Best first, reference last.
const std::vector<Kernel<Deconv2dProblem>>& deconv2d_kernels();

const Family& deconv2d_family();

// The row of the list.
extern const Kernel<Deconv2dProblem> kDeconv2dRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_DECONV_DECONV_H_
