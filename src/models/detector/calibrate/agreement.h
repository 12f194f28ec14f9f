// How well the boxes of one engine agree with those of another.
#ifndef LASSO_MODELS_DETECTOR_CALIBRATE_AGREEMENT_H_
#define LASSO_MODELS_DETECTOR_CALIBRATE_AGREEMENT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "lasso/detector.h"
#include "metrics/mean_precision.h"
#include "quant/calibrate.h"

namespace lasso::detector {

// With what both engines look for boxes: what `lasso detect` does, but for a lower threshold of
// scores, as of curves of precision and recall. A model with a suppression of its own keeps its
// thresholds.
DetectOptions measuring_options(const DetectorInfo& info);

// Above this score a box of the fp32 engine is an object: where `lasso detect` shows it. Everything
// that a model's own suppression leaves is one.
double object_threshold(const DetectorInfo& info);

// COCO's mean average precision over several pictures, where the reference's boxes above the
// threshold are the objects, and each class that has one counts. A picture in which neither engine
// has a box above it is no evidence: they are counted apart, and nothing of them counts. All boxes
// of an image count, however many there are: COCO's limit of 100 for a class would have an engine
// disagree with itself. Boxes without an area, which were found in the border and are cut at the
// image's edge, overlap nothing, themselves neither, and count nowhere.
class BoxAgreement {
 public:
  explicit BoxAgreement(double threshold) : threshold_(threshold) {}

  // `run_ms` is 0 where the engine's values were not finite, and `found` is empty then.
  void add(const std::vector<Detection>& found, double run_ms,
           const std::vector<Detection>& reference);

  int images() const { return static_cast<int>(pictures_.size()); }
  int boxes() const;            // of the reference that are objects
  double precision_50() const;  // at an IoU of 0.50; 0 without objects
  // The mean is 0 without objects; its standard error is the jackknife's over at most 32 parts of
  // the pictures, 0 for fewer than two that have objects; the lowest is a picture's by itself.
  quant::Score score() const;

 private:
  struct Picture {
    std::vector<TruthBox> objects;
    std::vector<FoundBox> found;
  };

  // Classes of any numbers are counted in the order in which they are seen.
  std::size_t category_of(std::int32_t class_id);
  // Of the pictures whose numbers the predicate takes.
  template <typename Predicate>
  MeanPrecision measure(const Predicate& takes) const;
  double standard_error() const;
  double lowest() const;

  double threshold_;
  std::map<std::int32_t, std::size_t> categories_;
  std::vector<Picture> pictures_;
  std::vector<double> run_ms_;
  int without_evidence_ = 0;
};

}  // namespace lasso::detector

#endif  // LASSO_MODELS_DETECTOR_CALIBRATE_AGREEMENT_H_
