#include "kernels/indices/indices.h"

#include <functional>
#include <map>
#include <string>

#include "kernels/kernel_test.h"
#include "lasso/error.h"

namespace lasso::kernels {
namespace {

using graph::Reduction;

constexpr Reduction kReductions[] = {Reduction::kNone, Reduction::kAdd, Reduction::kMul,
                                     Reduction::kMax, Reduction::kMin};

// Every kernel of the list, with one thread and two, gives the elements that are expected.
template <typename T, typename Problem>
void check(const std::vector<Kernel<Problem>>& list, const Problem& problem,
           const std::vector<const void*>& inputs, const std::vector<T>& expected) {
  for (const Kernel<Problem>& kernel : list) {
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(kernel.label() + ", threads: " + std::to_string(threads));
      const TargetInfo target = test::test_target(threads);
      const Offer offer = ask(kernel, problem, target);
      ASSERT_TRUE(offer) << offer.reason;
      const ThreadLimit limit(threads);
      const test::Guarded y(expected.size() * sizeof(T));
      void* outputs[] = {y.data()};
      kernel.run(*kernel.create(problem, target, offer), {.inputs = inputs, .outputs = outputs});
      const auto* begin = reinterpret_cast<const T*>(y.data());
      EXPECT_EQ(std::vector<T>(begin, begin + expected.size()), expected);
      EXPECT_TRUE(y.intact());
    }
  }
}

// A tensor as a map of positions: what the specification in op_indices.h speaks of.
template <typename T>
using Elements = std::map<Dims, T>;

void for_positions(const Dims& dims, const std::function<void(const Dims&)>& f) {
  Dims position(dims.size(), 0);
  for (std::int64_t i = 0; i < element_count(dims); ++i) {
    f(position);
    for (std::size_t d = dims.size(); d-- > 0;) {
      if (++position[d] < dims[d]) break;
      position[d] = 0;
    }
  }
}

template <typename T>
Elements<T> elements_of(const Dims& dims, const std::vector<T>& values) {
  Elements<T> elements;
  std::size_t i = 0;
  for_positions(dims, [&](const Dims& position) { elements[position] = values.at(i++); });
  return elements;
}

// In row-major order, as a map of positions sorts them.
template <typename T>
std::vector<T> values_of(const Elements<T>& elements) {
  std::vector<T> values;
  for (const auto& [position, value] : elements) values.push_back(value);
  return values;
}

template <typename T>
std::vector<T> numbers(const Dims& dims) {
  std::vector<T> values;
  for (std::int64_t i = 0; i < element_count(dims); ++i) {
    values.push_back(static_cast<T>((i * 37 + 11) % 101 - 50));
  }
  return values;
}

// From two before the first row to one behind the last: -rows - 2 to rows.
std::vector<std::int32_t> some_indices(const Dims& dims, std::int64_t rows, std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<std::int32_t> index;
  for (std::int64_t i = 0; i < element_count(dims); ++i) {
    index.push_back(static_cast<std::int32_t>(
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(2 * rows + 3))) - rows -
        2));
  }
  return index;
}

std::int64_t row_of(std::int64_t index, std::int64_t rows) {
  if (index < 0) index += rows;
  return std::min(std::max<std::int64_t>(index, 0), rows - 1);
}

template <typename T>
void check_gather_elements(const Dims& dims, const Dims& index_dims, std::int64_t axis) {
  SCOPED_TRACE(to_string(dims) + " at " + to_string(index_dims));
  const auto at = static_cast<std::size_t>(axis);
  const auto x = numbers<T>(dims);
  const auto index = some_indices(index_dims, dims[at], 3);
  const auto elements = elements_of(dims, x);
  Elements<T> expected;
  for (const auto& [position, i] : elements_of(index_dims, index)) {
    Dims from = position;
    from[at] = row_of(i, dims[at]);
    expected[position] = elements.at(from);
  }
  const auto dtype = sizeof(T) == 8 ? DType::kI64 : sizeof(T) == 4 ? DType::kF32 : DType::kU8;
  check(gather_elements_kernels(),
        make_gather_elements_problem({.axis = axis}, dims, index_dims, dtype),
        {x.data(), index.data()}, values_of(expected));
}

