#include "kernels/layout/layout.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <numeric>

#include "backend/test_target.h"
#include "core/threads.h"
#include "lasso/error.h"

namespace lasso::kernels {
namespace {

// Runs every kernel of the list with one thread and two, and checks the result with `expected`.
template <typename T, typename Problem>
void check(const std::vector<Kernel<Problem>>& list, const Problem& problem,
           const std::vector<const void*>& inputs, const std::vector<T>& expected) {
  for (const Kernel<Problem>& kernel : list) {
    for (const int threads : {1, 2}) {
      const TargetInfo target = backend::test_target(threads);
      const Offer offer = ask(kernel, problem, target);
      if (!offer) continue;
      SCOPED_TRACE(kernel.label());
      const ThreadLimit limit(threads);
      ASSERT_EQ(offer.workspace_bytes, 0U);
      constexpr std::size_t kGuard = 64;
      std::vector<T> y(expected.size() + 2 * kGuard);
      std::memset(y.data(), 0xA5, y.size() * sizeof(T));
      const std::vector<T> guard(y.begin(), y.begin() + kGuard);
      void* outputs[] = {y.data() + kGuard};
      kernel.run(*kernel.create(problem, target, offer), {.inputs = inputs, .outputs = outputs});
      EXPECT_EQ(std::vector<T>(y.begin() + kGuard, y.end() - kGuard), expected);
      EXPECT_EQ(std::vector<T>(y.begin(), y.begin() + kGuard), guard);
      EXPECT_EQ(std::vector<T>(y.end() - kGuard, y.end()), guard);
    }
  }
}

template <typename T>
std::vector<T> numbers(const Dims& dims) {
  std::vector<T> values(static_cast<std::size_t>(element_count(dims)));
  std::iota(values.begin(), values.end(), T{1});
  return values;
}

// Calls f(position) for every position of `dims`, in row-major order.
template <typename F>
void for_positions(const Dims& dims, const F& f) {
  Dims position(dims.size(), 0);
  for (std::int64_t i = 0; i < element_count(dims); ++i) {
    f(position);
    for (std::size_t d = dims.size(); d-- > 0;) {
      if (++position[d] < dims[d]) break;
      position[d] = 0;
    }
  }
}

std::size_t offset(const Dims& dims, const Dims& position) {
  std::int64_t result = 0;
  for (std::size_t d = 0; d < dims.size(); ++d) result = result * dims[d] + position[d];
  return static_cast<std::size_t>(result);
}

template <typename T>
void check_transpose(const Dims& dims, const std::vector<std::int64_t>& permutation) {
  SCOPED_TRACE(to_string(dims) + " by " + to_string(permutation));
  const auto x = numbers<T>(dims);
  Dims y_dims;
  for (const std::int64_t from : permutation) {
    y_dims.push_back(dims[static_cast<std::size_t>(from)]);
  }
  std::vector<T> expected;
  for_positions(y_dims, [&](const Dims& position) {
    Dims source(dims.size());
    for (std::size_t i = 0; i < dims.size(); ++i) {
      source[static_cast<std::size_t>(permutation[i])] = position[i];
    }
    expected.push_back(x[offset(dims, source)]);
  });
  check(copy_kernels(), make_transpose_problem(dims, sizeof(T), permutation), {x.data()}, expected);
}

TEST(Copy, Transposes) {
  check_transpose<float>({5}, {0});
  check_transpose<float>({7, 9}, {1, 0});
  check_transpose<float>({64, 100}, {1, 0});
  check_transpose<float>({2, 17, 33}, {0, 2, 1});
  check_transpose<float>({3, 4, 5, 6}, {0, 3, 1, 2});
  check_transpose<float>({3, 4, 5, 6}, {0, 2, 3, 1});
  check_transpose<float>({3, 4, 5, 6}, {2, 0, 3, 1});
  check_transpose<float>({2, 20, 3, 16}, {0, 2, 1, 3});
  check_transpose<float>({1, 40, 1, 24}, {3, 0, 1, 2});
  check_transpose<std::int64_t>({7, 9}, {1, 0});
  check_transpose<std::int64_t>({70, 90}, {1, 0});
  check_transpose<float>({2, 130, 3, 16}, {0, 3, 2, 1});
  check_transpose<float>({33, 40, 4}, {1, 0, 2});
  check_transpose<std::uint16_t>({3, 65, 131}, {0, 2, 1});
  check_transpose<std::uint8_t>({17, 200}, {1, 0});
  check_transpose<std::uint16_t>({20, 3, 10}, {2, 1, 0});
  check_transpose<std::uint8_t>({5, 6, 7}, {1, 2, 0});
  check_transpose<float>({0, 6}, {1, 0});
  // An image's channels, behind the pixels and before them, also where threads divide the pixels.
  for (const std::int64_t channels : {2, 3, 4, 5, 11, 12}) {
    for (const std::int64_t pixels : {8, 63, 77, 4096, 9001}) {
      check_transpose<float>({pixels, channels}, {1, 0});
      check_transpose<float>({channels, pixels}, {1, 0});
    }
  }
}

TEST(Copy, Slices) {
  const Dims dims{3, 10, 7};
  const auto x = numbers<float>(dims);
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    const std::int64_t size = dims[static_cast<std::size_t>(axis)];
    for (std::int64_t begin = 0; begin <= size; ++begin) {
      for (std::int64_t end = begin; end <= size; ++end) {
        Dims y_dims = dims;
        y_dims[static_cast<std::size_t>(axis)] = end - begin;
        std::vector<float> expected;
        for_positions(y_dims, [&](Dims position) {
          position[static_cast<std::size_t>(axis)] += begin;
          expected.push_back(x[offset(dims, position)]);
        });
        check(copy_kernels(), make_slice_problem(dims, sizeof(float), axis, begin, end), {x.data()},
              expected);
      }
    }
  }
}

// Each element of Python's range(begin, end, step).
template <typename T>
void check_steps(const Dims& dims, std::int64_t axis, std::int64_t begin, std::int64_t end,
                 std::int64_t step) {
  SCOPED_TRACE(to_string(dims) + " along " + std::to_string(axis) + ", " + std::to_string(begin) +
               ":" + std::to_string(end) + ":" + std::to_string(step));
  const auto at = static_cast<std::size_t>(axis);
  const auto x = numbers<T>(dims);
  std::vector<std::int64_t> taken;
  for (std::int64_t i = begin; step > 0 ? i < end : i > end; i += step) taken.push_back(i);
  Dims y_dims = dims;
  y_dims[at] = static_cast<std::int64_t>(taken.size());
  std::vector<T> expected;
  for_positions(y_dims, [&](Dims position) {
    position[at] = taken[static_cast<std::size_t>(position[at])];
    expected.push_back(x[offset(dims, position)]);
  });
  check(copy_kernels(), make_slice_problem(dims, sizeof(T), axis, begin, end, step), {x.data()},
        expected);
}

TEST(Copy, SlicesWithSteps) {
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    for (const std::int64_t step : {1, 2, 3, 7, 100}) {
      for (const std::int64_t begin : {0, 1, 6}) {
        check_steps<float>({8, 9, 7}, axis, begin, 7, step);
        check_steps<float>({8, 9, 7}, axis, begin, -1, -step);
        check_steps<std::uint8_t>({8, 9, 7}, axis, begin, 6, step);
        check_steps<std::uint8_t>({8, 9, 7}, axis, begin, 0, -step);
      }
    }
  }
  check_steps<float>({2, 640, 640, 3}, 1, 0, 640, 2);
  check_steps<float>({2, 640, 640, 3}, 2, 1, 640, 2);
  check_steps<float>({300, 400}, 0, 299, -1, -1);
  check_steps<std::uint16_t>({300, 400}, 1, 399, -1, -1);
  check_steps<std::int64_t>({65, 1}, 0, 64, 3, -5);
  check_steps<float>({5, 0}, 0, 4, -1, -1);
}

