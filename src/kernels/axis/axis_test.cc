#include "kernels/axis/axis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "kernels/kernel_test.h"
#include "lasso/error.h"

namespace lasso::kernels {
namespace {

using graph::ReduceKind;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The results of a kernel as bytes.
template <typename Problem>
std::vector<std::vector<std::uint8_t>> run(const Kernel<Problem>& kernel, const Problem& problem,
                                           int threads, const void* x,
                                           const std::vector<std::size_t>& result_bytes) {
  SCOPED_TRACE(kernel.label() + ", threads: " + std::to_string(threads));
  const TargetInfo target = test::test_target(threads);
  const Offer offer = ask(kernel, problem, target);
  EXPECT_TRUE(offer) << offer.reason;
  const ThreadLimit limit(threads);
  const test::Guarded workspace(offer.workspace_bytes);
  std::vector<test::Guarded> results;
  std::vector<void*> outputs;
  results.reserve(result_bytes.size());
  for (const std::size_t bytes : result_bytes) {
    results.emplace_back(bytes);
    outputs.push_back(results.back().data());
  }
  const void* inputs[] = {x};
  kernel.run(
      *kernel.create(problem, target, offer),
      {.inputs = inputs, .outputs = outputs, .packed = nullptr, .workspace = workspace.data()});
  EXPECT_TRUE(workspace.intact());
  std::vector<std::vector<std::uint8_t>> bytes;
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_TRUE(results[i].intact());
    const auto* begin = reinterpret_cast<const std::uint8_t*>(results[i].data());
    bytes.emplace_back(begin, begin + result_bytes[i]);
  }
  return bytes;
}

template <typename T>
std::vector<std::uint8_t> bytes_of(const std::vector<T>& values) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(values.data());
  return {begin, begin + values.size() * sizeof(T)};
}

// Every kernel, with one thread and two, gives these bytes.
template <typename Problem>
void check(const std::vector<Kernel<Problem>>& list, const Problem& problem, const void* x,
           const std::vector<std::vector<std::uint8_t>>& expected) {
  std::vector<std::size_t> sizes;
  for (const auto& bytes : expected) sizes.push_back(bytes.size());
  for (const Kernel<Problem>& kernel : list) {
    for (const int threads : {1, 2}) EXPECT_EQ(run(kernel, problem, threads, x, sizes), expected);
  }
}

template <typename T>
constexpr DType kTypeOf = std::is_same_v<T, float> ? DType::kF32 : DType::kI32;

// Few different numbers, so that many are equal.
template <typename T>
std::vector<T> small_numbers(std::int64_t count) {
  SplitMix64 random(static_cast<std::uint64_t>(count) + 9);
  std::vector<T> x(static_cast<std::size_t>(count));
  for (T& value : x) {
    value = static_cast<T>(random.below(17));
    value = value - static_cast<T>(8);
  }
  return x;
}

// The rows of x along the axis, and where each begins and how far apart its elements are.
struct Rows {
  Rows(const Dims& dims, std::int64_t axis) {
    for (std::size_t i = 0; i < dims.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      (at < axis ? outer : at > axis ? inner : count) *= dims[i];
    }
  }
  std::size_t at(std::int64_t o, std::int64_t k, std::int64_t i, std::int64_t length) const {
    return static_cast<std::size_t>((o * length + k) * inner + i);
  }
  std::int64_t outer = 1;
  std::int64_t count = 1;
  std::int64_t inner = 1;
};

// Pairs of a number and its position, in the order of the specification: NaN, then falling numbers,
// of equal ones the lower position first; or rising ones, and NaN last.
template <typename T>
std::vector<std::pair<T, std::int32_t>> in_order(std::vector<T> row, bool largest) {
  std::map<std::pair<double, std::int32_t>, T> sorted;
  for (std::size_t i = 0; i < row.size(); ++i) {
    double order = static_cast<double>(row[i]);
    if (std::isnan(order)) order = 1e300;
    if (std::isinf(order)) order = std::copysign(1e200, order);
    const auto position = static_cast<std::int32_t>(i);
    sorted[{largest ? -order : order, position}] = row[i];
  }
  std::vector<std::pair<T, std::int32_t>> result;
  for (const auto& [key, value] : sorted) result.emplace_back(value, key.second);
  return result;
}

