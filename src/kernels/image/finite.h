// Whether results on a device are finite, without their way to the host. No op of the graph has
// this family, and the CPU has no row of it.
#ifndef LASSO_KERNELS_IMAGE_FINITE_H_
#define LASSO_KERNELS_IMAGE_FINITE_H_

namespace lasso::kernels {

// Input 0 is float32 [planes, values]; input 1 is the planes that are asked for, int32 [count], or
// absent for the first `count`. The output is int32 [count]: how many values of each are not
// finite.
struct FiniteProblem {
  int count = 0;
  int values = 0;

  bool operator==(const FiniteProblem& other) const = default;
};

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_IMAGE_FINITE_H_
