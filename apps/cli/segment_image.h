// Segmenting one image: read, encode, answer the prompts, write the results.
#ifndef LASSO_CLI_SEGMENT_IMAGE_H_
#define LASSO_CLI_SEGMENT_IMAGE_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lasso/segmenter.h"
#include "outputs.h"
#include "prompts.h"

namespace lasso::cli {

// What to do with every image.
struct SegmentSettings {
  Formats formats;
  std::filesystem::path folder;  // of generated files
  bool json = false;
  std::int64_t max_pixels = 100'000'000;
  std::string load_embedding;
  std::string save_embedding;  // a file, or a folder for generated names; empty: no
  std::string save_logits;     // the same
};

// What became of one image.
struct ImageReport {
  std::string path;
  int width = 0;
  int height = 0;
  std::string error_code;  // empty: the image was done, though single prompts may have failed
  std::string error;
  std::vector<PromptTask> prompts;  // those that were answered
  std::vector<PromptFailure> failures;
  std::vector<MaskSummary> masks;
  Json files = Json::object();
  double load_ms = 0;  // reading and decoding the image, or the embedding
  Timings timings;

  bool failed() const { return !error.empty() || !failures.empty(); }
};

// Never throws because of the image or its prompts: what failed stands in the report. Throws what
// concerns the whole run (no memory, a failing device, a bug).
// `wait` is called before names are claimed for the image's files.
ImageReport segment_image(lasso::Segmenter* segmenter, const ImageTask& task,
                          const SegmentSettings& settings, OutputNames* names,
                          const std::function<void()>& wait);

// One JSON object.
Json to_json(const ImageReport& report, double model_load_ms);
// One JSON object for the prompts that belong to no image.
Json to_json(const std::vector<PromptFailure>& failures);
// Lines for a person; names are padded to `name_width`.
std::string to_text(const ImageReport& report, std::size_t name_width);

}  // namespace lasso::cli

#endif  // LASSO_CLI_SEGMENT_IMAGE_H_