template <typename T>
void check_top_k(const std::vector<T>& x, const Dims& dims, const graph::TopK& op) {
  SCOPED_TRACE(to_string(dims) + " " + graph::attributes(op));
  const Rows rows(dims, op.axis);
  const std::int64_t k = op.k.constant();
  std::vector<T> values(static_cast<std::size_t>(rows.outer * k * rows.inner));
  std::vector<std::int32_t> indices(values.size());
  for (std::int64_t o = 0; o < rows.outer; ++o) {
    for (std::int64_t i = 0; i < rows.inner; ++i) {
      std::vector<T> row;
      for (std::int64_t n = 0; n < rows.count; ++n) row.push_back(x[rows.at(o, n, i, rows.count)]);
      const auto sorted = in_order(row, op.largest);
      for (std::int64_t n = 0; n < k; ++n) {
        const auto& [value, position] = sorted[static_cast<std::size_t>(n)];
        values[rows.at(o, n, i, k)] = value;
        indices[rows.at(o, n, i, k)] = position;
      }
    }
  }
  check(top_k_kernels(), make_top_k_problem(op, dims, kTypeOf<T>), x.data(),
        {bytes_of(values), bytes_of(indices)});
}

TEST(TopK, OfAnyAxis) {
  for (const bool largest : {true, false}) {
    for (const auto& [dims, axis] : {std::pair{Dims{1}, 0},
                                     {Dims{37}, 0},
                                     {Dims{5, 40}, 1},
                                     {Dims{40, 5}, 0},
                                     {Dims{3, 20, 4}, 1},
                                     {Dims{0, 4}, 1}}) {
      const std::int64_t size = dims[static_cast<std::size_t>(axis)];
      for (const std::int64_t k : {std::int64_t{1}, (size + 1) / 2, size}) {
        const graph::TopK op{.axis = axis, .k = k, .largest = largest};
        check_top_k(small_numbers<float>(element_count(dims)), dims, op);
        check_top_k(small_numbers<std::int32_t>(element_count(dims)), dims, op);
      }
    }
  }
  test::Random random(4);
  check_top_k(random.vector(2 * 8400), {2, 8400}, {.axis = 1, .k = 300});
}

TEST(TopK, SpecialNumbers) {
  const std::vector<float> x{-0.0F, 0.0F, kNan, kInfinity, -kInfinity, 1.0F, -kNan, 0.0F};
  for (const bool largest : {true, false}) {
    for (std::int64_t k = 1; k <= 8; ++k) {
      check_top_k(x, {8}, {.axis = 0, .k = k, .largest = largest});
    }
  }
  check_top_k<std::int32_t>({INT32_MIN, INT32_MAX, 0, -1, INT32_MIN}, {5}, {.axis = 0, .k = 5});
}

template <typename T>
void check_arg_reduce(const std::vector<T>& x, const Dims& dims, const graph::ArgReduce& op) {
  SCOPED_TRACE(to_string(dims) + " " + graph::attributes(op));
  const Rows rows(dims, op.axis);
  const bool largest = op.kind == ReduceKind::kMax;
  std::vector<std::int32_t> expected;
  for (std::int64_t o = 0; o < rows.outer; ++o) {
    for (std::int64_t i = 0; i < rows.inner; ++i) {
      std::vector<T> row;
      for (std::int64_t n = 0; n < rows.count; ++n) row.push_back(x[rows.at(o, n, i, rows.count)]);
      // NaN is what NumPy's argmax and argmin find.
      auto is_nan = [](T value) { return value != value; };
      auto best = std::find_if(row.begin(), row.end(), is_nan);
      if (best == row.end()) {
        best = largest ? std::max_element(row.begin(), row.end())
                       : std::min_element(row.begin(), row.end());
      }
      auto position = best - row.begin();
      for (auto n = position; op.last && n < static_cast<std::ptrdiff_t>(row.size()); ++n) {
        const T value = row[static_cast<std::size_t>(n)];
        if (value == *best || (is_nan(value) && is_nan(*best))) position = n;
      }
      expected.push_back(static_cast<std::int32_t>(position));
    }
  }
  check(arg_reduce_kernels(), make_arg_reduce_problem(op, dims, kTypeOf<T>), x.data(),
        {bytes_of(expected)});
}