TEST(Copy, RefusesSlicesBeyondTheInput) {
  for (const auto& [begin, end, step] : {std::array<std::int64_t, 3>{0, 6, 2},
                                         {-1, 3, 1},
                                         {3, 2, 1},
                                         {5, -1, -1},
                                         {4, -2, -1},
                                         {1, 2, -1},
                                         {0, 5, 0}}) {
    EXPECT_THROW(make_slice_problem({5}, 4, 0, begin, end, step), Error)
        << begin << ":" << end << ":" << step;
  }
}

TEST(Copy, Expands) {
  const auto check_expand = [](const Dims& x_dims, const Dims& y_dims) {
    SCOPED_TRACE(to_string(x_dims) + " to " + to_string(y_dims));
    const auto x = numbers<float>(x_dims);
    std::vector<float> expected;
    for_positions(y_dims, [&](const Dims& position) {
      Dims source(position.end() - static_cast<std::ptrdiff_t>(x_dims.size()), position.end());
      for (std::size_t i = 0; i < source.size(); ++i) {
        if (x_dims[i] == 1) source[i] = 0;
      }
      expected.push_back(x[offset(x_dims, source)]);
    });
    check(copy_kernels(), make_expand_problem(x_dims, sizeof(float), y_dims), {x.data()}, expected);
  };
  check_expand({}, {3, 2});
  check_expand({1}, {17});
  check_expand({5}, {3, 5});
  check_expand({1, 64, 3}, {4, 64, 3});
  check_expand({1, 1, 256}, {1, 4096, 256});
  check_expand({2, 1, 3, 1}, {2, 5, 3, 7});
  check_expand({3, 4}, {3, 4});
  check_expand({2, 1, 2, 1, 2, 1, 2, 1, 2, 1}, {2, 2, 2, 2, 2, 2, 2, 2, 2, 3});
}

