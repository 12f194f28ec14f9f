// What to segment: images, each with its prompts, from options or from a file of prompts.
#ifndef LASSO_COMMON_PROMPTS_H_
#define LASSO_COMMON_PROMPTS_H_

#include <optional>
#include <string>
#include <vector>

#include "common/json_text.h"
#include "lasso/types.h"

namespace lasso::app {

struct PromptTask {
  lasso::Prompt prompt;
  std::string source;      // "prompts.jsonl:3"; empty for a prompt from options
  OrderedJson id;          // the user's name for it; null if there is none
  bool multimask = false;  // candidates instead of one mask
};

struct PromptFailure {
  std::string source;
  OrderedJson id;
  std::string message;
};

struct ImageTask {
  std::optional<std::string> path;  // none: no image, only an embedding
  std::vector<PromptTask> prompts;
  std::vector<PromptFailure> failures;  // prompts of this image that are wrong in themselves
};

struct PromptFile {
  std::vector<ImageTask> images;        // in the order in which they first appear
  std::vector<PromptFailure> failures;  // lines that belong to no image
  bool some_name_none = false;          // whether a line has no "image"
};

// Reads JSON lines. A line has "image" (a path; may be left out if default_image is not empty),
// "points" [[x, y], ...], "labels" [1, 0, ...] (all 1 if left out), "box" [x0, y0, x1, y1],
// "multimask" (true or false; `default_multimask` if left out) and "id" (a string or number); null
// says the same as leaving a key out. What
// is wrong with a line becomes a failure; `name` stands in PromptTask::source. Empty lines are
// passed over, so that there may be neither images nor failures.
PromptFile parse_prompts(const std::string& text, const std::string& name,
                         const std::string& default_image, bool default_multimask);

// What is wrong with a box: no area, or not finite. None if nothing is.
std::optional<std::string> box_problem(const Box& box);

// What is wrong with the prompt for an image of this size: a point outside. None if nothing is.
// Points may lie on the border: 0 <= x <= width, 0 <= y <= height.
std::optional<std::string> prompt_problem(const Prompt& prompt, int width, int height);

}  // namespace lasso::app

#endif  // LASSO_COMMON_PROMPTS_H_
