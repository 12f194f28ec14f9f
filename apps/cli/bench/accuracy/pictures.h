// Pictures of single prompts: the image with the points, and the masks side by side.
#ifndef LASSO_CLI_BENCH_ACCURACY_PICTURES_H_
#define LASSO_CLI_BENCH_ACCURACY_PICTURES_H_

#include <optional>
#include <string>
#include <vector>

#include "common/files.h"
#include "eval/accuracy_results.h"
#include "lasso/image.h"
#include "lasso/mask.h"

namespace lasso::app {

// The worst prompt of one image, with its masks.
struct AccuracyCase {
  std::string path;                 // of the image
  std::optional<ValueRange> range;  // that it was read in
  ImageResult image;
  std::size_t prompt = 0;
  std::string truth;               // RLE; empty where it is not known
  std::vector<std::string> masks;  // RLE, one per side

  const PromptResult& shown() const { return image.prompts[prompt]; }
};

// Keeps the worst of the cases that it is given.
class WorstCases {
 public:
  explicit WorstCases(std::size_t limit) : limit_(limit) {}

  void add(AccuracyCase one);
  // The lowest IoU first, those without any last; the earlier image first among equals.
  const std::vector<AccuracyCase>& cases() const { return cases_; }

 private:
  std::size_t limit_;
  std::vector<AccuracyCase> cases_;
};

struct PanelLayer {
  Mask mask;
  Rgb color;
  bool thin = false;  // single pixels matter: they stay visible when the picture is made smaller
};

struct Panel {
  std::string title;  // "original", "truth", "reference", "candidate", "difference"
  std::string text;   // which model, which IoU
  std::vector<PanelLayer> layers;
  bool points = false;
  bool faded = false;  // the image below the layers is made lighter by kFading
};

constexpr double kFading = 0.55;

constexpr Rgb kTruthColor{38, 166, 91};
constexpr Rgb kReferenceColor{38, 128, 235};
constexpr Rgb kCandidateColor{245, 140, 20};
constexpr Rgb kMissingColor{226, 40, 60};
constexpr Rgb kSurplusColor{150, 60, 220};

// The original with the points; the truth, if known; the reference's mask, if there is a reference;
// the candidates' masks; for one candidate alone also where it differs from the reference, or from
// the truth.
std::vector<Panel> make_panels(const AccuracyCase& one, const std::vector<SideInfo>& sides);

// Writes each panel at the image's size, under a name made of the image's, the prompt's number and
// the panel's title.
void save_panels(const Image& image, const AccuracyCase& one, const std::vector<SideInfo>& sides,
                 const std::string& folder, OutputNames* names);

// The image at most `side` pixels wide and high: means over rectangles of pixels.
Image shrink(const Image& image, int side);
// A mask shrunk as its image: where at least half of the pixels are inside, or any if thin.
Mask shrink(const PanelLayer& layer, int side);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_ACCURACY_PICTURES_H_
