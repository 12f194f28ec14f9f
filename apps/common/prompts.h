// What to segment: images, each with its prompts, from options or from a file of prompts.
#ifndef LASSO_COMMON_PROMPTS_H_
#define LASSO_COMMON_PROMPTS_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lasso/types.h"

namespace lasso::app {

using Json = nlohmann::ordered_json;

// Whether brackets are nested deeper than that. JSON that is nested without end would exhaust the
// stack when it is shown.
bool is_too_deep(std::string_view text, int max_depth);

struct PromptTask {
  lasso::Prompt prompt;
  std::string source;      // "prompts.jsonl:3"; empty for a prompt from options
  Json id;                 // the user's name for it; null if there is none
  bool multimask = false;  // candidates instead of one mask
};

struct PromptFailure {
  std::string source;
  Json id;
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
};

// Reads JSON lines from the file, or from standard input for "-". A line has "image" (a path; may
// be left out if default_image is not empty), "points" [[x, y], ...], "labels" [1, 0, ...] (all 1
// if left out), "box" [x0, y0, x1, y1], "multimask" (true or false; `default_multimask` if left
// out) and "id" (a string or number). What is wrong with a line becomes a failure. Throws
// Failure(kUsage) if the file can't be read or has no lines.
PromptFile read_prompts(const std::string& path, const std::string& default_image,
                        bool default_multimask);

}  // namespace lasso::app

#endif  // LASSO_COMMON_PROMPTS_H_
