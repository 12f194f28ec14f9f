// Answers that are written together.
#ifndef LASSO_CLI_SEGMENT_ANSWER_GROUPS_H_
#define LASSO_CLI_SEGMENT_ANSWER_GROUPS_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "lasso/segmenter.h"

namespace lasso::app {

// Masks that are drawn together are in memory together: at most 256 MiB of them, and of 64 prompts.
class AnswerGroups {
 public:
  // Takes the number of the group's first prompt.
  using Write = std::function<void(std::size_t first, const std::vector<Segmentation>& answers)>;

  // `masks` of each prompt at most.
  AnswerGroups(int width, int height, std::size_t masks, std::size_t prompts, Write write)
      : prompts_(prompts), write_(std::move(write)) {
    constexpr std::size_t kBytes = std::size_t{256} << 20;
    constexpr std::size_t kPrompts = 64;
    const std::size_t bytes =
        static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * masks;
    step_ = std::clamp<std::size_t>(kBytes / std::max<std::size_t>(bytes, 1), 1, kPrompts);
  }

  // The answer to the next prompt.
  void take(Segmentation& answer) {
    group_.push_back(std::move(answer));
    ++taken_;
    if (group_.size() < step_ && taken_ < prompts_) return;
    write_(taken_ - group_.size(), group_);
    group_.clear();
  }

 private:
  std::size_t prompts_;
  Write write_;
  std::size_t step_ = 1;
  std::size_t taken_ = 0;
  std::vector<Segmentation> group_;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_SEGMENT_ANSWER_GROUPS_H_
