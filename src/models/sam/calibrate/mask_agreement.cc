#include "models/sam/calibrate/mask_agreement.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "models/median_time.h"

namespace lasso::sam {

std::vector<Mask> masks_of(Predictor& predictor, const Embedding& embedding,
                           const std::vector<Prompt>& prompts) {
  std::vector<Segmentation> results(prompts.size());
  predictor.segment(embedding, prompts.data(), prompts.size(), {}, results.data());
  std::vector<Mask> masks;
  for (Segmentation& result : results) masks.push_back(std::move(result.masks.front()));
  return masks;
}

PictureAnswer answer_of(Predictor& predictor, const CalibrationPicture& picture) {
  PictureAnswer answer;
  try {
    const Embedding embedding = predictor.encode(picture.image.view());
    answer.encode_ms = predictor.timings().encode_ms;
    answer.masks = masks_of(predictor, embedding, picture.prompts);
  } catch (const NotFinite&) {
    answer.masks.clear();
  }
  return answer;
}

bool shows_something(const PictureMasks& masks) {
  return std::any_of(masks.begin(), masks.end(),
                     [](const Rle& mask) { return mask_area(decode_rle(mask)) > 0; });
}

PictureMasks encoded(const std::vector<Mask>& masks) {
  PictureMasks result;
  for (const Mask& mask : masks) result.push_back(encode_rle(mask));
  return result;
}

void Agreement::add(const PictureAnswer& answer, const PictureMasks& reference) {
  const std::vector<Mask>& masks = answer.masks;
  LASSO_CHECK((masks.size() == reference.size() || masks.empty()) && !reference.empty(),
              ErrorCode::kInternal, "{} masks against {}", masks.size(), reference.size());
  double sum = 0;
  int pairs = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    double iou = 0;
    if (!masks.empty()) {
      const Mask expected = decode_rle(reference[i]);
      if (mask_area(masks[i]) == 0 && mask_area(expected) == 0) {
        ++empty_pairs_;
        continue;
      }
      iou = mask_iou(masks[i], expected);
    }
    sum += iou;
    ++pairs;
    lowest_ = std::min(lowest_, iou);
  }
  if (answer.encode_ms > 0) encode_ms_.push_back(answer.encode_ms);  // else it did not end
  if (pairs == 0) return;
  sum_ += sum;
  masks_ += pairs;
  image_means_.push_back(sum / pairs);
}

double Agreement::mean() const { return masks_ == 0 ? 0 : sum_ / masks_; }

double Agreement::standard_error() const {
  if (image_means_.size() < 2) return 0;
  const auto count = static_cast<double>(image_means_.size());
  double mean = 0;
  for (const double value : image_means_) mean += value / count;
  double squares = 0;
  for (const double value : image_means_) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (count - 1) / count);
}

double Agreement::median_encode_ms() const { return median_time(encode_ms_); }

}  // namespace lasso::sam
