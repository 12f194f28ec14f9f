#include "models/sam/calibrate/mask_agreement.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

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
  const Embedding embedding = predictor.encode(picture.image.view());
  const double encode_ms = predictor.timings().encode_ms;
  return {masks_of(predictor, embedding, picture.prompts), encode_ms};
}

PictureMasks encoded(const std::vector<Mask>& masks) {
  PictureMasks result;
  for (const Mask& mask : masks) result.push_back(encode_rle(mask));
  return result;
}

void Agreement::add(const PictureAnswer& answer, const PictureMasks& reference) {
  const std::vector<Mask>& masks = answer.masks;
  LASSO_CHECK(masks.size() == reference.size() && !masks.empty(), ErrorCode::kInternal,
              "{} masks against {}", masks.size(), reference.size());
  double sum = 0;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const double iou = mask_iou(masks[i], decode_rle(reference[i]));
    sum += iou;
    lowest_ = std::min(lowest_, iou);
  }
  sum_ += sum;
  masks_ += static_cast<int>(masks.size());
  image_means_.push_back(sum / static_cast<double>(masks.size()));
  encode_ms_.push_back(answer.encode_ms);
}

double Agreement::mean() const { return masks_ == 0 ? 1 : sum_ / masks_; }

double Agreement::standard_error() const {
  if (image_means_.size() < 2) return 0;
  const auto count = static_cast<double>(image_means_.size());
  double mean = 0;
  for (const double value : image_means_) mean += value / count;
  double squares = 0;
  for (const double value : image_means_) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (count - 1) / count);
}

double Agreement::median_encode_ms() const {
  if (encode_ms_.empty()) return 0;
  // The first run of an engine also plans it.
  std::vector<double> sorted(encode_ms_.begin() + (encode_ms_.size() > 1 ? 1 : 0),
                             encode_ms_.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace lasso::sam
