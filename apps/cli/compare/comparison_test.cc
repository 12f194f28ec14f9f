// What comparisons consist of: differences, which layer and argument is which, inputs.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "cli/compare/difference.h"
#include "cli/compare/tensors/align_layers.h"
#include "cli/compare/tensors/layout.h"
#include "cli/compare/tensors/match_arguments.h"
#include "cli/compare/tensors/tensor_inputs.h"
#include "cli/compare/tensors/tensor_values.h"
#include "cli/exit_codes.h"
#include "cli/model/argument_shapes.h"
#include "cli/model/host_tensors.h"

namespace lasso::app {
namespace {

using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

std::string failure_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.exit(), Exit::kUsage);
    return failure.what();
  }
  return "";
}

Difference difference_of(const std::vector<double>& a, const std::vector<double>& b,
                         const ElementLimits& limits = {}) {
  Difference difference(limits);
  difference.add(a.data(), b.data(), a.size());
  return difference;
}

TEST(Difference, SaysWhatTheElementsSay) {
  const Difference d = difference_of({1, -2, 0, 4}, {1, -1, 1, 5}, {0.5, 0.1});
  EXPECT_DOUBLE_EQ(d.max_abs(), 1);
  EXPECT_DOUBLE_EQ(d.mean_abs(), 3.0 / 4);
  EXPECT_DOUBLE_EQ(d.max_element_relative(), 1);
  EXPECT_DOUBLE_EQ(d.mean_element_relative(), (0 + 1 + 1 + 0.2) / 4);
  EXPECT_DOUBLE_EQ(d.relative(), std::sqrt(3.0 / 28));
  EXPECT_DOUBLE_EQ(d.cosine(), 23 / std::sqrt(21.0 * 28));
  EXPECT_EQ(d.index(), 1U);
  EXPECT_EQ(d.beyond_limits(), 2U);  // 1 is within 0.5 + 0.1 * 5, and beyond 0.5 + 0.1
  EXPECT_DOUBLE_EQ(d.positive_iou().value(), 2.0 / 3);
}

TEST(Difference, OfNothingAndOfWhatIsNotFinite) {
  EXPECT_EQ(difference_of({0, 0}, {0, 0}).relative(), 0);
  EXPECT_EQ(difference_of({0, 0}, {0, 0}).cosine(), 1);
  EXPECT_FALSE(difference_of({0, -1}, {0, -2}).positive_iou().has_value());
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double nan = std::nan("");
  const Difference same = difference_of({nan, kInfinity}, {nan, kInfinity});
  EXPECT_EQ(same.relative(), 0);
  EXPECT_EQ(same.beyond_limits(), 0U);
  const Difference other = difference_of({nan, 1}, {0, 1}, {1e9, 0});
  EXPECT_EQ(other.relative(), kInfinity);
  EXPECT_EQ(other.beyond_limits(), 1U);
  EXPECT_EQ(other.not_finite_a(), 1U);
  EXPECT_EQ(other.not_finite_b(), 0U);
}

TEST(AlignLayers, ByNameWhereNamesAreTheSame) {
  const Alignment alignment = align_layers(
      {{"a", "conv", "[1]"}, {"x", "cast", "[1]"}, {"b", "add", "[1]"}, {"b", "relu", "[2]"}},
      {{"a", "conv", "[1]"}, {"b", "sum", "[1]"}, {"y", "cast", "[1]"}, {"b", "relu", "[2]"}});
  EXPECT_TRUE(alignment.by_name);
  EXPECT_EQ(alignment.pairs, (Pairs{{0, 0}, {2, 1}, {3, 3}}));
}

TEST(AlignLayers, ByOperationAndPlaceWhereNamesDiffer) {
  const Alignment alignment = align_layers(
      {{"a", "conv", "[1]"}, {"b", "relu", "[1]"}, {"c", "linear", "[2]"}},
      {{"1", "conv", "[1]"}, {"2", "cast", "[1]"}, {"3", "relu", "[1]"}, {"4", "linear", "[3]"}});
  EXPECT_FALSE(alignment.by_name);
  EXPECT_EQ(alignment.pairs, (Pairs{{0, 0}, {1, 2}}));
  EXPECT_TRUE(align_layers({}, {}).pairs.empty());
}

TEST(Layout, MovesChannelsThereAndBack) {
  TensorValues a{"a", {1, 2, 3, 4}, {}};
  for (int i = 0; i < 24; ++i) a.values.push_back(i);
  const HostTensor first = from_doubles(ElementType::kFloat64, a.shape, a.values);
  const HostTensor last = as_other(first, ElementType::kFloat32, Layout::kChannelsLast);
  EXPECT_EQ(last.shape, (std::vector<std::int64_t>{1, 3, 4, 2}));
  // [0, 1, 2, 1] of it is [0, 1, 1, 2] of the first.
  EXPECT_EQ(last.as<float>()[(1 * 4 + 2) * 2 + 1], 1 * 12 + 1 * 4 + 2);
  const TensorValues b{"b", last.shape, to_doubles(last.view())};
  EXPECT_EQ(layouts_between(a.shape, b.shape, Layout::kSame),
            (std::vector<Layout>{Layout::kChannelsLast}));
  EXPECT_EQ(compare_values(a, b, Layout::kChannelsLast, {}).max_abs(), 0);
  EXPECT_EQ(compare_values(b, a, Layout::kChannelsFirst, {}).max_abs(), 0);
  EXPECT_TRUE(layouts_between({2, 3}, {3, 2}, Layout::kSame).empty());
}

ArgumentInfo argument(const std::string& name, std::vector<std::string> shape,
                      ElementType type = ElementType::kFloat32) {
  ArgumentInfo info;
  info.name = name;
  info.type = type;
  info.shape = std::move(shape);
  return info;
}