TEST(ArgReduce, OfAnyAxis) {
  for (const ReduceKind kind : {ReduceKind::kMax, ReduceKind::kMin}) {
    for (const bool last : {false, true}) {
      for (const auto& [dims, axis] : {std::pair{Dims{1}, 0},
                                       {Dims{37}, 0},
                                       {Dims{5, 40}, 1},
                                       {Dims{40, 5}, 0},
                                       {Dims{3, 20, 4}, 1},
                                       {Dims{0, 4}, 1},
                                       {Dims{200, 80}, 1}}) {
        const graph::ArgReduce op{.kind = kind, .axis = axis, .keep = true, .last = last};
        check_arg_reduce(small_numbers<float>(element_count(dims)), dims, op);
        check_arg_reduce(small_numbers<std::int32_t>(element_count(dims)), dims, op);
      }
      const graph::ArgReduce op{.kind = kind, .axis = 0, .keep = false, .last = last};
      check_arg_reduce<float>({1.0F, kNan, kInfinity, kNan, -kInfinity}, {5}, op);
      check_arg_reduce<float>({-0.0F, 0.0F, -0.0F}, {3}, op);
      check_arg_reduce<float>({kInfinity, -kInfinity, kInfinity, -kInfinity}, {4}, op);
      check_arg_reduce<std::int32_t>({0, INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX}, {5}, op);
    }
  }
}

template <typename T>
void check_cum_sum(const std::vector<T>& x, const Dims& dims, const graph::CumSum& op) {
  SCOPED_TRACE(to_string(dims) + " " + graph::attributes(op));
  const Rows rows(dims, op.axis);
  std::vector<T> expected(x.size());
  for (std::int64_t o = 0; o < rows.outer; ++o) {
    for (std::int64_t i = 0; i < rows.inner; ++i) {
      for (std::int64_t n = 0; n < rows.count; ++n) {
        // Of small integers, which no addition rounds.
        double sum = 0;
        for (std::int64_t m = 0; m < rows.count; ++m) {
          const bool is_before = op.reverse ? m > n : m < n;
          if (is_before || (m == n && !op.exclusive)) sum += x[rows.at(o, m, i, rows.count)];
        }
        expected[rows.at(o, n, i, rows.count)] = static_cast<T>(sum);
      }
    }
  }
  check(cum_sum_kernels(), make_cum_sum_problem(op, dims, kTypeOf<T>), x.data(),
        {bytes_of(expected)});
}

TEST(CumSum, OfAnyAxis) {
  for (const bool exclusive : {false, true}) {
    for (const bool reverse : {false, true}) {
      for (const auto& [dims, axis] : {std::pair{Dims{1}, 0},
                                       {Dims{37}, 0},
                                       {Dims{5, 40}, 1},
                                       {Dims{40, 5}, 0},
                                       {Dims{3, 20, 4}, 1},
                                       {Dims{0, 4}, 1}}) {
        const graph::CumSum op{.axis = axis, .exclusive = exclusive, .reverse = reverse};
        check_cum_sum(small_numbers<float>(element_count(dims)), dims, op);
        check_cum_sum(small_numbers<std::int32_t>(element_count(dims)), dims, op);
      }
    }
  }
}

TEST(CumSum, IntegersWrapAround) {
  const std::vector<std::int32_t> x{INT32_MAX, 1, -1, INT32_MIN};
  const std::vector<std::int32_t> y{INT32_MAX, INT32_MIN, INT32_MAX, -1};
  check(cum_sum_kernels(), make_cum_sum_problem({}, {4}, DType::kI32), x.data(), {bytes_of(y)});
}

TEST(Axis, RefusesWhatHasNoAnswer) {
  EXPECT_THROW(make_arg_reduce_problem({.axis = 1}, {3, 0}, DType::kF32), Error);
  EXPECT_THROW(make_top_k_problem({.axis = 0, .k = 4}, {3}, DType::kF32), Error);
  EXPECT_NO_THROW(make_arg_reduce_problem({.axis = 1}, {0, 0}, DType::kF32));
}

}  // namespace
}  // namespace lasso::kernels
