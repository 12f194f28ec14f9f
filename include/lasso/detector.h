// Detectors: images -> boxes with classes and scores, by an engine of a model that finds objects.
#ifndef LASSO_DETECTOR_H_
#define LASSO_DETECTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lasso/engine.h"
#include "lasso/export.h"
#include "lasso/image.h"
#include "lasso/types.h"

namespace lasso {

struct DetectorOptions {
  int threads = 0;  // 0: MachineInfo::threads
  // Side of the square that an image is made to fit into, pixels, where the model takes images of
  // any size; it is rounded up to a multiple of DetectorInfo::stride. None: 640, or the most that
  // the engine's profiles allow. A model of one size takes that one alone.
  std::optional<int> size = std::nullopt;
  // Where the model takes images of any size: pad the shorter side to the next multiple of
  // DetectorInfo::stride, and no further (the `auto` form of YOLOv7's letterbox). False: to the
  // square.
  bool rectangular = true;
  // Of a model whose outputs are maps that are not decoded (DetectorForm::kMaps): width and height
  // of each anchor in pixels of the network's input, of the finest map first. Empty: those of the
  // family, which DetectorInfo::anchors has.
  std::vector<float> anchors = {};
};

// What is asked of the suppression of boxes. Where a model brings its own, its thresholds hold
// unless others are given here.
struct DetectOptions {
  // A box's score is above it; where the model has an EfficientNMS_TRT node, at least this. None:
  // the model's own, or 0.25. In [0, 1].
  std::optional<double> conf_thres = std::nullopt;
  // Of two boxes of one class whose intersection over union is above it, the one with the lower
  // score goes; where the model has an EfficientNMS_TRT node, where it is at least this. None: the
  // model's own, or 0.45. In [0, 1].
  std::optional<double> iou_thres = std::nullopt;
  // How many boxes of an image there are at most: the best. None: as many as the model's own
  // suppression leaves, or 300. In [1, 30000]; more than the model's own leaves are never there.
  std::optional<int> topk = std::nullopt;
  // The classes that are wanted; empty: all. Of a model with a suppression of its own, what that
  // leaves is sifted.
  std::vector<int> classes = {};
  // Boxes go for those of other classes, too. A model with a NonMaxSuppression node of its own
  // cannot.
  bool agnostic = false;
  // A box counts for each class whose score is high enough, as YOLOv7's test.py has it; else for
  // its best class, as detect.py. A model with a suppression of its own decides that itself: where
  // it is an EfficientNMS_TRT node, it always counts for each.
  bool multi_label = false;
};

// An object that was found.
struct Detection {
  // Pixels of the original image, inside of it: 0 is the left or upper edge of the first pixel, and
  // the image's width or height the other edge of the last one.
  Box box;
  float score = 0;            // in [0, 1]
  std::int32_t class_id = 0;  // index of the class, from 0 on
};

// What was found in several images: the four arrays that detectors are exported with, row-major.
// Rows are ordered by falling score, and zeros from the count on.
struct LASSO_EXPORT DetectionArrays {
  std::int64_t images = 0;                   // N
  std::int64_t capacity = 0;                 // K: the most for an image
  std::vector<std::int32_t> num_detections;  // [N, 1]
  std::vector<float> boxes;                  // [N, K, 4]: x0, y0, x1, y1 as of Detection
  std::vector<float> scores;                 // [N, K]
  std::vector<std::int32_t> classes;         // [N, K]

  // Those of one image. `image` is below `images`.
  std::vector<Detection> of(std::int64_t image) const;
};

// Of the last call, milliseconds. A GPU works while the host goes on: its letterboxes are part of
// network_ms, where the host waits for them.
struct DetectTimings {
  double preprocess_ms = 0;   // letterboxes
  double network_ms = 0;      // with the suppression that is part of the model
  double suppress_ms = 0;     // decoding of maps and suppression that are not
  double postprocess_ms = 0;  // back to the original's pixels
};

// It belongs to one thread at a time: it owns the arena and the scratch memory. Not copyable; may
// be moved. A detector keeps its engine alive. What SegmenterOptions says of threads holds for it,
// too.
class LASSO_EXPORT Detector {
 public:
  // Throws kUnsupported for an engine of a model that is no detector, saying what its program takes
  // and gives and what is expected; kInvalidArgument for a number of threads out of range, a size
  // that the model does not take, and anchors that do not fit its outputs.
  explicit Detector(const Engine& engine, const DetectorOptions& options = {});
  ~Detector();
  Detector(Detector&&) noexcept;
  Detector& operator=(Detector&&) noexcept;

  const Engine& engine() const;
  int threads() const;
  const DetectorInfo& info()
      const;  // EngineInfo::detector of the engine, with the options' anchors

  // Finds objects in an image. Throws kInvalidArgument for an image without pixels or with a bad
  // stride, and for options out of range or that the model's own suppression does not have;
  // kUnsupported where results are not finite, which means that the model leaves the range of its
  // numbers for this image in the engine's precision; and kCorruptFile where the engine's file has
  // become shorter. The first call with other options than the last one's takes longer.
  std::vector<Detection> detect(const ImageView& image, const DetectOptions& options = {});

  // The same for several images, in their order, as if each were alone (up to rounding); those that
  // are equally large in the network's pixels go through it together, as many as a batch of the
  // model may have, eight at most and on a GPU sixteen. Where it has more at least, the other
  // places are empty.
  DetectionArrays detect(const std::vector<ImageView>& images, const DetectOptions& options = {});
  // The same into `result`, whose memory is reused.
  void detect(const std::vector<ImageView>& images, const DetectOptions& options,
              DetectionArrays* result);

  // Plans for images of such a size and such options, and runs everything once: later calls with
  // them take no time for it.
  void warm_up(int image_width, int image_height, int images = 1,
               const DetectOptions& options = {});

  const DetectTimings& last_timings() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lasso

#endif  // LASSO_DETECTOR_H_
