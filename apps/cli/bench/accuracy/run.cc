#include "cli/bench/accuracy/run.h"

#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include "cli/bench/accuracy/side.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/range.h"
#include "common/json_text.h"
#include "common/pictures.h"
#include "common/prompts.h"
#include "core/check.h"
#include "eval/draw_prompts.h"
#include "eval/flood_fill.h"
#include "eval/reference_masks.h"

namespace lasso::app {

namespace {

// Does something with one image. What is the image's fault is named, and false returned.
bool try_image(const AccuracyImage& image, std::vector<std::string>* failures,
               const std::function<void()>& work) {
  std::string problem;
  try {
    work();
    return true;
  } catch (const lasso::Error& error) {
    if (is_fatal(error)) throw;
    problem = error.what();
  } catch (const Failure& failure) {
    if (failure.exit() != Exit::kSomeFailed) throw;
    problem = failure.what();
  }
  if (problem.find(image.path) == std::string::npos) problem = image.path + ": " + problem;
  print_error(problem);
  failures->push_back(problem);
  return false;
}

// The prompts of an image, none of which points outside of it.
std::vector<AccuracyPrompt> checked_prompts(const AccuracyImage& image, const Image& pixels,
                                            const DrawOptions& draw) {
  std::vector<AccuracyPrompt> prompts = prompts_for(image, pixels.width, pixels.height, draw);
  for (const AccuracyPrompt& prompt : prompts) {
    if (const auto problem = prompt_problem(prompt.prompt, pixels.width, pixels.height)) {
      fail(ErrorCode::kCorruptFile, "{}: {}", image.path, *problem);
    }
  }
  return prompts;
}

// JSON lines as `lasso segment --prompts` and tools/dump_reference.py read them.
std::string prompt_lines(const AccuracyImage& image, const std::vector<AccuracyPrompt>& prompts) {
  std::string lines;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    OrderedJson line = {{"image", json_name(image.path)},
                        {"points", OrderedJson::array()},
                        {"labels", OrderedJson::array()}};
    for (const Point& point : prompts[i].prompt.points) {
      line["points"].push_back({point.x, point.y});
      line["labels"].push_back(static_cast<int>(point.label));
    }
    line["id"] = prompts[i].id.is_null() ? OrderedJson(i) : prompts[i].id;
    lines += json_line(line) + "\n";
  }
  return lines;
}

std::vector<std::string> paths(const AccuracySet& set) {
  std::vector<std::string> paths;
  for (const AccuracyImage& image : set.images) paths.push_back(image.path);
  return paths;
}

std::string folder_name(const std::string& path) {
  const std::filesystem::path name = std::filesystem::path(path).filename();
  return name.empty() ? path : name.string();
}

class Measurement {
 public:
  explicit Measurement(const AccuracyTask& task)
      : task_(task), worst_(task.cases), pictures_(ReadImageOptions().max_pixels, task.range) {}

  AccuracyOutcome run() {
    start_sides();
    load_sides();
    find_range(paths(task_.set), &pictures_);
    if (task_.loaded) task_.loaded();
    results_.set.folder = task_.set.folder;
    results_.set.has_truth = task_.set.has_truth;
    results_.draw = task_.draw;
    results_.prompt_source = task_.reference_masks.empty() ? "drawn" : "reference masks";
    Progress progress("measuring");
    std::size_t number = 0;
    for (const AccuracyImage& image : task_.set.images) {
      progress.set(
          fmt::format("image {} of {}: {}", ++number, task_.set.images.size(), image.name));
      try_image(image, &results_.failures, [&] { measure(image); });
    }
    return {std::move(results_), worst_.cases(), pictures_.range()};
  }

 private:
  // All children are forked before this process has threads.
  void start_sides() {
    if (task_.reference) add_side(*task_.reference, true);
    if (!task_.reference_masks.empty()) {
      SideInfo side;
      side.is_reference = true;
      side.label = folder_name(task_.reference_masks);
      side.info = {{"masks", task_.reference_masks}};
      results_.sides.push_back(std::move(side));
      sides_.push_back(nullptr);
    }
    for (const Operand& candidate : task_.candidates) add_side(candidate, false);
    // Short names, unless they are ambiguous.
    std::vector<std::string> labels;
    for (const SideInfo& side : results_.sides) labels.push_back(side.label);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      for (std::size_t k = 0; k < labels.size(); ++k) {
        if (k != i && labels[k] == labels[i] && sides_[i]) results_.sides[i].label = texts_[i];
      }
    }
  }

  void add_side(const Operand& operand, bool is_reference) {
    SideInfo side;
    side.is_reference = is_reference;
    side.label = operand.short_name();
    results_.sides.push_back(std::move(side));
    texts_.resize(results_.sides.size());
    texts_.back() = operand.text();
    sides_.push_back(std::make_unique<AccuracySide>(operand, task_.model, task_.run));
  }