TEST(Concat, AlongEveryAxis) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    std::vector<Dims> dims(3, Dims{3, 4, 5});
    dims[1][axis] = 1;
    dims[2][axis] = 6;
    Dims y_dims = dims[0];
    y_dims[axis] += 1 + 6;
    ConcatProblem problem;
    std::vector<std::vector<float>> x;
    std::vector<const void*> inputs;
    problem.outer = axis == 0 ? 1 : axis == 1 ? 3 : 12;
    for (const Dims& d : dims) {
      x.push_back(numbers<float>(d));
      for (float& value : x.back()) value += 1000.0F * static_cast<float>(x.size());
      problem.bytes.push_back(element_count(d) / problem.outer * 4);
    }
    for (const auto& values : x) inputs.push_back(values.data());
    std::vector<float> expected;
    for_positions(y_dims, [&](Dims position) {
      std::size_t i = 0;
      for (; position[axis] >= dims[i][axis]; ++i) position[axis] -= dims[i][axis];
      expected.push_back(x[i][offset(dims[i], position)]);
    });
    check(concat_kernels(), problem, inputs, expected);
  }
}

TEST(Concat, ManyPieces) {
  constexpr std::int64_t kOuter = 5;
  ConcatProblem problem{.outer = kOuter, .bytes = {}};
  std::vector<std::vector<float>> x;
  std::vector<const void*> inputs;
  for (std::int64_t i = 0; i < 19; ++i) {
    x.push_back(numbers<float>({kOuter, i % 7}));
    for (float& value : x.back()) value += 100.0F * static_cast<float>(i);
    problem.bytes.push_back(i % 7 * 4);
  }
  for (const auto& values : x) inputs.push_back(values.data());
  std::vector<float> expected;
  for (std::int64_t row = 0; row < kOuter; ++row) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::int64_t size = problem.bytes[i] / 4;
      expected.insert(expected.end(), x[i].begin() + row * size, x[i].begin() + (row + 1) * size);
    }
  }
  check(concat_kernels(), problem, inputs, expected);
}

