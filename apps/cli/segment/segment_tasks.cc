#include "cli/segment/segment_tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <unordered_set>

#include "cli/console.h"
#include "cli/values.h"
#include "common/files.h"
#include "common/pictures.h"
#include "core/file.h"

namespace lasso::app {

namespace {

// The prompts of --point, --box and --mask-input: all points are one prompt, which a single box
// joins; several boxes are a prompt each.
std::vector<PromptTask> prompts_from_options(const SegmentArguments& arguments) {
  Prompt points;
  for (const std::string& text : arguments.points) points.points.push_back(parse_point(text));
  std::vector<Box> boxes;
  for (const std::string& text : arguments.boxes) boxes.push_back(parse_box(text));
  if (boxes.size() > 1 && !points.points.empty()) {
    usage_error(
        "--point with {} times --box: unclear which box the points refine; give one --box, or a "
        "file with --prompts, one JSON object per prompt",
        boxes.size());
  }
  if (boxes.size() > 1 && !arguments.mask_input.empty()) {
    usage_error("--mask-input with {} times --box: a mask refines one prompt; give one --box",
                boxes.size());
  }
  if (boxes.size() <= 1) {
    if (!boxes.empty()) points.box = boxes.front();
    const bool empty = points.points.empty() && !points.box && arguments.mask_input.empty();
    if (empty) return {};
    return {{points, "", {}, arguments.multimask}};
  }
  std::vector<PromptTask> tasks;
  for (const Box& box : boxes) {
    PromptTask task;
    task.prompt.box = box;
    task.multimask = arguments.multimask;
    tasks.push_back(task);
  }
  return tasks;
}

// The prompts of --prompts.
PromptFile read_prompts(const SegmentArguments& arguments) {
  const std::string& path = arguments.prompts;
  const bool piped = path == "-";
  const std::string text = piped ? std::string(std::istreambuf_iterator<char>(std::cin),
                                               std::istreambuf_iterator<char>())
                                 : for_option("--prompts", [&] { return read_file(path); });
  const std::string image = arguments.images.size() == 1 ? arguments.images.front() : "";
  PromptFile file = parse_prompts(text, piped ? "stdin" : path, image, arguments.multimask);
  if (file.images.empty() && file.failures.empty()) {
    usage_error(
        "--prompts {}: has no prompts; expected a JSON object per line, such as "
        "{{\"image\": \"truck.jpg\", \"box\": [75, 275, 1725, 850]}}",
        path);
  }
  return file;
}

}  // namespace

std::vector<std::string> paths_of(const std::vector<ImageTask>& tasks) {
  std::vector<std::string> paths;
  for (const ImageTask& task : tasks) {
    if (task.path) paths.push_back(*task.path);
  }
  return paths;
}

std::vector<ImageTask> collect_tasks(const SegmentArguments& arguments,
                                     std::vector<PromptFailure>* homeless) {
  if (!arguments.prompts.empty()) {
    if (!arguments.points.empty() || !arguments.boxes.empty() || !arguments.mask_input.empty()) {
      usage_error("--prompts {}: can't be combined with --point, --box or --mask-input",
                  arguments.prompts);
    }
    PromptFile file = read_prompts(arguments);
    if (arguments.images.size() > 1 && file.some_name_none) {
      usage_error(
          "--prompts {}: with {} images on the command line; each line names its image, or "
          "one IMAGE is given for those that do not",
          arguments.prompts, arguments.images.size());
    }
    for (const PromptFailure& failure : file.failures) {
      print_error(fmt::format("{}: {}", failure.source, failure.message));
    }
    *homeless = file.failures;
    std::unordered_set<std::string> used;
    for (const ImageTask& task : file.images) used.insert(*task.path);
    for (const std::string& image : arguments.images) {
      if (used.empty() || used.count(image) > 0) continue;
      print_warning(fmt::format("{}: is not used; no line of --prompts {} names it", image,
                                arguments.prompts));
    }
    return file.images;
  }
  const std::vector<PromptTask> prompts = prompts_from_options(arguments);
  if (prompts.empty() && arguments.save_embedding.empty()) {
    usage_error(
        "no prompt: expected --point X,Y[,LABEL], --box X0,Y0,X1,Y1, --mask-input F.npy or "
        "--prompts F.jsonl (or --save-embedding alone)");
  }
  std::vector<ImageTask> tasks;
  for (const std::string& image : arguments.images) tasks.push_back({image, prompts, {}});
  if (tasks.empty()) {
    if (arguments.load_embedding.empty()) usage_error("no image: expected IMAGE...");
    tasks.push_back({std::nullopt, prompts, {}});
  }
  return tasks;
}

}  // namespace lasso::app
