// How well the masks of one engine agree with those of another.
#ifndef LASSO_MODELS_SAM_CALIBRATE_MASK_AGREEMENT_H_
#define LASSO_MODELS_SAM_CALIBRATE_MASK_AGREEMENT_H_

#include <cstddef>
#include <vector>

#include "lasso/mask.h"
#include "models/calibration_set.h"
#include "models/sam/run/predictor.h"

namespace lasso::sam {

using PictureMasks = std::vector<Rle>;  // one for each prompt

// The single masks of prompts, at the picture's size.
std::vector<Mask> masks_of(Predictor& predictor, const Embedding& embedding,
                           const std::vector<Prompt>& prompts);
PictureMasks encoded(const std::vector<Mask>& masks);

// Whether there is a mask that is not empty.
bool shows_something(const PictureMasks& masks);

struct PictureAnswer {
  std::vector<Mask> masks;  // none where what the engine computes is not finite
  double encode_ms = 0;
};
PictureAnswer answer_of(Predictor& predictor, const CalibrationPicture& picture);

// IoUs with the reference over several pictures. Of two empty masks there is none: nothing was
// found that could agree, and a broken engine finds nothing, too. They are counted apart, and
// pictures that have no others do not count. What is not finite has IoU 0 with any mask.
class Agreement {
 public:
  void add(const PictureAnswer& answer, const PictureMasks& reference);

  int images() const { return static_cast<int>(image_means_.size()); }
  int masks() const { return masks_; }  // pairs that have an IoU
  int empty_pairs() const { return empty_pairs_; }
  double mean() const;  // over masks; 0 without any
  double lowest() const { return masks_ == 0 ? 0 : lowest_; }
  // Of the mean, from how much the means of pictures differ; 0 for one picture.
  double standard_error() const;
  double median_encode_ms() const;

 private:
  double sum_ = 0;
  double lowest_ = 1;
  int masks_ = 0;
  int empty_pairs_ = 0;
  std::vector<double> image_means_;
  std::vector<double> encode_ms_;
};

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_CALIBRATE_MASK_AGREEMENT_H_
