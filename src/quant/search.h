// Which layers may run in which precision, found by few measurements.
#ifndef LASSO_QUANT_SEARCH_H_
#define LASSO_QUANT_SEARCH_H_

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "core/dtype.h"

namespace lasso::quant {

// The least number from 0 to `count` that `reaches`, which is asked few times: for 0, 1, 2, 4, ...
// and then by bisection. It is the least where reaching is monotone, and in any case one that was
// asked and reaches. None if `count` does not.
std::optional<int> least_that_reaches(int count, const std::function<bool(int)>& reaches);

// The type of every chosen layer's weights, float32, bfloat16, float16 or int8, and of the rest
// that may be lowered together: float32, bfloat16 or float16.
struct Assignment {
  std::vector<DType> layers;
  DType rest = DType::kF32;

  int count(DType weights) const;
  bool operator==(const Assignment&) const = default;
  bool operator<(const Assignment& other) const;
};

Assignment uniform(std::size_t layers, DType weights, DType rest);

// What a target's search chooses among.
struct Candidates {
  std::vector<DType>
      layers;               // below float32, the fastest first, or, if equally fast, the likeliest
  std::vector<DType> rest;  // likewise
  // Of all layers and of the rest: what is tried before any layer is ranked, the fastest first.
  std::vector<std::pair<DType, DType>> first;

  // What the rest is lowered to beside layers in a type.
  DType rest_beside(DType weights) const;
};

// int8, then bfloat16 where its products are faster than those of float32.
Candidates cpu_candidates(bool has_bf16);
// float16, then bfloat16, which is as fast, has a larger range and 8 bits instead of 11.
Candidates gpu_candidates(bool has_bf16);

struct SearchProblem {
  std::size_t layers = 0;
  Candidates candidates;
  // Whether the results of an engine are good enough. That of all float32 is, unasked or asked.
  std::function<bool(const Assignment&)> reaches;
  // What the first candidate costs each layer when it alone is lowered. Called once at most.
  std::function<std::vector<double>()> losses;
};

// The fastest assignment that reaches, as far as few questions tell. On a CPU:
// 1. all layers in int8, the rest in bfloat16;
// 2. the same with the rest in float32, which also stays so if the rest in bfloat16 alone does not
//    reach;
// 3. the least k such that the k layers of the greatest losses in bfloat16, the others in int8,
//    reach; without bfloat16, in float32;
// 4. where all in bfloat16 do not reach: the same with float32 and bfloat16.
// On a GPU:
// 1. everything in float16;
// 2. everything in bfloat16;
// 3. the rest in the first of float16 and bfloat16 that reaches alone, else in float32; and the
//    least k such that the k layers of the greatest losses in bfloat16, the others in float16,
//    reach;
// 4. where there is none: the same with float32 and float16, which has more bits.
Assignment choose_precisions(const SearchProblem& problem);

}  // namespace lasso::quant

#endif  // LASSO_QUANT_SEARCH_H_
