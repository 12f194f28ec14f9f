// Finding objects in images: read, detect, segment what was found, write the results.
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

// What works on one image, or one batch of images, at a time.
struct DetectWorker {
  lasso::Detector detector;
  std::optional<lasso::Segmenter> segmenter;  // none: boxes alone
};

// What images need of their run.
struct DetectRun {
  OutputNames* names = nullptr;
  // Called before names are claimed for the files of the first image, and of each other one.
  std::function<void()> wait;
  std::function<void(const DetectReport&)> tell;  // behind `wait`, in the order of the images
};

// Images whose files are read on several threads and which the detector takes in one call. Never
// throws because of an image: what failed stands in its report, and the others are done. Throws
// what concerns the whole run (no memory, a failing device, a bug).
void detect_images(DetectWorker* worker, const std::vector<ImageList::Entry>& entries,
                   const DetectSettings& settings, const DetectRun& run);

}  // namespace lasso::app

#endif  // LASSO_CLI_DETECT_DETECT_IMAGE_H_
