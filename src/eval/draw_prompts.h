// The prompts that are asked of every side: given ones, or points that are drawn at random.
#ifndef LASSO_EVAL_DRAW_PROMPTS_H_
#define LASSO_EVAL_DRAW_PROMPTS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "eval/evaluation_set.h"

namespace lasso {

struct DrawOptions {
  std::uint64_t seed = 1;
  int min_points = 1;
  int max_points = 5;
  int prompts_per_image = 0;   // 0: one for each object; 4 where there are none
  bool stored_clicks = false;  // the set's own first clicks in place of random ones
};

// The prompts of an image of that size: those that it has, or drawn ones. Throws kCorruptFile where
// the annotations do not fit the image. Given points may lie outside.
std::vector<AccuracyPrompt> prompts_for(const AccuracyImage& image, int width, int height,
                                        const DrawOptions& options);

// A seed for one thing of many: it depends on the thing's name, not on its place among the others.
// FNV-1a, started from the seed.
std::uint64_t seed_for(std::uint64_t seed, std::string_view name);

}  // namespace lasso

#endif  // LASSO_EVAL_DRAW_PROMPTS_H_
