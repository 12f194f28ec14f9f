// How well the masks of one engine agree with those of another.
#ifndef LASSO_MODELS_SAM_CALIBRATE_MASK_AGREEMENT_H_
#define LASSO_MODELS_SAM_CALIBRATE_MASK_AGREEMENT_H_

#include <cstddef>
#include <vector>

#include "lasso/mask.h"
#include "models/sam/calibrate/calibration_set.h"
#include "models/sam/run/predictor.h"

namespace lasso::sam {

using PictureMasks = std::vector<Rle>;  // one for each prompt

// The single masks of prompts, at the picture's size.
std::vector<Mask> masks_of(Predictor& predictor, const Embedding& embedding,
                           const std::vector<Prompt>& prompts);
PictureMasks encoded(const std::vector<Mask>& masks);

struct PictureAnswer {
  std::vector<Mask> masks;
  double encode_ms = 0;
};
PictureAnswer answer_of(Predictor& predictor, const CalibrationPicture& picture);

// IoUs with the reference over several pictures.
class Agreement {
 public:
  void add(const PictureAnswer& answer, const PictureMasks& reference);

  int images() const { return static_cast<int>(image_means_.size()); }
  int masks() const { return masks_; }
  double mean() const;  // over masks
  double lowest() const { return lowest_; }
  // Of the mean, from how much the means of pictures differ; 0 for one picture.
  double standard_error() const;
  double median_encode_ms() const;

 private:
  double sum_ = 0;
  double lowest_ = 1;
  int masks_ = 0;
  std::vector<double> image_means_;
  std::vector<double> encode_ms_;
};

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_CALIBRATE_MASK_AGREEMENT_H_
