#include "cli/bench/speed/detect_runtime.h"

#include <utility>

#include "cli/model/detector_model.h"
#include "cli/model/model.h"
#include "cli/model/picture.h"
#include "core/check.h"
#include "core/stopwatch.h"
#include "lasso/detector.h"
#include "lasso/image.h"

namespace lasso::app {

namespace {

DetectorOptions with_threads(int threads) {
  DetectorOptions options;
  options.threads = threads;
  return options;
}

class DetectRuntime : public SpeedRuntime {
 public:
  DetectRuntime(const Operand& operand, const SpeedSetup& setup)
      : operand_(operand),
        path_(setup.image),
        run_(apply_variant(operand, setup.run)),
        image_(load_picture(setup.image, 0, 0)),
        pictures_(image_),
        model_(open_detector_operand(operand, setup.model, run_)),
        detector_(make_detector(model_, with_threads(run_.threads))) {}

  OrderedJson info() const override {
    double gflop = 0;
    for (const ProgramInfo& program : model_.engine.info().programs) {
      for (const LayerInfo& layer : program.layers) gflop += layer.gflop;
    }
    OrderedJson json = engine_json(operand_, run_, model_, detector_.threads(), image_);
    json["gflop"] = {{"network", gflop}};
    return json;
  }

  OrderedJson network() override {
    detect(pictures_.view(next_picture_++));
    next_picture_ %= ShiftedPictures::kCount;
    return {{"ms", detector_.last_timings().network_ms}};
  }

  OrderedJson detect() override {
    const ImageView view = pictures_.view(next_picture_++);
    next_picture_ %= ShiftedPictures::kCount;
    const Stopwatch watch;
    detect(view);
    OrderedJson json = {{"ms", watch.milliseconds()}};
    json.update(parts());
    return json;
  }

  OrderedJson end_to_end() override {
    const Stopwatch watch;
    const TimedImage timed = read_timed(path_);
    detect(timed.image.view());
    OrderedJson json = {{"ms", watch.milliseconds()}, {"read_ms", timed.read_ms}};
    json.update(parts());
    return json;
  }

  OrderedJson encode(int /*images*/) override { refuse(); }
  OrderedJson decode(int /*prompts*/) override { refuse(); }
  OrderedJson run() override { refuse(); }
  OrderedJson layers() override { refuse(); }

  OrderedJson gpu_state() override { return gpu_state_json(model_.engine.info()); }

 private:
  void detect(const ImageView& view) {
    with_model([&] { detector_.detect(view); });
  }

  OrderedJson parts() const {
    const DetectTimings& timings = detector_.last_timings();
    return {{"preprocess_ms", timings.preprocess_ms},
            {"network_ms", timings.network_ms},
            {"suppress_ms", timings.suppress_ms},
            {"postprocess_ms", timings.postprocess_ms}};
  }

  [[noreturn]] static void refuse() {
    fail(ErrorCode::kInternal, "a stage of another measurement, where a detector is measured");
  }

  Operand operand_;
  std::string path_;
  RunOptions run_;
  Image image_;
  ShiftedPictures pictures_;
  int next_picture_ = 0;
  OpenModel model_;
  Detector detector_;
};

}  // namespace

std::unique_ptr<SpeedRuntime> make_detect_runtime(const Operand& operand, const SpeedSetup& setup) {
  return std::make_unique<DetectRuntime>(operand, setup);
}

}  // namespace lasso::app