TEST(Concat, LargePieces) {
  const auto a = numbers<float>({100'000});
  const auto b = numbers<float>({1});
  std::vector<float> expected = a;
  expected.insert(expected.end(), b.begin(), b.end());
  check(concat_kernels(), ConcatProblem{.outer = 1, .bytes = {400'000, 4}}, {a.data(), b.data()},
        expected);
}

TEST(Gather, RowsWithOffset) {
  const auto table = numbers<float>({4, 6});
  const std::vector<std::int32_t> index{-1, 2, 0, 0, 1};
  std::vector<float> expected;
  for (const std::int32_t i : index) {
    const auto row = static_cast<std::size_t>(i + 1) * 6;
    for (std::size_t j = 0; j < 6; ++j) expected.push_back(table[row + j]);
  }
  check(gather_kernels(), GatherProblem{.count = 5, .rows = 4, .row_bytes = 24, .offset = 1},
        {table.data(), index.data()}, expected);
}

// The caller checks indices; should one slip through, nothing outside the table is read.
TEST(Gather, NeverReadsOutsideTheTable) {
  const auto table = numbers<float>({2, 1});
  const std::vector<std::int32_t> index{-2'000'000'000, 2'000'000'000};
  check(gather_kernels(), GatherProblem{.count = 2, .rows = 2, .row_bytes = 4, .offset = 0},
        {table.data(), index.data()}, std::vector<float>{1.0F, 2.0F});
}

TEST(Gather, AlongAnAxis) {
  const Dims dims{3, 5, 7};
  const auto table = numbers<float>(dims);
  const std::vector<std::int32_t> index{4, 0, -1, 2, -5, 4, 9, -9};  // the last two are outside
  const std::vector<std::int64_t> rows{4, 0, 4, 2, 0, 4, 4, 0};
  std::vector<float> expected;
  for_positions({3, 8, 7}, [&](Dims position) {
    position[1] = rows[static_cast<std::size_t>(position[1])];
    expected.push_back(table[offset(dims, position)]);
  });
  Call call{.op = graph::Gather{.offset = 0, .axis = 1, .wrap = true},
            .inputs = {{.present = true, .dtype = DType::kF32, .dims = dims, .constant = false},
                       {.present = true, .dtype = DType::kI32, .dims = {8}, .constant = false}},
            .outputs = {}};
  const GatherProblem p{
      .outer = 3, .count = 8, .rows = 5, .row_bytes = 28, .offset = 0, .wrap = true};
  check(gather_kernels(), p, {table.data(), index.data()}, expected);
  const Offer offer = gather_family().ask(0, call, {});
  std::vector<float> y(expected.size());
  const void* inputs[] = {table.data(), index.data()};
  void* outputs[] = {y.data()};
  gather_family().run(0)(*gather_family().create(0, call, {}, offer),
                         {.inputs = inputs, .outputs = outputs});
  EXPECT_EQ(y, expected);
}

TEST(Gather, LargeTables) {
  const Dims dims{4, 6, 20000};  // large enough for two threads
  const auto table = numbers<float>(dims);
  const std::vector<std::int32_t> index{5, 1};
  std::vector<float> expected;
  for_positions({4, 2, 20000}, [&](Dims position) {
    position[1] = index[static_cast<std::size_t>(position[1])];
    expected.push_back(table[offset(dims, position)]);
  });
  const GatherProblem p{.outer = 4, .count = 2, .rows = 6, .row_bytes = 80000, .offset = 0};
  check(gather_kernels(), p, {table.data(), index.data()}, expected);
}

// Families read problems off nodes of the graph.
TEST(Families, ReadProblems) {
  const auto operand = [](Dims dims, DType dtype = DType::kF32) {
    return Operand{.present = true, .dtype = dtype, .dims = std::move(dims), .constant = false};
  };
  Call call{.op = graph::Slice{.axis = 1, .begin = 2, .end = 4},
            .inputs = {operand({2, 5})},
            .outputs = {operand({2, 2})}};
  const auto x = numbers<float>({2, 5});
  std::vector<float> y(4);
  const void* inputs[] = {x.data()};
  void* outputs[] = {y.data()};
  const auto run = [&](const Family& family) {
    const std::size_t last = family.size() - 1;
    const Offer offer = family.ask(last, call, {});
    family.run(last)(*family.create(last, call, {}, offer), {.inputs = inputs, .outputs = outputs});
  };
  run(slice_family());
  EXPECT_EQ(y, (std::vector<float>{3, 4, 8, 9}));
  call.op = graph::Slice{.axis = 1, .begin = 4, .end = 0, .step = -2};
  run(slice_family());
  EXPECT_EQ(y, (std::vector<float>{5, 3, 10, 8}));
  call.op = graph::Expand{};
  call.inputs = {operand({1})};
  run(expand_family());
  EXPECT_EQ(y, (std::vector<float>{1, 1, 1, 1}));
  call.op = graph::Reshape{};
  call.inputs = {operand({2, 2})};
  run(copy_family());
  EXPECT_EQ(y, (std::vector<float>{1, 2, 3, 4}));
  call.op = graph::Transpose{.permutation = {1, 0}};
  run(transpose_family());
  EXPECT_EQ(y, (std::vector<float>{1, 3, 2, 4}));
}

}  // namespace
}  // namespace lasso::kernels
