// What `lasso bench accuracy` found, and its summary.
#ifndef LASSO_EVAL_ACCURACY_RESULTS_H_
#define LASSO_EVAL_ACCURACY_RESULTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eval/draw_prompts.h"
#include "eval/evaluation_set.h"
#include "eval/iou_statistics.h"
#include "eval/truth_scores.h"

namespace lasso {

// One mask of a side, compared.
struct MaskResult {
  std::optional<float> iou_prediction;   // none for masks of a dump
  std::optional<double> with_reference;  // IoU; none for the reference itself
  bool both_empty = false;               // this mask and the reference's, which then have no IoU
  std::optional<double> with_truth;      // which is never empty
  std::optional<TruthScores> scores;
};

struct PromptResult {
  OrderedJson id;
  Prompt prompt;
  std::vector<MaskResult> sides;
  std::vector<double> flood;  // IoU with the truth for each tolerance
  bool core = true;           // one of the objects of a set's headline figures
};

struct ImageResult {
  std::string name;
  int width = 0;
  int height = 0;
  std::vector<PromptResult> prompts;
};

// A model, or a dump of masks.
struct SideInfo {
  bool is_reference = false;
  std::string label;  // what tables call it
  OrderedJson info;   // about the model; file and kind for a dump
};

// Mean IoUs with the truth.
struct TruthSummary {
  Mean points;  // of the masks that are compared with the reference
  Mean click_best;
  Mean click_chosen;
  Mean click_single;
  Mean after_3;
  Mean after_5;
  Mean box;

  void add(const MaskResult& result);
};

// Summary of one side over all prompts.
struct SideSummary {
  IouStatistics reference;  // IoUs with the reference's masks; count 0 for the reference itself
  // Prompts for which neither the side nor the reference finds anything: no evidence of agreement,
  // and not among the IoUs.
  std::size_t empty_pairs = 0;
  std::string worst_image;  // with the lowest of them
  std::size_t worst_prompt = 0;
  TruthSummary all;
  TruthSummary core;
};

struct FloodSummary {
  int tolerance = 0;  // the best one for the set
  double mean = 0;
  std::size_t objects = 0;
};

// Tolerances that the baseline tries.
const std::vector<int>& flood_tolerances();

struct AccuracyResults {
  AccuracySet set;  // without its images
  DrawOptions draw;
  std::string prompt_source;    // "drawn" or "reference masks"
  std::vector<SideInfo> sides;  // the reference first, where there is one
  std::vector<ImageResult> images;
  std::vector<std::string> failures;  // "image: reason"

  bool has_reference() const { return !sides.empty() && sides.front().is_reference; }
  std::size_t candidate_count() const { return sides.size() - (has_reference() ? 1 : 0); }
  std::size_t prompt_count() const;
  SideSummary summarize(std::size_t side) const;
  std::optional<FloodSummary> summarize_flood(bool core_only) const;
  // Whether some objects of known truth do not belong to the core.
  bool has_core() const;
  // Whether any mask of a candidate has an IoU, with the reference or with the truth.
  bool has_evidence() const;
};

// How bad a prompt is: the lowest IoU of a candidate with the reference, or with the truth where
// there is none with the reference; none where all masks that would be compared are empty.
std::optional<double> lowest_iou(const PromptResult& prompt);
// Whether prompts are in the order of their badness; those without an IoU come last.
bool is_worse(const PromptResult& a, const PromptResult& b);
// The worst prompt of an image, which has at least one.
std::size_t worst_prompt(const ImageResult& image);

}  // namespace lasso

#endif  // LASSO_EVAL_ACCURACY_RESULTS_H_
