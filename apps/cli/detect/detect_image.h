// Finding objects in one image: read, detect, segment what was found, write the results.
#ifndef LASSO_CLI_DETECT_DETECT_IMAGE_H_
#define LASSO_CLI_DETECT_DETECT_IMAGE_H_

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/detect/image_list.h"
#include "common/detections.h"
#include "common/outputs.h"
#include "common/pictures.h"
#include "lasso/detector.h"
#include "lasso/segmenter.h"

namespace lasso::app {

// What to do with every image.
struct DetectSettings {
  Formats formats;
  bool scores = false;           // in YOLO's files
  std::filesystem::path folder;  // of generated files
  bool json = false;
  std::string coco;                         // the file of COCO results of the run; empty: none
  const PictureReader* pictures = nullptr;  // outlives the run
  DetectOptions options;
  Classes classes;
  std::vector<Category> categories;  // of COCO's files
};

// What works on one image at a time.
struct DetectWorker {
  lasso::Detector detector;
  std::optional<lasso::Segmenter> segmenter;  // none: boxes alone
};

// Never throws because of the image: what failed stands in the report. Throws what concerns the
// whole run (no memory, a failing device, a bug).
// `wait` is called before names are claimed for the image's files.
DetectReport detect_image(DetectWorker* worker, const ImageList::Entry& entry,
                          const DetectSettings& settings, OutputNames* names,
                          const std::function<void()>& wait);

}  // namespace lasso::app

#endif  // LASSO_CLI_DETECT_DETECT_IMAGE_H_