  void load_sides() {
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      if (sides_[i]) results_.sides[i].info = sides_[i]->load();
    }
  }

  void measure(const AccuracyImage& image) {
    const Image pixels = pictures_.read(image.path);
    const std::vector<AccuracyPrompt> prompts = checked_prompts(image, pixels, task_.draw);
    AccuracyCase found;
    found.path = image.path;
    found.range = pixels.range;
    found.image = {image.name, pixels.width, pixels.height, {}};
    for (const AccuracyPrompt& prompt : prompts) {
      found.image.prompts.push_back(
          {prompt.id, prompt.prompt, std::vector<MaskResult>(sides_.size()), {}, prompt.core});
    }
    if (prompts.empty()) return;
    // RLE of every side and prompt; the reference comes first.
    std::vector<std::vector<std::string>> masks(sides_.size());
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      masks[i] = sides_[i] ? ask(i, image, prompts, &found.image)
                           : dumped_masks(image, pixels, prompts.size());
    }
    for (std::size_t p = 0; p < prompts.size(); ++p) {
      compare(prompts[p], masks, p, &found.image);
      if (task_.flood_fill && !prompts[p].truth.empty()) {
        flood(pixels, prompts[p], &found.image.prompts[p]);
      }
    }
    found.prompt = worst_prompt(found.image);
    found.truth = prompts[found.prompt].truth;
    for (const auto& side : masks) found.masks.push_back(side[found.prompt]);
    if (!task_.pictures.empty()) {
      save_panels(pixels, found, results_.sides, task_.pictures, &names_);
    }
    results_.images.push_back(found.image);
    worst_.add(std::move(found));
  }

  std::vector<std::string> ask(std::size_t side, const AccuracyImage& image,
                               const std::vector<AccuracyPrompt>& prompts, ImageResult* result) {
    std::vector<SideAnswer> answers = sides_[side]->answer(image.path, pictures_.range(), prompts);
    std::vector<std::string> masks;
    for (std::size_t p = 0; p < answers.size(); ++p) {
      MaskResult& mask = result->prompts[p].sides[side];
      mask.iou_prediction = answers[p].iou_prediction;
      mask.scores = answers[p].scores;
      masks.push_back(std::move(answers[p].rle));
    }
    return masks;
  }

  static std::vector<std::string> dumped_masks(const AccuracyImage& image, const Image& pixels,
                                               std::size_t prompts) {
    std::vector<std::string> masks;
    for (const Mask& mask : read_reference_masks(image, pixels.width, pixels.height, prompts)) {
      masks.push_back(rle_to_string(encode_rle(mask)));
    }
    return masks;
  }

  void compare(const AccuracyPrompt& prompt, const std::vector<std::vector<std::string>>& masks,
               std::size_t p, ImageResult* image) const {
    const auto decode = [&](const std::string& rle) {
      return decode_rle(rle_from_string(rle, image->width, image->height));
    };
    std::optional<Mask> truth;
    if (!prompt.truth.empty()) truth = decode(prompt.truth);
    std::optional<Mask> reference;
    for (std::size_t i = 0; i < masks.size(); ++i) {
      Mask mask = decode(masks[i][p]);
      MaskResult& result = image->prompts[p].sides[i];
      if (truth) result.with_truth = mask_iou(mask, *truth);
      if (reference) {
        result.both_empty = mask_area(mask) == 0 && mask_area(*reference) == 0;
        if (!result.both_empty) result.with_reference = mask_iou(mask, *reference);
      }
      if (results_.sides[i].is_reference) reference = std::move(mask);
    }
  }

  static void flood(const Image& pixels, const AccuracyPrompt& prompt, PromptResult* result) {
    const Mask truth = decode_rle(rle_from_string(prompt.truth, pixels.width, pixels.height));
    for (const int tolerance : flood_tolerances()) {
      result->flood.push_back(
          mask_iou(flood_fill(pixels, prompt.prompt.points.front(), tolerance), truth));
    }
  }

  const AccuracyTask& task_;
  AccuracyResults results_;
  WorstCases worst_;
  PictureReader pictures_;
  std::vector<std::unique_ptr<AccuracySide>> sides_;  // null for a dump
  std::vector<std::string> texts_;                    // operands in full
  OutputNames names_;
};

}  // namespace

AccuracyOutcome measure_accuracy(const AccuracyTask& task) { return Measurement(task).run(); }

std::string draw_all_prompts(const AccuracySet& set, const DrawOptions& draw, std::size_t* failed) {
  std::string lines;
  std::vector<std::string> failures;
  for (const AccuracyImage& image : set.images) {
    try_image(image, &failures, [&] {
      const Image pixels = read_image(image.path);
      lines += prompt_lines(image, checked_prompts(image, pixels, draw));
    });
  }
  *failed = failures.size();
  return lines;
}

}  // namespace lasso::app
