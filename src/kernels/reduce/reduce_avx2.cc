// Reductions of float32 with AVX2: over runs of neighbouring elements where the innermost dimension
// is reduced, else of neighbouring results. Both read memory along its rows.
#include <algorithm>
#include <array>
#include <utility>

#include "core/threads.h"
#include "kernels/cpu/simd.h"
#include "kernels/reduce/reduce.h"
#include "kernels/reduce/reduce_terms.h"

namespace lasso::kernels {

namespace {

using graph::ReduceKind;

constexpr std::int64_t kWidth = Avx2::kWidth;

// Of sums, so many terms are added up for themselves, so that rounding grows with them and with
// their number, and not with all terms.
constexpr std::int64_t kTermsOfPart = 32;
constexpr bool is_sum(ReduceKind kind) {
  return kind == ReduceKind::kSum || kind == ReduceKind::kMean;
}

// Eight results that are being made.
template <ReduceKind kKind>
class Partial {
 public:
  void add(__m256 x) {
    if constexpr (kKind == ReduceKind::kMax || kKind == ReduceKind::kMin) {
      nan_ = _mm256_or_ps(nan_, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
      value_ = kKind == ReduceKind::kMax ? Avx2::max(value_, x) : Avx2::min(value_, x);
    } else if constexpr (kKind == ReduceKind::kProd) {
      value_ = Avx2::mul(value_, x);
    } else {
      value_ = Avx2::add(value_, x);
    }
  }
  // All ones are NaN.
  __m256 value() const { return _mm256_or_ps(value_, nan_); }

 private:
  __m256 value_ = _mm256_set1_ps(start_of<float>(kKind));
  __m256 nan_ = _mm256_setzero_ps();  // all ones where a term was NaN
};

// Loops of one turn are left out, and neighbours that run on are merged.
std::vector<ReduceLoop> merged(const std::vector<ReduceLoop>& loops) {
  std::vector<ReduceLoop> result;
  for (const ReduceLoop& loop : loops) {
    if (loop.count == 1) continue;
    if (!result.empty() && result.back().stride == loop.stride * loop.count) {
      result.back() = {.count = result.back().count * loop.count, .stride = loop.stride};
    } else {
      result.push_back(loop);
    }
  }
  return result;
}

// Loops without their innermost one, which runs over neighbours.
class Runs {
 public:
  // None of the loops has a stride of 1: all their positions are runs of one element.
  explicit Runs(std::vector<ReduceLoop> loops) : loops_(std::move(loops)) {
    if (!loops_.empty() && loops_.back().stride == 1) {
      length = loops_.back().count;
      loops_.pop_back();
    }
    for (const ReduceLoop& loop : loops_) count *= loop.count;
  }
  std::int64_t offset(std::int64_t run) const {
    if (loops_.size() == 1) return run * loops_[0].stride;
    std::int64_t offset = 0;
    for (std::size_t i = loops_.size(); i-- > 0;) {
      offset += run % loops_[i].count * loops_[i].stride;
      run /= loops_[i].count;
    }
    return offset;
  }

  std::int64_t count = 1;
  std::int64_t length = 1;

 private:
  std::vector<ReduceLoop> loops_;
};

class ReduceState : public KernelState {
 public:
  explicit ReduceState(const ReduceProblem& p)
      : kind(p.kind), kept(merged(p.kept)), reduced(merged(p.reduced)) {}

