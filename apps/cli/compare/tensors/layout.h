// How the dimensions of one tensor stand to those of another one.
#ifndef LASSO_CLI_COMPARE_TENSORS_LAYOUT_H_
#define LASSO_CLI_COMPARE_TENSORS_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lasso::app {

// How B's dimensions stand to A's: the same, or with the channels of an image moved.
enum class Layout : std::uint8_t {
  kSame,
  kChannelsLast,   // B is A's [N, C, H, W] as [N, H, W, C]
  kChannelsFirst,  // B is A's [N, H, W, C] as [N, C, H, W]
};
// How A's stand to B's.
Layout inverse(Layout layout);
// Channels are moved in tensors of four dimensions.
bool is_possible(Layout layout, std::size_t rank);

// For each of B's dimensions the place of A's.
std::vector<std::size_t> places_in_a(Layout layout, std::size_t rank);
// The shape of B, of A's.
std::vector<std::int64_t> in_order_of_b(const std::vector<std::int64_t>& shape_a, Layout layout);
// For each element of B, in its order, the place of A's.
std::vector<std::size_t> elements_of_a(const std::vector<std::int64_t>& shape_a, Layout layout);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_TENSORS_LAYOUT_H_
