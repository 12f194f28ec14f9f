// Pool2d: the largest or the mean number under a window, for each channel.
#ifndef LASSO_KERNELS_POOL_POOL_H_
#define LASSO_KERNELS_POOL_POOL_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// The windows along one axis of the image.
struct PoolAxis {
  std::int64_t size = 1;  // of the image
  std::int64_t result = 1;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t before = 0;  // padding
  std::int64_t after = 0;
  std::int64_t dilation = 1;

  // Where window i begins, outside of the image if negative.
  constexpr std::int64_t begin(std::int64_t i) const { return i * stride - before; }
  // How many of the window's pixels lie before `end`.
  constexpr std::int64_t before_end(std::int64_t i, std::int64_t end) const {
    const std::int64_t room = end - begin(i);
    if (room <= 0) return 0;
    return std::min(kernel, dilation == 1 ? room : (room + dilation - 1) / dilation);
  }
  // The window's pixels inside of the image: [first_inside, end_inside).
  constexpr std::int64_t first_inside(std::int64_t i) const { return before_end(i, 0); }
  constexpr std::int64_t end_inside(std::int64_t i) const { return before_end(i, size); }
  // What a mean is divided by, along this axis: at least 1.
  constexpr std::int64_t divisor(std::int64_t i, bool count_padding) const {
    const std::int64_t inside = end_inside(i) - first_inside(i);
    return std::max<std::int64_t>(count_padding ? before_end(i, size + after) : inside, 1);
  }
};

// graph::Pool2d of x [batch, h.size, w.size, channels].
struct Pool2dProblem {
  DType dtype = DType::kF32;  // of x and y
  graph::PoolKind kind = graph::PoolKind::kMax;
  std::int64_t batch = 1;
  std::int64_t channels = 1;
  PoolAxis h;
  PoolAxis w;
  bool count_padding = false;

  std::int64_t count() const { return batch * h.result * w.result * channels; }  // of y's elements
};

Pool2dProblem make_pool2d_problem(const Call& call);

// Best first, reference last.
const std::vector<Kernel<Pool2dProblem>>& pool2d_kernels();

const Family& pool2d_family();

// The rows of the list.
extern const Kernel<Pool2dProblem> kPool2dAvx512;
extern const Kernel<Pool2dProblem> kPool2dAvx2;
extern const Kernel<Pool2dProblem> kPool2dRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_POOL_POOL_H_
