// What became of an image, and how programs are told: as JSON.
#ifndef LASSO_COMMON_RESULT_JSON_H_
#define LASSO_COMMON_RESULT_JSON_H_

#include <optional>
#include <string>
#include <vector>

#include "common/json_text.h"
#include "common/outputs.h"
#include "common/prompts.h"
#include "lasso/image.h"
#include "lasso/segmenter.h"

namespace lasso::app {

// What became of one image.
struct ImageReport {
  std::string path;
  int width = 0;
  int height = 0;
  std::optional<ValueRange> range;  // that the picture was, or the embedding's had been, read in
  std::string error_code;  // empty: the image was done, though single prompts may have failed
  std::string error;
  std::vector<PromptTask> prompts;  // those that were answered
  std::vector<PromptFailure> failures;
  std::vector<MaskSummary> masks;
  OrderedJson files = OrderedJson::object();     // what was written, also before an error
  OrderedJson left_out = OrderedJson::object();  // ImageOutputs::left_out()
  double load_ms = 0;                            // reading and decoding the image, or the embedding
  Timings timings;

  bool failed() const { return !error.empty() || !failures.empty(); }
};

// [low, high], or null for the whole range.
OrderedJson range_json(const std::optional<ValueRange>& range);
double microsecond_precision(double ms);
// What stands in place of results: the error, and the files that were written before it.
void add_error(const std::string& code, const std::string& message, const OrderedJson& files,
               OrderedJson* json);
// One object.
OrderedJson to_json(const ImageReport& report, double model_load_ms);
// One object for the prompts that belong to no image.
OrderedJson to_json(const std::vector<PromptFailure>& failures);

}  // namespace lasso::app

#endif  // LASSO_COMMON_RESULT_JSON_H_
