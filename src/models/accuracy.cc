#include "models/accuracy.h"

#include "core/check.h"
#include "core/json_fields.h"

namespace lasso {

template <class V>
void fields(V& v, AccuracyRecord& accuracy) {
  v("min_iou", accuracy.min_iou);
  v("mean_iou", accuracy.mean_iou);
  v("standard_error", accuracy.standard_error);
  v("lowest_iou", accuracy.lowest_iou);
  v("images", accuracy.images);
  v("masks", accuracy.masks);
  v("empty_pairs", accuracy.empty_pairs);
  v("random_pictures", accuracy.random_pictures);
  v("seed", accuracy.seed);
}

std::string accuracy_to_json(const AccuracyRecord& accuracy) {
  return write_fields(accuracy).dump();
}

AccuracyRecord accuracy_from_json(const std::string& json, const std::string& where) {
  const auto accuracy = read_fields<AccuracyRecord>(parse_json(json, where), where);
  const auto in_range = [](double iou) { return iou >= 0 && iou <= 1; };
  LASSO_CHECK(in_range(accuracy.min_iou) && in_range(accuracy.mean_iou) &&
                  in_range(accuracy.standard_error) && in_range(accuracy.lowest_iou) &&
                  accuracy.lowest_iou <= accuracy.mean_iou,
              ErrorCode::kCorruptFile,
              "{}: IoUs are expected from 0 to 1, the lowest at most the mean", where);
  LASSO_CHECK(accuracy.images >= 0 && accuracy.masks >= 0 && accuracy.empty_pairs >= 0 &&
                  accuracy.seed >= 0,
              ErrorCode::kCorruptFile, "{}: a number of images or masks, or a seed, is negative",
              where);
  return accuracy;
}

}  // namespace lasso
