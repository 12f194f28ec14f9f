// For the tests of convolutions: sums in double precision, and what rows may differ from them by.
#ifndef LASSO_KERNELS_CONV_CONV_TEST_H_
#define LASSO_KERNELS_CONV_CONV_TEST_H_

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/conv/conv_test_rows.h"
#include "kernels/kernel_test.h"

namespace lasso::kernels::test {

struct Sum {
  double value = 0;
  double magnitudes = 0;
  void add(double term) {
    value += term;
    magnitudes += std::abs(term);
  }
};

// Runs every row. Winograd's sums are of all pixels under a tile, for each of its pixels, also
// where these see little but padding; roundings are several times those of a plain sum, since the
// transforms of image and sums have rows whose magnitudes add up to 10 and to 19, of which most
// cancel.
inline void check_every_conv2d(Case<Conv2dProblem>& c, Ran& ran) {
  std::vector<Kernel<Conv2dProblem>> sums;
  std::vector<Kernel<Conv2dProblem>> transforms;
  for (const Kernel<Conv2dProblem>& kernel : conv2d_test_rows()) {
    (kernel.name == "winograd" ? transforms : sums).push_back(kernel);
  }
  check_case(sums, c, ran);
  constexpr double kTransforms = 4;
  if (!c.tolerance.empty()) {
    const double largest = *std::max_element(c.tolerance.begin(), c.tolerance.end());
    c.tolerance.assign(c.tolerance.size(), kTransforms * largest);
  }
  check_case(transforms, c, ran);
}

}  // namespace lasso::kernels::test

#endif  // LASSO_KERNELS_CONV_CONV_TEST_H_