  ReduceKind kind;
  Runs kept;
  Runs reduced;
};

constexpr int kPartials = 4;

// The reduction of a result's runs.
template <ReduceKind kKind>
float reduce_runs(const Runs& runs, const float* x) {
  std::array<Partial<kKind>, kPartials> partials;
  float result = start_of<float>(kKind);
  for (std::int64_t run = 0; run < runs.count; ++run) {
    const float* values = x + runs.offset(run);
    std::int64_t i = 0;
    for (; i + kPartials * kWidth <= runs.length; i += kPartials * kWidth) {
      for (int k = 0; k < kPartials; ++k) partials[k].add(Avx2::load(values + i + k * kWidth));
    }
    for (; i + kWidth <= runs.length; i += kWidth) partials[0].add(Avx2::load(values + i));
    for (; i < runs.length; ++i) result = combined(kKind, result, values[i]);
  }
  for (int k = 1; k < kPartials; ++k) partials[0].add(partials[k].value());
  std::array<float, kWidth> lanes;
  Avx2::store(lanes.data(), partials[0].value());
  for (const float lane : lanes) result = combined(kKind, result, lane);
  return result;
}

// Of kVectors * kWidth neighbouring results, or of the first `count` ones of a vector.
template <ReduceKind kKind, int kVectors>
void reduce_columns(const Runs& terms, const float* x, float* y, float divisor,
                    std::int64_t count) {
  const __m256i mask = Avx2::first(kVectors == 1 ? count : kWidth);
  std::array<Partial<kKind>, kVectors> partials;
  std::array<Partial<kKind>, kVectors> sums;
  for (std::int64_t term = 0; term < terms.count; ++term) {
    if (is_sum(kKind) && term % kTermsOfPart == 0) {
      for (int k = 0; k < kVectors; ++k) sums[k].add(std::exchange(partials[k], {}).value());
    }
    const float* values = x + terms.offset(term);
    for (int k = 0; k < kVectors; ++k) {
      partials[k].add(kVectors == 1 ? Avx2::load(values, mask) : Avx2::load(values + k * kWidth));
    }
  }
  const __m256 divisors = Avx2::set1(divisor);
  for (int k = 0; k < kVectors; ++k) {
    if constexpr (is_sum(kKind)) partials[k].add(sums[k].value());
    __m256 value = partials[k].value();
    if constexpr (kKind == ReduceKind::kMean) value = Avx2::div(value, divisors);
    if constexpr (kVectors == 1) {
      Avx2::store(y, mask, value);
    } else {
      Avx2::store(y + k * kWidth, value);
    }
  }
}

template <ReduceKind kKind>
void reduce(const ReduceState& s, const float* x, float* y) {
  const auto divisor = static_cast<float>(s.reduced.count * s.reduced.length);
  const std::int64_t results = s.kept.count * s.kept.length;
  const bool of_runs = s.reduced.length > 1;
  constexpr std::int64_t kBlock = kPartials * kWidth;
  const std::int64_t blocks = (s.kept.length + kBlock - 1) / kBlock;
  const auto runs = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float value = reduce_runs<kKind>(s.reduced, x + s.kept.offset(i));
      y[i] = kKind == ReduceKind::kMean ? value / divisor : value;
    }
  };
  const auto columns = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t run = task / blocks;
      const std::int64_t first = task % blocks * kBlock;
      const float* from = x + s.kept.offset(run) + first;
      float* to = y + run * s.kept.length + first;
      std::int64_t left = s.kept.length - first;
      if (left >= kBlock) {
        reduce_columns<kKind, kPartials>(s.reduced, from, to, divisor, kBlock);
        continue;
      }
      for (; left > 0; left -= kWidth, from += kWidth, to += kWidth) {
        reduce_columns<kKind, 1>(s.reduced, from, to, divisor, std::min(left, kWidth));
      }
    }
  };
  const auto divide = [&](std::int64_t tasks, const auto& part) {
    constexpr double kSmall = 32768;  // elements: not worth waking the team
    if (static_cast<double>(results) * divisor <= kSmall) {
      part(std::int64_t{0}, tasks);
    } else {
      parallel_ranges(tasks, part);
    }
  };
  if (of_runs) {
    divide(results, runs);
  } else {
    divide(s.kept.count * blocks, columns);
  }
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ReduceState&>(state);
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  switch (s.kind) {
    case ReduceKind::kSum:
      return reduce<ReduceKind::kSum>(s, x, y);
    case ReduceKind::kMean:
      return reduce<ReduceKind::kMean>(s, x, y);
    case ReduceKind::kMax:
      return reduce<ReduceKind::kMax>(s, x, y);
    case ReduceKind::kMin:
      return reduce<ReduceKind::kMin>(s, x, y);
    case ReduceKind::kProd:
      return reduce<ReduceKind::kProd>(s, x, y);
  }
}

Offer offer(const ReduceProblem& p, const TargetInfo& /*target*/) {
  if (p.dtype != DType::kF32) return Offer::no("another type than float32");
  if (p.results() == 0 || p.terms() == 0) return Offer::no("nothing to reduce");
  return {};
}

}  // namespace

const Kernel<ReduceProblem> kReduceAvx2{
    .name = "vectors",
    .needs = {.features = CpuFeature::kAvx2},
    .offer = offer,
    .pack = nullptr,
    .create = [](const ReduceProblem& p, const TargetInfo& /*target*/, const Offer& /*offer*/)
        -> std::unique_ptr<KernelState> { return std::make_unique<ReduceState>(p); },
    .run = run,
};

}  // namespace lasso::kernels
