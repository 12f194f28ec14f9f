// Running a detector: images -> boxes. One predictor per thread.
#ifndef LASSO_MODELS_DETECTOR_RUN_PREDICTOR_H_
#define LASSO_MODELS_DETECTOR_RUN_PREDICTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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

  // Calls it after every step of the network's program from now on; see engine::Session.
  void set_trace(engine::Session::Trace trace);

  const DetectorInfo& info() const { return interface_.info; }
  const graph::Graph& program() const { return module_->programs.front().graph; }
  // What images are letterboxed to.
  const LetterboxTarget& target() const { return target_; }
  // How many images a run has at least; places for others are empty.
  std::size_t least_batch() const { return batches_.front(); }
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
    std::size_t rank = 0;  // among those of the image, as the model gives them
  };
  // A run of so many images of one size.
  struct Binding {
    int height = 0;  // of the network's input
    int width = 0;
    std::size_t places = 0;
    std::vector<std::int64_t> network;      // symbols of its program
    std::vector<std::size_t> output_sizes;  // elements of each of the network's outputs
    std::vector<std::int64_t> detections;   // symbols of the program behind it, where there is one
    std::size_t images = 0;                 // of which that gives results
  };

  bool has_own_rules() const { return has_own_suppression(interface_.info); }
  void set_target(const DetectorOptions& options);
  void set_anchors(const std::vector<float>& anchors);
  void set_batches();
  // Of a run for so many images at most: as many as there may be, or more where these are too few,
  // and places without an image are left.
  std::size_t places_for(std::size_t images) const;
  void set_network(std::shared_ptr<const engine::CompiledModule> module);
  // Makes the sessions for the rules.
  void apply(const Rules& rules);
  // Images of the call; `batch` are places among them, all of one size.
  void run_batch(const ImageView* images, std::span<const std::size_t> batch);
  // One of late, or a new one. Valid until the next call.
  const Binding& bind(const Letterbox& letterbox, std::size_t places);
  // The sizes of the network's run for images of one letterbox.
  graph::Bindings bind_network(const Letterbox& letterbox, std::size_t images) const;
  // The same of the program behind it.
  void bind_detections(const graph::Bindings& network, Binding& binding) const;
  void run_network(const Binding& binding);
  void run_detections(const Binding& binding);
  // A network's output that its caller has, or that is only there because the program gives it.
  engine::TensorRef place_output(std::size_t output, std::size_t count);
  // Of image `place` of the last batch, which is `image` of the call's.
  void take(std::size_t place, std::size_t image, DetectionArrays& result);
  void read_rows(std::size_t place);
  void store(std::size_t image, DetectionArrays& result) const;
  // What messages call an image of the call.
  std::string name_of(std::size_t image) const;

  std::shared_ptr<const engine::CompiledModule> module_;
  std::string precision_;
  Interface interface_;
  int threads_;
  LetterboxTarget target_;
  std::vector<std::size_t> batches_;  // how many images a run may have, the fewest first
  std::optional<Rules> rules_;        // of the sessions
  std::unique_ptr<engine::Session> network_;
  std::unique_ptr<engine::Session> detections_;  // null where the network has its own rules
  std::unique_ptr<NetworkImages> inputs_;        // of network_
  std::optional<DetectOptions> options_;         // of the rules, as they were asked for
  std::vector<Binding> bindings_;                // of late
  std::vector<Letterbox> letterboxes_;           // of the call's images
  std::vector<std::size_t> order_;               // of the call's images, by their letterboxes
  std::vector<backend::Buffer> outputs_;         // of the network, on its device
  std::vector<engine::TensorRef> results_;
  std::vector<engine::ConstTensorRef> maps_;  // those of them that the program behind it takes
  Found found_;
  std::vector<Row> rows_;  // of an image
  DetectTimings timings_;
  engine::Session::Trace trace_;  // of network_
};

}  // namespace lasso::detector

#endif  // LASSO_MODELS_DETECTOR_RUN_PREDICTOR_H_
