// What lasso segment is asked to do: its options, and the images with their prompts.
#ifndef LASSO_CLI_SEGMENT_SEGMENT_TASKS_H_
#define LASSO_CLI_SEGMENT_SEGMENT_TASKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/model/parts.h"
#include "cli/options.h"
#include "common/prompts.h"

namespace lasso::app {

struct SegmentArguments : CommonArguments {
  PartsOptions parts;
  std::vector<std::string> images;
  std::vector<std::string> points;
  std::vector<std::string> boxes;
  std::string prompts;
  std::string mask_input;
  bool multimask = false;
  std::string folder = ".";
  std::string format = "overlay";
  std::string load_embedding;
  std::string image_size;
  std::string save_embedding;
  std::string save_logits;
  bool show = false;
  std::int64_t max_pixels = 100'000'000;
  std::string range;  // empty: full, or that of a loaded embedding
  int jobs = 0;       // 0: one on each device of the engine
};

std::vector<std::string> paths_of(const std::vector<ImageTask>& tasks);

// Images with their prompts; failures of lines without an image are said at once and kept. Throws
// Failure(kUsage) for prompts that do not go together.
std::vector<ImageTask> collect_tasks(const SegmentArguments& arguments,
                                     std::vector<PromptFailure>* homeless);

}  // namespace lasso::app

#endif  // LASSO_CLI_SEGMENT_SEGMENT_TASKS_H_
