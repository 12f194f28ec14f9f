#include "models/yolov7/checkpoint/fold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/random.h"

namespace lasso::yolov7 {
namespace {

constexpr double kTolerance = 1e-12;

std::vector<double> random_numbers(std::int64_t count, unsigned seed, double least = -1) {
  SplitMix64 random(seed);
  std::vector<double> numbers(static_cast<std::size_t>(count));
  for (double& number : numbers) number = least + random.uniform();
  return numbers;
}

Filters random_filters(const Dims& dims, unsigned seed) {
  return {dims, random_numbers(element_count(dims), seed), random_numbers(dims[0], seed + 1)};
}

BatchNorm random_norm(std::int64_t channels, unsigned seed) {
  return {random_numbers(channels, seed), random_numbers(channels, seed + 1),
          random_numbers(channels, seed + 2), random_numbers(channels, seed + 3, 0.1), 1e-3};
}

// An image [C, H, W] in double precision.
struct Image {
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<double> values;

  double& at(std::int64_t c, std::int64_t i, std::int64_t j) {
    return values[static_cast<std::size_t>((c * height + i) * width + j)];
  }
  // Zero outside.
  double get(std::int64_t c, std::int64_t i, std::int64_t j) const {
    if (i < 0 || i >= height || j < 0 || j >= width) return 0;
    return values[static_cast<std::size_t>((c * height + i) * width + j)];
  }
};

Image random_image(std::int64_t channels, std::int64_t height, std::int64_t width) {
  return {channels, height, width, random_numbers(channels * height * width, 99)};
}

// By the definition.
Image convolved(const Image& x, const Filters& filters, std::int64_t stride, std::int64_t padding,
                std::int64_t groups = 1) {
  const Dims& dims = filters.dims;
  Image y{dims[0],
          (x.height + 2 * padding - dims[2]) / stride + 1,
          (x.width + 2 * padding - dims[3]) / stride + 1,
          {}};
  y.values.resize(static_cast<std::size_t>(y.channels * y.height * y.width));
  for (std::int64_t n = 0; n < y.channels; ++n) {
    const std::int64_t first = n / (dims[0] / groups) * dims[1];
    for (std::int64_t i = 0; i < y.height; ++i) {
      for (std::int64_t j = 0; j < y.width; ++j) {
        double sum = filters.bias[static_cast<std::size_t>(n)];
        const double* weight = filters.weights.data() + n * filters.elements();
        for (std::int64_t c = 0; c < dims[1]; ++c) {
          for (std::int64_t u = 0; u < dims[2]; ++u) {
            for (std::int64_t v = 0; v < dims[3]; ++v) {
              sum +=
                  *weight++ * x.get(first + c, i * stride + u - padding, j * stride + v - padding);
            }
          }
        }
        y.at(n, i, j) = sum;
      }
    }
  }
  return y;
}

Image normed(Image x, const BatchNorm& norm) {
  for (std::int64_t c = 0; c < x.channels; ++c) {
    const auto k = static_cast<std::size_t>(c);
    for (std::int64_t i = 0; i < x.height; ++i) {
      for (std::int64_t j = 0; j < x.width; ++j) {
        double& value = x.at(c, i, j);
        value =
            (value - norm.mean[k]) / std::sqrt(norm.variance[k] + norm.epsilon) * norm.gamma[k] +
            norm.beta[k];
      }
    }
  }
  return x;
}

Image summed(Image a, const Image& b) {
  for (std::size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
  return a;
}

void expect_equal(const Image& a, const Image& b) {
  ASSERT_EQ(a.channels, b.channels);
  ASSERT_EQ(a.height, b.height);
  ASSERT_EQ(a.width, b.width);
  double largest = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    ASSERT_NEAR(a.values[i], b.values[i], kTolerance) << "element " << i;
    largest = std::max(largest, std::abs(a.values[i]));
  }
  EXPECT_GT(largest, 0.1);
}

TEST(YoloFold, ANormIsMerged) {
  const Image x = random_image(4, 5, 6);
  const Filters filters = random_filters({6, 2, 3, 3}, 1);
  const BatchNorm norm = random_norm(6, 10);
  Filters merged = filters;
  merge_norm(norm, merged);
  expect_equal(convolved(x, merged, 2, 1, 2), normed(convolved(x, filters, 2, 1, 2), norm));
}

TEST(YoloFold, OneFilterInNumbers) {
  Filters filters{{1, 1, 1, 1}, {3}, {1}};
  merge_norm({{2}, {5}, {4}, {15.75}, 0.25}, filters);  // a standard deviation of 4
  EXPECT_EQ(filters.weights, std::vector<double>{1.5});
  EXPECT_EQ(filters.bias, std::vector<double>{3.5});  // (1 - 4) / 4 * 2 + 5
}

// RepVGG's three branches, with and without groups.
TEST(YoloFold, BranchesAreSummed) {
  for (const std::int64_t groups : {1, 2}) {
    const Image x = random_image(4, 5, 6);
    const Filters nine = random_filters({4, 4 / groups, 3, 3}, 1);
    const Filters one = random_filters({4, 4 / groups, 1, 1}, 5);
    const BatchNorm norm = random_norm(4, 10);
    Filters merged = nine;
    merge_branch(one, merged);
    merge_branch(identity_filters(norm, groups), merged);
    const Image branches =
        summed(convolved(x, nine, 1, 1, groups), convolved(x, one, 1, 0, groups));
    expect_equal(convolved(x, merged, 1, 1, groups), summed(branches, normed(x, norm)));
  }
}

TEST(YoloFold, ImplicitLayersAreMerged) {
  const Image x = random_image(3, 4, 5);
  const Filters filters = random_filters({2, 3, 1, 1}, 1);
  const std::vector<double> shift = random_numbers(3, 5);
  const std::vector<double> gain = random_numbers(2, 6, 0.5);
  Image shifted = x;
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t i = 0; i < 4; ++i) {
      for (std::int64_t j = 0; j < 5; ++j)
        shifted.at(c, i, j) += shift[static_cast<std::size_t>(c)];
    }
  }
  Image expected = convolved(shifted, filters, 1, 0);
  for (std::int64_t n = 0; n < 2; ++n) {
    for (std::int64_t i = 0; i < 4; ++i) {
      for (std::int64_t j = 0; j < 5; ++j)
        expected.at(n, i, j) *= gain[static_cast<std::size_t>(n)];
    }
  }
  Filters merged = filters;
  merge_shift(shift, merged);
  merge_gain(gain, merged);
  expect_equal(convolved(x, merged, 1, 0), expected);
}

TEST(YoloFold, AReorganisationIsMerged) {
  const Image x = random_image(2, 8, 12);
  Image reorganised{8, 4, 6, std::vector<double>(x.values.size())};
  for (std::int64_t c = 0; c < 2; ++c) {
    for (std::int64_t i = 0; i < 4; ++i) {
      for (std::int64_t j = 0; j < 6; ++j) {
        reorganised.at(c, i, j) = x.get(c, 2 * i, 2 * j);
        reorganised.at(2 + c, i, j) = x.get(c, 2 * i + 1, 2 * j);
        reorganised.at(4 + c, i, j) = x.get(c, 2 * i, 2 * j + 1);
        reorganised.at(6 + c, i, j) = x.get(c, 2 * i + 1, 2 * j + 1);
      }
    }
  }
  const Filters filters = random_filters({5, 8, 3, 3}, 1);
  const Filters merged = merge_reorganisation(filters);
  EXPECT_EQ(merged.dims, (Dims{5, 2, 6, 6}));
  expect_equal(convolved(x, merged, 2, 2), convolved(reorganised, filters, 1, 1));
  expect_equal(convolved(x, merged, 4, 2), convolved(reorganised, filters, 2, 1));
}

}  // namespace
}  // namespace lasso::yolov7
