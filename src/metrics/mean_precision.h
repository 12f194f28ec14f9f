// Mean average precision of boxes, as COCO defines it.
#ifndef LASSO_METRICS_MEAN_PRECISION_H_
#define LASSO_METRICS_MEAN_PRECISION_H_

#include <array>
#include <cstddef>
#include <vector>

namespace lasso {

// In pixels, as COCO's files have boxes: the upper left corner and the sides.
struct CocoBox {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

// Intersection over union; 0 where they do not overlap.
double box_iou(const CocoBox& a, const CocoBox& b);

// An object that is known to be in an image.
struct TruthBox {
  std::size_t category = 0;  // below the number of categories
  CocoBox box;
  bool crowd = false;  // a group: it may be found any number of times, and need not be
};

// An object that was found.
struct FoundBox {
  std::size_t category = 0;
  CocoBox box;
  double score = 0;
};

// IoUs of 0.50, 0.55, ..., 0.95: what a found box must have with a true one.
constexpr std::size_t kPrecisionThresholds = 10;

struct MeanPrecision {
  double map = 0;     // mean over thresholds, and over categories that are in the truth
  double map_50 = 0;  // at IoU 0.50
  double map_75 = 0;
  std::vector<double> categories;   // mean over thresholds; below 0: not in the truth
  std::vector<std::size_t> truths;  // of each category, without crowds
  std::size_t images = 0;
  std::size_t empty_images = 0;  // with neither truth nor found boxes: they tell nothing
};

// Collects images, and computes what COCO's evaluation calls AP, AP50 and AP75 of boxes: for each
// category and threshold, found boxes take true ones in the order of their scores, each the one of
// the highest IoU that is left; precision, made to fall with recall, is averaged over recalls of
// 0, 0.01, ..., 1. Of an image and category the best `most_found` found boxes count. Where no
// category is in the truth, all means are -1, as COCO's are.
class PrecisionMeter {
 public:
  static constexpr std::size_t kMostFound = 100;  // COCO's

  explicit PrecisionMeter(std::size_t categories, std::size_t most_found = kMostFound)
      : hits_(categories), truths_(categories, 0), most_found_(most_found) {}

  // Images come in the order of their ids, which decides between equal scores. Categories that are
  // not below the number of categories are passed over.
  void add(const std::vector<TruthBox>& truth, const std::vector<FoundBox>& found);

  MeanPrecision result() const;

 private:
  // A found box: its score, and at each threshold what became of it.
  enum class Fate : unsigned char { kWrong, kRight, kIgnored };
  struct Hit {
    double score = 0;
    std::array<Fate, kPrecisionThresholds> fates{};
  };

  void add_category(std::size_t category, const std::vector<TruthBox>& truth,
                    const std::vector<FoundBox>& found);
  double precision(std::size_t category, std::size_t threshold) const;

  std::vector<std::vector<Hit>> hits_;  // of each category
  std::vector<std::size_t> truths_;
  std::size_t most_found_;
  std::size_t images_ = 0;
  std::size_t empty_images_ = 0;
};

}  // namespace lasso

#endif  // LASSO_METRICS_MEAN_PRECISION_H_