TEST(GatherElements, AlongEveryAxis) {
  check_gather_elements<float>({5}, {9}, 0);
  check_gather_elements<float>({3, 4, 5}, {7, 4, 5}, 0);
  check_gather_elements<float>({3, 4, 5}, {2, 1, 4}, 0);
  check_gather_elements<float>({3, 4, 5}, {3, 9, 2}, 1);
  check_gather_elements<std::int64_t>({3, 4, 5}, {3, 4, 6}, 2);
  check_gather_elements<std::uint8_t>({2, 3, 1, 4, 2}, {2, 2, 1, 6, 1}, 3);
  check_gather_elements<float>({40, 50}, {40, 70}, 1);
  check_gather_elements<float>({3, 4}, {0, 4}, 0);
  check_gather_elements<float>({3, 4}, {3, 0}, 0);
}

void check_gather_nd(const Dims& dims, const Dims& index_dims, std::int64_t batch_dims) {
  SCOPED_TRACE(to_string(dims) + " at " + to_string(index_dims));
  const auto batch = static_cast<std::size_t>(batch_dims);
  const auto length = static_cast<std::size_t>(index_dims.back());
  const auto x = numbers<float>(dims);
  const auto index = some_indices(index_dims, *std::max_element(dims.begin(), dims.end()), 4);
  const auto indices = elements_of(index_dims, index);
  Dims y_dims(index_dims.begin(), index_dims.end() - 1);
  y_dims.insert(y_dims.end(), dims.begin() + static_cast<std::ptrdiff_t>(batch + length),
                dims.end());
  const auto elements = elements_of(dims, x);
  Elements<float> expected;
  for_positions(y_dims, [&](const Dims& position) {
    Dims from(position.begin(), position.begin() + batch_dims);
    Dims tuple(position.begin(),
               position.begin() + static_cast<std::ptrdiff_t>(index_dims.size()) - 1);
    tuple.push_back(0);
    for (std::size_t k = 0; k < length; ++k) {
      tuple.back() = static_cast<std::int64_t>(k);
      from.push_back(row_of(indices.at(tuple), dims[batch + k]));
    }
    from.insert(from.end(), position.begin() + static_cast<std::ptrdiff_t>(index_dims.size()) - 1,
                position.end());
    expected[position] = elements.at(from);
  });
  check(gather_nd_kernels(),
        make_gather_nd_problem({.batch_dims = batch_dims}, dims, index_dims, DType::kF32),
        {x.data(), index.data()}, values_of(expected));
}

TEST(GatherNd, TuplesNameSlices) {
  check_gather_nd({6}, {4, 1}, 0);
  check_gather_nd({6, 5}, {4, 1}, 0);
  check_gather_nd({6, 5}, {4, 2}, 0);
  check_gather_nd({6, 5, 3}, {2, 4, 2}, 0);
  check_gather_nd({6, 5, 3}, {3}, 0);
  check_gather_nd({2, 6, 5, 3}, {2, 4, 2}, 1);
  check_gather_nd({2, 3, 5, 4}, {2, 3, 1}, 2);
  check_gather_nd({2, 3, 5, 4}, {2, 3, 7, 2}, 2);
  check_gather_nd({50, 60, 4}, {3000, 2}, 0);
  check_gather_nd({6, 5}, {0, 2}, 0);
}

template <typename T>
T reduced(Reduction reduction, T y, T update) {
  switch (reduction) {
    case Reduction::kNone:
      break;
    case Reduction::kAdd:
      return static_cast<T>(y + update);
    case Reduction::kMul:
      return static_cast<T>(y * update);
    case Reduction::kMax:
      return std::max(y, update);
    case Reduction::kMin:
      return std::min(y, update);
  }
  return update;
}

