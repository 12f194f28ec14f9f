// What a detector found in an image, and how programs are told: as JSON, and as lines of YOLO's
// and COCO's files.
#ifndef LASSO_COMMON_DETECTIONS_H_
#define LASSO_COMMON_DETECTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "common/json_text.h"
#include "common/outputs.h"
#include "lasso/detector.h"
#include "lasso/image.h"
#include "lasso/segmenter.h"

namespace lasso::app {

// The classes of a run's model.
struct Classes {
  std::vector<std::string> names;  // empty: none are known
  bool coco91 = false;             // COCO's own numbers in COCO's files, which go to 90

  // In COCO's files.
  int category(int class_id) const;
};

// What became of one image.
struct DetectReport {
  std::string path;
  int width = 0;
  int height = 0;
  std::optional<ValueRange> range;  // that the picture was read in
  std::string error_code;           // empty: the image was done
  std::string error;
  std::vector<Detection> detections;             // the best first
  std::vector<MaskSummary> masks;                // of each detection, if masks were asked for
  OrderedJson files = OrderedJson::object();     // what was written, also before an error
  OrderedJson left_out = OrderedJson::object();  // ImageOutputs::left_out()
  double load_ms = 0;                            // reading and decoding the image
  int batch = 1;                                 // images that the detector took in one call
  DetectTimings timings;                   // of an image: of the call, by the number of its images
  std::optional<Timings> segment_timings;  // if masks were asked for
};

// How long it took to load the models of a run.
struct LoadTimes {
  double detector_ms = 0;
  std::optional<double> segmenter_ms;
};

// One object.
OrderedJson to_json(const DetectReport& report, const Classes& classes, const LoadTimes& times);

// A line for each detection: class, centre and sides as parts of the image's, and with `scores` the
// score; six digits, as YOLOv7's detect.py has it.
std::string yolo_text(const std::vector<Detection>& detections, int width, int height, bool scores);

// The detections as entries of a file of COCO results, without the list around them. The image's id
// is the number that its file is called by, else its name without the extension.
OrderedJson coco_results(const DetectReport& report, const Classes& classes);

}  // namespace lasso::app

#endif  // LASSO_COMMON_DETECTIONS_H_
