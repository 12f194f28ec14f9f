#include "kernels/pad/pad.h"

#include <tuple>

#include "kernels/kernel_test.h"
#include "lasso/error.h"

namespace lasso::kernels {
namespace {

// The element of x at a position of the result, or the value.
template <typename T>
void check_pad(const graph::Pad& op, const Dims& x_dims, const std::vector<T>& x, T value) {
  const PadProblem p = make_pad_problem(op, x_dims, sizeof(T));
  Dims y_dims;
  for (const PadLoop& loop : p.loops) y_dims.push_back(loop.result());
  std::vector<T> expected;
  for (std::int64_t i = 0; i < element_count(y_dims); ++i) {
    std::int64_t rest = i;
    std::int64_t at = 0;
    std::int64_t stride = 1;
    bool inside = true;
    for (std::size_t axis = y_dims.size(); axis-- > 0;) {
      const std::int64_t position = rest % y_dims[axis] - p.loops[axis].before;
      rest /= y_dims[axis];
      inside = inside && position >= 0 && position < x_dims[axis];
      at += position * stride;
      stride *= x_dims[axis];
    }
    expected.push_back(inside ? x[static_cast<std::size_t>(at)] : value);
  }
  for (const Kernel<PadProblem>& kernel : pad_kernels()) {
    for (const int threads : {1, 2}) {
      const TargetInfo target = test::test_target(threads);
      const Offer offer = ask(kernel, p, target);
      if (!offer) continue;
      const ThreadLimit limit(threads);
      const test::Guarded y(expected.size() * sizeof(T));
      const void* inputs[] = {x.data()};
      void* outputs[] = {y.data()};
      kernel.run(*kernel.create(p, target, offer), {.inputs = inputs, .outputs = outputs});
      const auto* begin = reinterpret_cast<const T*>(y.data());
      EXPECT_EQ(std::vector<T>(begin, begin + expected.size()), expected) << to_string(x_dims);
      EXPECT_TRUE(y.intact());
    }
  }
}

template <typename T>
std::vector<T> numbers(const Dims& dims) {
  std::vector<T> values;
  for (std::int64_t i = 0; i < element_count(dims); ++i) values.push_back(static_cast<T>(i + 1));
  return values;
}

TEST(Pad, AnySideOfAnyDimension) {
  for (const auto& [before, after, dims] : {
           std::tuple{graph::Shape{2}, graph::Shape{3}, Dims{5}},
           std::tuple{graph::Shape{0, 0}, graph::Shape{0, 0}, Dims{3, 4}},
           std::tuple{graph::Shape{1, 0}, graph::Shape{0, 2}, Dims{3, 4}},
           std::tuple{graph::Shape{0, 0, 0, 0}, graph::Shape{0, 3, 1, 0}, Dims{2, 5, 7, 3}},
           std::tuple{graph::Shape{2, 1, 0}, graph::Shape{0, 1, 5}, Dims{1, 1, 1}},
           std::tuple{graph::Shape{1, 1}, graph::Shape{0, 0}, Dims{0, 3}},
           std::tuple{graph::Shape{1, 1}, graph::Shape{0, 0}, Dims{3, 0}},
           std::tuple{graph::Shape{0, 1, 2, 0}, graph::Shape{0, 2, 1, 0}, Dims{2, 5, 7, 32}},
       }) {
    check_pad<float>({before, after, 0.0F}, dims, numbers<float>(dims), 0.0F);
    check_pad<float>({before, after, -1.5F}, dims, numbers<float>(dims), -1.5F);
    check_pad<std::uint8_t>({before, after, 0.0F}, dims, numbers<std::uint8_t>(dims), 0);
    check_pad<std::uint16_t>({before, after, 0.0F}, dims, numbers<std::uint16_t>(dims), 0);
  }
}

TEST(Pad, RefusesValuesOfOtherTypes) {
  const PadProblem p = make_pad_problem({{1}, {0}, 1.0F}, {3}, 1);
  EXPECT_FALSE(ask(kPadRef, p, test::test_target(1)));
  EXPECT_THROW(make_pad_problem({{-1}, {0}, 0.0F}, {3}, 4), Error);
}

}  // namespace
}  // namespace lasso::kernels