template <typename T>
void check_scatter_elements(DType dtype, Reduction reduction, const Dims& dims,
                            const Dims& index_dims, std::int64_t axis) {
  SCOPED_TRACE(to_string(dims) + " at " + to_string(index_dims));
  const auto at = static_cast<std::size_t>(axis);
  const auto x = numbers<T>(dims);
  auto updates = numbers<T>(index_dims);
  for (T& update : updates) update = static_cast<T>(update / 16);
  const auto index = some_indices(index_dims, dims[at], 5);
  auto y = elements_of(dims, x);
  const auto indices = elements_of(index_dims, index);
  for (const auto& [position, update] : elements_of(index_dims, updates)) {
    Dims to = position;
    to[at] = row_of(indices.at(position), dims[at]);
    y[to] = reduced(reduction, y.at(to), update);
  }
  check(scatter_elements_kernels(),
        make_scatter_elements_problem({.axis = axis, .reduction = reduction}, dims, index_dims,
                                      dtype),
        {x.data(), index.data(), updates.data()}, values_of(y));
}

TEST(ScatterElements, AlongEveryAxis) {
  for (const Reduction reduction : kReductions) {
    check_scatter_elements<float>(DType::kF32, reduction, {5}, {9}, 0);
    check_scatter_elements<float>(DType::kF32, reduction, {3, 4, 5}, {6, 4, 5}, 0);
    check_scatter_elements<float>(DType::kF32, reduction, {3, 4, 5}, {2, 3, 4}, 1);
    check_scatter_elements<std::int32_t>(DType::kI32, reduction, {3, 4, 5}, {3, 1, 9}, 2);
    check_scatter_elements<std::int32_t>(DType::kI32, reduction, {40, 50}, {40, 80}, 1);
    check_scatter_elements<float>(DType::kF32, reduction, {3, 4}, {0, 4}, 0);
    check_scatter_elements<float>(DType::kF32, reduction, {0, 4}, {0, 4}, 1);
  }
  check_scatter_elements<std::uint8_t>(DType::kBool, Reduction::kNone, {3, 4}, {3, 7}, 1);
  check_scatter_elements<std::uint16_t>(DType::kF16, Reduction::kNone, {3, 4}, {3, 7}, 1);
  check_scatter_elements<std::int64_t>(DType::kI64, Reduction::kNone, {3, 4}, {3, 7}, 1);
}

template <typename T>
void check_scatter_nd(DType dtype, Reduction reduction, const Dims& dims, const Dims& index_dims) {
  SCOPED_TRACE(to_string(dims) + " at " + to_string(index_dims));
  const auto length = static_cast<std::size_t>(index_dims.back());
  const auto x = numbers<T>(dims);
  const auto index = some_indices(index_dims, dims[0], 6);
  Dims update_dims(index_dims.begin(), index_dims.end() - 1);
  const std::size_t tuple_rank = update_dims.size();
  update_dims.insert(update_dims.end(), dims.begin() + index_dims.back(), dims.end());
  auto updates = numbers<T>(update_dims);
  for (T& update : updates) update = static_cast<T>(update / 16);
  auto y = elements_of(dims, x);
  const auto indices = elements_of(index_dims, index);
  for (const auto& [position, update] : elements_of(update_dims, updates)) {
    Dims tuple(position.begin(), position.begin() + static_cast<std::ptrdiff_t>(tuple_rank));
    tuple.push_back(0);
    Dims to;
    for (std::size_t k = 0; k < length; ++k) {
      tuple.back() = static_cast<std::int64_t>(k);
      to.push_back(row_of(indices.at(tuple), dims[k]));
    }
    to.insert(to.end(), position.begin() + static_cast<std::ptrdiff_t>(tuple_rank), position.end());
    y[to] = reduced(reduction, y.at(to), update);
  }
  check(scatter_nd_kernels(),
        make_scatter_nd_problem({.reduction = reduction}, dims, index_dims, dtype),
        {x.data(), index.data(), updates.data()}, values_of(y));
}

