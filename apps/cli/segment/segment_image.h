// Segmenting one image: read, encode, answer the prompts, write the results.
#ifndef LASSO_CLI_SEGMENT_SEGMENT_IMAGE_H_
#define LASSO_CLI_SEGMENT_SEGMENT_IMAGE_H_

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "common/outputs.h"
#include "common/pictures.h"
#include "common/prompts.h"
#include "common/result_json.h"
#include "lasso/segmenter.h"

namespace lasso::app {

// What to do with every image.
struct SegmentSettings {
  Formats formats;
  std::filesystem::path folder;  // of generated files
  bool json = false;
  const PictureReader* pictures = nullptr;  // outlives the run
  bool any_range = true;                    // --range is not given: a loaded embedding's is taken
  std::string load_embedding;
  // Of the image of an array in load_embedding, pixels; nothing: the image that is read.
  std::optional<std::pair<int, int>> image_size;
  std::string save_embedding;  // a file, or a folder for generated names; empty: no
  std::string save_logits;     // the same
};

// Never throws because of the image or its prompts: what failed stands in the report. Throws what
// concerns the whole run (no memory, a failing device, a bug).
// `wait` is called before names are claimed for the image's files.
ImageReport segment_image(lasso::Segmenter* segmenter, const ImageTask& task,
                          const SegmentSettings& settings, OutputNames* names,
                          const std::function<void()>& wait);

}  // namespace lasso::app

#endif  // LASSO_CLI_SEGMENT_SEGMENT_IMAGE_H_
