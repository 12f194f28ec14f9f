#include "models/accuracy.h"

#include "core/check.h"
#include "core/json_fields.h"

namespace lasso {

inline const EnumNames<AgreementMeasure>& names_of(EnumTag<AgreementMeasure> /*tag*/) {
  static const EnumNames<AgreementMeasure> names{
      {AgreementMeasure::kMaskIou, "mask_iou"}, {AgreementMeasure::kBoxPrecision, "box_precision"}};
  return names;
}

template <class V>
void fields(V& v, AccuracyRecord& accuracy) {
  v("measure", accuracy.measure);
  v("aim", accuracy.aim);
  v("mean", accuracy.mean);
  v("standard_error", accuracy.standard_error);
  v("lowest", accuracy.lowest);
  v("mean_50", accuracy.mean_50);
  v("images", accuracy.images);
  v("compared", accuracy.compared);
  v("without_evidence", accuracy.without_evidence);
  v("random_pictures", accuracy.random_pictures);
  v("seed", accuracy.seed);
}

std::string accuracy_to_json(const AccuracyRecord& accuracy) {
  return write_fields(accuracy).dump();
}

AccuracyRecord accuracy_from_json(const std::string& json, const std::string& where) {
  const auto accuracy = read_fields<AccuracyRecord>(parse_json(json, where), where);
  const auto in_range = [](double figure) { return figure >= 0 && figure <= 1; };
  LASSO_CHECK(in_range(accuracy.aim) && in_range(accuracy.mean) &&
                  in_range(accuracy.standard_error) && in_range(accuracy.lowest) &&
                  in_range(accuracy.mean_50),
              ErrorCode::kCorruptFile, "{}: figures of agreement are expected from 0 to 1", where);
  LASSO_CHECK(accuracy.measure != AgreementMeasure::kMaskIou || accuracy.lowest <= accuracy.mean,
              ErrorCode::kCorruptFile, "{}: the lowest IoU, {}, is above the mean, {}", where,
              accuracy.lowest, accuracy.mean);
  LASSO_CHECK(accuracy.images >= 0 && accuracy.compared >= 0 && accuracy.without_evidence >= 0 &&
                  accuracy.seed >= 0,
              ErrorCode::kCorruptFile,
              "{}: a number of images, masks or boxes, or a seed, is negative", where);
  return accuracy;
}

}  // namespace lasso