TEST(MatchArguments, ByNameThenByShapeAndLayout) {
  const std::vector<ArgumentInfo> a = {argument("x", {"batch", "3", "8", "8"}),
                                       argument("points", {"n", "2"}),
                                       argument("labels", {"n"}, ElementType::kInt64)};
  const std::vector<ArgumentInfo> b = {argument("tags", {"m"}, ElementType::kInt32),
                                       argument("x", {"1", "8", "8", "3"}),
                                       argument("coords", {"m", "2"}, ElementType::kFloat16)};
  const auto pairs = match_arguments(a, b, "input", true);
  ASSERT_EQ(pairs.size(), 3U);
  EXPECT_EQ(pairs[0].b, 1U);
  EXPECT_EQ(pairs[0].layout, Layout::kChannelsLast);
  EXPECT_EQ(pairs[1].b, 2U);
  EXPECT_EQ(pairs[2].b, 0U);

  const BothSizes sizes = choose_sizes(a, b, pairs, {{}, {{"m", 5}}, {{"batch", 2}}, {{"m", 7}}});
  EXPECT_EQ(sizes.a, (SymbolSizes{{"batch", 1}, {"n", 5}}));  // 1 as B has it
  EXPECT_EQ(sizes.b, (SymbolSizes{{"m", 5}}));
  const BothSizes typical = choose_sizes(a, b, pairs, {{}, {}, {{"n", 2}}, {{"m", 7}}});
  EXPECT_EQ(typical.a.at("n"), 7);
  const BothSizes given = choose_sizes(a, b, pairs, {{{1, {9, 2}}}, {}, {{"n", 2}}, {}});
  EXPECT_EQ(given.b.at("m"), 9);
  EXPECT_EQ(shape_of(a[1], given.a), (std::vector<std::int64_t>{9, 2}));
  EXPECT_NE(failure_of([&] {
              choose_sizes(a, b, pairs, {{}, {{"k", 5}}, {}, {}});
            }).find("--size k=5: the inputs' symbols are batch, n, m"),
            std::string::npos);
  EXPECT_NE(failure_of([&] {
              choose_sizes(a, b, pairs, {{}, {{"batch", 2}}, {}, {}});
            }).find("--size batch=2: it is 1"),
            std::string::npos);
  EXPECT_NE(failure_of([&] { shape_of(argument("f", {"n + 1"}), sizes.a); }).find("formula"),
            std::string::npos);
}

TEST(MatchArguments, RefusesWhatShapesDoNotTell) {
  const std::vector<ArgumentInfo> a = {argument("p", {"2"}), argument("q", {"2"})};
  const std::vector<ArgumentInfo> b = {argument("r", {"2"}), argument("s", {"2"})};
  const std::string message = failure_of([&] { match_arguments(a, b, "input", true); });
  EXPECT_NE(message.find("\"p\""), std::string::npos) << message;
  EXPECT_NE(message.find("\"r\" (float32 [2]), \"s\""), std::string::npos) << message;
  EXPECT_NE(failure_of([&] { match_arguments({a[0]}, b, "output", false); }), "");
  EXPECT_NE(failure_of([&] { match_arguments(a, {b[0]}, "output", false); }), "");
  EXPECT_NE(failure_of([&] { match_arguments({a[0]}, {argument("p", {"3"})}, "input", true); }),
            "");
  EXPECT_NE(failure_of([&] { match_arguments({a[0]}, {}, "input", true); }), "");
  EXPECT_TRUE(match_arguments({a[0]}, {}, "output", false).empty());
}

TEST(HostTensors, RoundToTheirTypes) {
  const std::vector<double> values = {0, 1, -2.75, 300, 1e30};
  const auto back = [&](ElementType type) {
    return to_doubles(from_doubles(type, {5}, values).view());
  };
  EXPECT_EQ(back(ElementType::kFloat64), values);
  EXPECT_EQ(back(ElementType::kInt8), (std::vector<double>{0, 1, -2, 127, 127}));
  EXPECT_EQ(back(ElementType::kUInt8), (std::vector<double>{0, 1, 0, 255, 255}));
  EXPECT_EQ(back(ElementType::kBool), (std::vector<double>{0, 1, 1, 1, 1}));
  EXPECT_EQ(back(ElementType::kInt64)[4], 9223372036854774784.0);
  EXPECT_TRUE(std::isinf(back(ElementType::kFloat16)[4]));
  EXPECT_EQ(back(ElementType::kBFloat16)[3], 300);
  EXPECT_EQ(narrower(ElementType::kFloat32, ElementType::kInt64), ElementType::kInt64);
  EXPECT_EQ(narrower(ElementType::kFloat16, ElementType::kFloat32), ElementType::kFloat16);
}

TEST(HostTensors, RandomOnesAreTheSameForTheSameSeedAndName) {
  const auto make = [](std::uint64_t seed, const std::string& name) {
    return to_doubles(random_tensor(ElementType::kFloat32, {1000}, seed, name).view());
  };
  EXPECT_EQ(make(1, "x"), make(1, "x"));
  EXPECT_NE(make(1, "x"), make(2, "x"));
  EXPECT_NE(make(1, "x"), make(1, "y"));
  double sum = 0;
  for (const double value : make(1, "x")) {
    EXPECT_TRUE(value >= 0 && value < 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 1000, 0.5, 0.05);
  for (const double value : to_doubles(random_tensor(ElementType::kInt64, {50}, 1, "i").view())) {
    EXPECT_TRUE(value == 0 || value == 1);
  }
}

}  // namespace
}  // namespace lasso::app
