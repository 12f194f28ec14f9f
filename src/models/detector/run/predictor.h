// Running a detector: images -> boxes. One predictor per thread.
#ifndef LASSO_MODELS_DETECTOR_RUN_PREDICTOR_H_
#define LASSO_MODELS_DETECTOR_RUN_PREDICTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/device.h"
#include "engine/run/session.h"
#include "image/letterbox.h"
#include "lasso/detector.h"
#include "models/detector/programs.h"
#include "models/detector/recognise.h"
#include "models/detector/run/network_images.h"
#include "models/family.h"

namespace lasso::detector {

class Predictor {
 public:
  // Throws kUnsupported for a model that is no detector, and kInvalidArgument for options that do
  // not fit it.
  Predictor(const Model& model, int threads, const DetectorOptions& options);
  Predictor(const Predictor&) = delete;
  Predictor& operator=(const Predictor&) = delete;

  // Throws kUnsupported where results are not finite.
  void detect(const ImageView* images, std::size_t count, const DetectOptions& options,
              DetectionArrays& result);

  const DetectorInfo& info() const { return interface_.info; }
  const DetectTimings& timings() const { return timings_; }

 private:
  // What the programs give for a batch, on the host: the arrays of DetectionNms or EfficientNms, or
  // rows and their count.
  struct Found {
    std::vector<std::int32_t> counts;
    std::vector<float> boxes;
    std::vector<float> scores;
    std::vector<std::int32_t> classes;
    std::vector<std::int32_t> bad;
    std::vector<float> rows;
  };
  // A detection in the network's pixels.
  struct Row {
    Box box;
    float score = 0;
    std::int32_t label = 0;
  };

  bool has_own_rules() const { return has_own_suppression(interface_.info); }
  std::size_t images_per_run() const;
  void set_target(const DetectorOptions& options);
  void set_anchors(const std::vector<float>& anchors);
  void set_network(std::shared_ptr<const engine::CompiledModule> module);
  // Makes the sessions for the rules.
  void apply(const Rules& rules);
  // Images of the call with their letterboxes; `batch` are places among them, all of one size.
  void run_batch(const ImageView* images, const std::vector<std::size_t>& batch);
  // The sizes of the network's run for images of one letterbox.
  graph::Bindings bind_network(const Letterbox& letterbox, std::size_t images) const;
  void run_network(const graph::Bindings& bindings);
  void run_detections(const graph::Bindings& bindings);
  // A network's output that its caller has, or that is only there because the program gives it.
  engine::TensorRef place_output(std::size_t output, const graph::Bindings& bindings);
  // Of image `place` of the last batch; `names` it in messages.
  void take(std::size_t place, const std::string& name, const Letterbox& letterbox,
            std::size_t image, DetectionArrays& result);
  void read_rows(std::size_t place);
  void store(const Letterbox& letterbox, std::size_t image, DetectionArrays& result) const;
  std::string name_of(std::size_t image, std::size_t count) const;
  const graph::Graph& program() const { return module_->programs.front().graph; }

  std::shared_ptr<const engine::CompiledModule> module_;
  std::string precision_;
  Interface interface_;
  int threads_;
  LetterboxTarget target_;
  std::optional<Rules> rules_;  // of the sessions
  std::unique_ptr<engine::Session> network_;
  std::unique_ptr<engine::Session> detections_;  // null where the network has its own rules
  std::unique_ptr<NetworkImages> inputs_;        // of network_
  std::vector<Letterbox> letterboxes_;           // of the call
  std::vector<backend::Buffer> outputs_;         // of the network, on its device
  std::vector<engine::TensorRef> results_;
  Found found_;
  std::vector<Row> rows_;  // of an image
  DetectTimings timings_;
};

}  // namespace lasso::detector

#endif  // LASSO_MODELS_DETECTOR_RUN_PREDICTOR_H_
