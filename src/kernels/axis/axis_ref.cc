// The specification of the operations along an axis.
#include <algorithm>
#include <type_traits>

#include "core/threads.h"
#include "kernels/axis/axis.h"

namespace lasso::kernels {

namespace {

template <typename T>
bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return x != x;
  return false;
}

// NaN stands before any number, and beside another one.
template <typename T>
void arg_reduce(const ArgReduceProblem& p, const T* x, std::int32_t* y) {
  const auto is_better = [&](T a, T b) {
    if (is_nan(a) || is_nan(b)) return is_nan(a) && !is_nan(b);
    return p.largest ? a > b : a < b;
  };
  parallel_ranges(p.x.rows(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* values = x + p.x.first(row, p.x.count);
      std::int64_t best = 0;
      for (std::int64_t i = 1; i < p.x.count; ++i) {
        const T value = values[i * p.x.inner];
        const T other = values[best * p.x.inner];
        if (is_better(value, other) || (p.last && !is_better(other, value))) best = i;
      }
      y[row] = static_cast<std::int32_t>(best);
    }
  });
}

// A thread sorts the positions of a row in its part of the workspace.
template <typename T>
void top_k(const TopKProblem& p, const T* x, T* values, std::int32_t* indices,
           std::int32_t* workspace) {
  parallel([&](int thread, int threads) {
    const std::int64_t rows = p.x.rows();
    std::int32_t* positions = workspace + thread * p.x.count;
    for (std::int64_t row = rows * thread / threads; row < rows * (thread + 1) / threads; ++row) {
      const T* from = x + p.x.first(row, p.x.count);
      const auto is_larger = [&](T a, T b) {
        if (is_nan(a) || is_nan(b)) return is_nan(a) && !is_nan(b);
        return a > b;
      };
      const auto comes_before = [&](std::int32_t i, std::int32_t j) {
        const T a = from[i * p.x.inner];
        const T b = from[j * p.x.inner];
        if (is_larger(a, b)) return p.largest;
        if (is_larger(b, a)) return !p.largest;
        return i < j;
      };
      for (std::int64_t i = 0; i < p.x.count; ++i) positions[i] = static_cast<std::int32_t>(i);
      std::partial_sort(positions, positions + p.k, positions + p.x.count, comes_before);
      const std::int64_t first = p.x.first(row, p.k);
      for (std::int64_t i = 0; i < p.k; ++i) {
        values[first + i * p.x.inner] = from[positions[i] * p.x.inner];
        indices[first + i * p.x.inner] = positions[i];
      }
    }
  });
}

// Integers are added without their sign, and so wrap around.
template <typename T>
void cum_sum(const CumSumProblem& p, const T* x, T* y) {
  parallel_ranges(p.x.rows(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t first = p.x.first(row, p.x.count);
      T sum = 0;
      for (std::int64_t i = 0; i < p.x.count; ++i) {
        const std::int64_t at = first + (p.reverse ? p.x.count - 1 - i : i) * p.x.inner;
        const T before = sum;
        sum += x[at];
        y[at] = p.exclusive ? before : sum;
      }
    }
  });
}

void run_arg_reduce(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ArgReduceProblem>&>(state).problem;
  with_number_type(p.dtype, [&](auto* type) {
    arg_reduce(p, static_cast<const std::remove_pointer_t<decltype(type)>*>(args.inputs[0]),
               static_cast<std::int32_t*>(args.outputs[0]));
  });
}

void run_top_k(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<TopKProblem>&>(state).problem;
  with_number_type(p.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    top_k(p, static_cast<const T*>(args.inputs[0]), static_cast<T*>(args.outputs[0]),
          static_cast<std::int32_t*>(args.outputs[1]),
          reinterpret_cast<std::int32_t*>(args.workspace));
  });
}

void run_cum_sum(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CumSumProblem>&>(state).problem;
  if (p.dtype == DType::kI32) {
    cum_sum(p, static_cast<const std::uint32_t*>(args.inputs[0]),
            static_cast<std::uint32_t*>(args.outputs[0]));
  } else {
    cum_sum(p, static_cast<const float*>(args.inputs[0]), static_cast<float*>(args.outputs[0]));
  }
}

Offer offer_top_k(const TopKProblem& p, const TargetInfo& target) {
  Offer offer;
  offer.workspace_bytes =
      static_cast<std::size_t>(p.x.count * target.threads) * sizeof(std::int32_t);
  return offer;
}

}  // namespace

const Kernel<ArgReduceProblem> kArgReduceRef{
    .name = "reference",
    .needs = {},
    .offer = always<ArgReduceProblem>,
    .pack = nullptr,
    .create = create_problem_state<ArgReduceProblem>,
    .run = run_arg_reduce,
};

const Kernel<TopKProblem> kTopKRef{
    .name = "reference",
    .needs = {},
    .offer = offer_top_k,
    .pack = nullptr,
    .create = create_problem_state<TopKProblem>,
    .run = run_top_k,
};

const Kernel<CumSumProblem> kCumSumRef{
    .name = "reference",
    .needs = {},
    .offer = always<CumSumProblem>,
    .pack = nullptr,
    .create = create_problem_state<CumSumProblem>,
    .run = run_cum_sum,
};

}  // namespace lasso::kernels
