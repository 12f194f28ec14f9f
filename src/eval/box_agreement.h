// How far two detectors find the same in the same images.
#ifndef LASSO_EVAL_BOX_AGREEMENT_H_
#define LASSO_EVAL_BOX_AGREEMENT_H_

#include <cstddef>
#include <vector>

#include "metrics/mean_precision.h"

namespace lasso {

struct BoxAgreement {
  std::size_t images = 0;
  std::size_t empty_images = 0;  // in which neither finds anything: no evidence
  std::size_t same = 0;          // boxes that both find
  std::size_t only_first = 0;
  std::size_t only_second = 0;
  double mean_iou = 0;  // of the boxes that both find; these are 0 where there are none
  double lowest_iou = 0;
  double score_difference = 0;  // the largest between two such boxes

  // Boxes that both find, in parts of all that either finds; 0 where nobody finds any.
  double part() const;
};

// Collects images. Boxes are the same where they have one category and an IoU of at least 0.5; each
// of the first detector's, the best first, takes the one of the second's that it overlaps most and
// that is left. Boxes without an area, which are cut at the image's edge, overlap nothing, and
// count nowhere.
class AgreementMeter {
 public:
  void add(const std::vector<FoundBox>& first, const std::vector<FoundBox>& second);
  BoxAgreement result() const;

 private:
  BoxAgreement sums_;  // mean_iou: the sum
};

}  // namespace lasso

#endif  // LASSO_EVAL_BOX_AGREEMENT_H_
