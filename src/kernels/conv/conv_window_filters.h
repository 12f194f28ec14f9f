// Convolutions without groups as products of windows by filters: sizes and packed weights, which
// rows share.
#ifndef LASSO_KERNELS_CONV_CONV_WINDOW_FILTERS_H_
#define LASSO_KERNELS_CONV_CONV_WINDOW_FILTERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/cuda/packed_rows.h"

namespace lasso::kernels::gpu {

// Numbers of a window.
std::int64_t window_depth(const Conv2dProblem& problem);

// Pixels of the result, of all images; none where the window is larger than the image.
std::int64_t result_pixels(const Conv2dProblem& problem);

// Row n is filter n in the order of the window: [kernel_h, kernel_w, group_channels].
PackedRows window_filters(const Conv2dProblem& problem);
void pack_window_filters(const Conv2dProblem& problem, const std::vector<TensorView>& constants,
                         std::byte* packed);

// Why there is no row for these types; an offer with the packed weights where there is one.
Offer offer_window_filters(const Conv2dProblem& problem, const TargetInfo& target);

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CONV_CONV_WINDOW_FILTERS_H_
