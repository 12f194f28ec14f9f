#include "quant/search.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "core/check.h"

namespace lasso::quant {

namespace {

class Search {
 public:
  explicit Search(const SearchProblem& problem) : problem_(problem) {}

  Assignment run() {
    const Candidates& candidates = problem_.candidates;
    for (const auto& [weights, rest] : candidates.first) {
      Assignment assignment = all(weights, rest);
      if (problem_.reaches(assignment)) return assignment;
    }
    const auto rest = std::find_if(candidates.rest.begin(), candidates.rest.end(), [&](DType type) {
      return problem_.reaches(all(DType::kF32, type));
    });
    if (rest != candidates.rest.end()) rest_ = *rest;
    const DType low = candidates.layers.front();
    if (candidates.layers.size() == 1) return *least(DType::kF32, low);
    const DType high = candidates.layers.back();
    if (auto found = least(high, low)) return *found;
    return *least(DType::kF32, is_half(low) ? low : high);
  }

 private:
  Assignment all(DType weights, DType rest) const {
    return uniform(problem_.layers, weights, rest);
  }

  // The layers of the greatest losses in `high`, the others in `low`.
  Assignment split(int count, DType high, DType low) {
    Assignment assignment = all(low, rest_);
    if (count > 0) rank();
    for (int i = 0; i < count; ++i) {
      assignment.layers[order_[static_cast<std::size_t>(i)]] = high;
    }
    return assignment;
  }

  // With float32 for `high` there is one: all of it reaches.
  std::optional<Assignment> least(DType high, DType low) {
    const int count = static_cast<int>(problem_.layers);
    const auto found = least_that_reaches(count, [&](int k) {
      return (high == DType::kF32 && k == count) || problem_.reaches(split(k, high, low));
    });
    if (!found) return std::nullopt;
    return split(*found, high, low);
  }

  void rank() {
    if (!order_.empty()) return;
    const std::vector<double> losses = problem_.losses();
    LASSO_CHECK(losses.size() == problem_.layers, ErrorCode::kInternal, "{} losses of {} layers",
                losses.size(), problem_.layers);
    order_.resize(losses.size());
    std::iota(order_.begin(), order_.end(), 0);
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return losses[a] > losses[b]; });
  }

  const SearchProblem& problem_;
  DType rest_ = DType::kF32;
  std::vector<std::size_t> order_;  // of layers, the greatest loss first
};

}  // namespace

DType Candidates::rest_beside(DType weights) const {
  if (weights == DType::kF32 || rest.empty()) return DType::kF32;
  return is_half(weights) ? weights : rest.front();
}

Candidates cpu_candidates(bool has_bf16) {
  if (!has_bf16) return {{DType::kI8}, {}, {}};
  return {{DType::kI8, DType::kBF16},
          {DType::kBF16},
          {{DType::kI8, DType::kBF16}, {DType::kI8, DType::kF32}}};
}

Candidates gpu_candidates(bool has_bf16) {
  if (!has_bf16) return {{DType::kF16}, {DType::kF16}, {{DType::kF16, DType::kF16}}};
  return {{DType::kF16, DType::kBF16},
          {DType::kF16, DType::kBF16},
          {{DType::kF16, DType::kF16}, {DType::kBF16, DType::kBF16}}};
}

std::optional<int> least_that_reaches(int count, const std::function<bool(int)>& reaches) {
  int below = -1;  // the greatest that is known not to reach
  int candidate = 0;
  while (!reaches(candidate)) {
    if (candidate >= count) return std::nullopt;
    below = candidate;
    candidate = std::min(std::max(1, 2 * candidate), count);
  }
  while (candidate - below > 1) {
    const int middle = below + (candidate - below) / 2;
    (reaches(middle) ? candidate : below) = middle;
  }
  return candidate;
}

int Assignment::count(DType weights) const {
  return static_cast<int>(std::count(layers.begin(), layers.end(), weights));
}

bool Assignment::operator<(const Assignment& other) const {
  return std::tie(layers, rest) < std::tie(other.layers, other.rest);
}

Assignment uniform(std::size_t layers, DType weights, DType rest) {
  return {std::vector<DType>(layers, weights), rest};
}

Assignment choose_precisions(const SearchProblem& problem) { return Search(problem).run(); }

}  // namespace lasso::quant