TEST(ScatterNd, TuplesNameSlices) {
  for (const Reduction reduction : kReductions) {
    check_scatter_nd<float>(DType::kF32, reduction, {6}, {9, 1});
    check_scatter_nd<float>(DType::kF32, reduction, {6, 5}, {9, 1});
    check_scatter_nd<float>(DType::kF32, reduction, {4, 5, 3}, {2, 4, 2});
    check_scatter_nd<std::int32_t>(DType::kI32, reduction, {4, 5, 3}, {20, 3});
    check_scatter_nd<std::int32_t>(DType::kI32, reduction, {4, 30, 30}, {7, 1});
    check_scatter_nd<float>(DType::kF32, reduction, {4, 5}, {0, 1});
  }
  check_scatter_nd<std::uint8_t>(DType::kBool, Reduction::kNone, {4, 5}, {7, 1});
  check_scatter_nd<std::int64_t>(DType::kI64, Reduction::kNone, {4, 5}, {7, 2});
}

TEST(Scatter, IntegersWrapAroundAndNotANumberWins) {
  const std::vector<std::int32_t> index{0, 1, 2};
  const std::vector<std::int32_t> x{INT32_MAX, INT32_MIN, 65536};
  const std::vector<std::int32_t> updates{1, -1, 65536};
  check(scatter_nd_kernels(),
        make_scatter_nd_problem({.reduction = Reduction::kAdd}, {3}, {3, 1}, DType::kI32),
        {x.data(), index.data(), updates.data()},
        std::vector<std::int32_t>{INT32_MIN, INT32_MAX, 131072});
  check(scatter_nd_kernels(),
        make_scatter_nd_problem({.reduction = Reduction::kMul}, {3}, {3, 1}, DType::kI32),
        {x.data(), index.data(), updates.data()},
        std::vector<std::int32_t>{INT32_MAX, INT32_MIN, 0});
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> a{kNan, 1.0F, 2.0F};
  const std::vector<float> b{1.0F, kNan, 3.0F};
  for (const Reduction reduction : {Reduction::kMax, Reduction::kMin}) {
    const auto p = make_scatter_nd_problem({.reduction = reduction}, {3}, {3, 1}, DType::kF32);
    std::vector<float> y(3);
    const void* inputs[] = {a.data(), index.data(), b.data()};
    void* outputs[] = {y.data()};
    kScatterNdRef.run(*kScatterNdRef.create(p, test::test_target(1), {}),
                      {.inputs = inputs, .outputs = outputs});
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
    EXPECT_EQ(y[2], reduction == Reduction::kMax ? 3.0F : 2.0F);
  }
}

TEST(Indices, AnyNumberStaysInside) {
  const std::vector<float> x{1, 2, 3};
  const std::vector<std::int32_t> index{INT32_MIN, INT32_MAX, -3, -4, 2, 3};
  const std::vector<float> expected{1, 3, 1, 1, 3, 3};
  check(gather_elements_kernels(), make_gather_elements_problem({.axis = 0}, {3}, {6}, DType::kF32),
        {x.data(), index.data()}, expected);
  check(gather_nd_kernels(), make_gather_nd_problem({}, {3}, {6, 1}, DType::kF32),
        {x.data(), index.data()}, expected);
}

TEST(Indices, RefusesWhatDoesNotFit) {
  EXPECT_THROW(make_gather_elements_problem({.axis = 0}, {3, 4}, {3, 5}, DType::kF32), Error);
  EXPECT_THROW(make_gather_elements_problem({.axis = 0}, {3, 4}, {3}, DType::kF32), Error);
  EXPECT_THROW(make_gather_elements_problem({.axis = 1}, {3, 0}, {3, 1}, DType::kF32), Error);
  EXPECT_THROW(make_gather_nd_problem({.batch_dims = 1}, {3, 4}, {2, 1}, DType::kF32), Error);
  EXPECT_THROW(make_gather_nd_problem({.batch_dims = 1}, {3, 4}, {3, 2}, DType::kF32), Error);
  EXPECT_THROW(make_gather_nd_problem({}, {0, 4}, {2, 1}, DType::kF32), Error);
  EXPECT_THROW(make_scatter_nd_problem({}, {3}, {4, 2}, DType::kF32), Error);
  const auto p = make_scatter_nd_problem({.reduction = Reduction::kAdd}, {3}, {4, 1}, DType::kBool);
  EXPECT_FALSE(ask(kScatterNdRef, p, test::test_target(1)));
}

}  // namespace
}  // namespace lasso::kernels
