#include "cli/bench/speed/runtime.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "cli/bench/speed/detect_runtime.h"
#include "cli/bench/speed/tensor_runtime.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/model/gpu.h"
#include "cli/model/layer_json.h"
#include "cli/model/layer_times.h"
#include "cli/model/model.h"
#include "cli/model/other_runtime.h"
#include "cli/model/parts.h"
#include "cli/model/picture.h"
#include "core/check.h"
#include "core/stopwatch.h"
#include "lasso/image.h"
#include "lasso/segmenter.h"

namespace lasso::app {

namespace {

// Points spread over the image, one a prompt.
std::vector<Prompt> spread_prompts(int count, int width, int height) {
  const int columns = static_cast<int>(std::ceil(std::sqrt(count)));
  const int rows = (count + columns - 1) / columns;
  std::vector<Prompt> prompts;
  for (int i = 0; i < count; ++i) {
    const int column = i % columns;
    const int row = i / columns;
    Prompt prompt;
    prompt.points.push_back(
        {static_cast<float>(width * (2 * column + 1)) / static_cast<float>(2 * columns),
         static_cast<float>(height * (2 * row + 1)) / static_cast<float>(2 * rows)});
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

// Nobody who times masks reads their low-resolution logits.
SegmentOptions masks_alone() {
  SegmentOptions options;
  options.low_res_logits = false;
  return options;
}

double program_gflop(const EngineInfo& info, const std::string& name) {
  double gflop = 0;
  for (const ProgramInfo& program : info.programs) {
    if (program.name != name) continue;
    for (const LayerInfo& layer : program.layers) gflop += layer.gflop;
  }
  return gflop;
}

class LassoRuntime : public SpeedRuntime {
 public:
  LassoRuntime(const Operand& operand, const SpeedSetup& setup)
      : operand_(operand),
        path_(setup.image),
        run_(apply_variant(operand, setup.run)),
        image_(load_picture(setup.image, 0, 0)),
        pictures_(image_),
        parts_(open_operand(operand, setup.model, run_)),
        segmenter_(make_segmenter(operand, run_, &parts_)) {}

  OrderedJson info() const override {
    OrderedJson json = engine_json(operand_, run_, parts_.model, segmenter_.threads(), image_);
    json["gflop"] = {{"encode", encoder_gflop()},
                     {"decode", program_gflop(engine().info(), "mask_decoder")}};
    if (run_.runtime != "lasso") json["settings"] = settings_json(segmenter_.runtime_settings());
    return json;
  }

  // On a GPU preparing the image is a part of the call: its bytes go up while kernels work.
  OrderedJson encode(int images) override {
    std::vector<ImageView> views;
    for (int i = 0; i < images; ++i) views.push_back(pictures_.view(next_picture_++));
    next_picture_ %= ShiftedPictures::kCount;
    with_model([&] {
      if (images == 1) {
        segmenter_.encode(views.front());
      } else {
        segmenter_.encode(views);
      }
    });
    const Timings& timings = segmenter_.last_timings();
    return {{"ms", timings.encode_ms + (on_gpu() ? timings.preprocess_ms : 0)},
            {"preprocess_ms", timings.preprocess_ms}};
  }

  OrderedJson decode(int prompts) override {
    with_model([&] {
      if (!embedding_) embedding_ = segmenter_.encode(image_.view());
      segmenter_.segment(embedding_, spread_prompts(prompts, image_.width, image_.height),
                         masks_alone());
    });
    const Timings& timings = segmenter_.last_timings();
    return {{"ms", timings.decode_ms}, {"postprocess_ms", timings.postprocess_ms}};
  }

  OrderedJson end_to_end() override {
    const Stopwatch watch;
    const TimedImage timed = read_timed(path_);
    const Image& image = timed.image;
    const Embedding embedding = with_model([&] { return segmenter_.encode(image.view()); });
    const Timings first = segmenter_.last_timings();
    with_model([&] {
      segmenter_.segment(embedding, spread_prompts(1, image.width, image.height), masks_alone());
    });
    const double ms = watch.milliseconds();
    const Timings& second = segmenter_.last_timings();
    return {{"ms", ms},
            {"read_ms", timed.read_ms},
            {"preprocess_ms", first.preprocess_ms},
            {"encode_ms", first.encode_ms},
            {"decode_ms", second.decode_ms},
            {"postprocess_ms", second.postprocess_ms}};
  }

  OrderedJson run() override { fail(ErrorCode::kInternal, "tensors, where pictures are measured"); }

  OrderedJson gpu_state() override { return gpu_state_json(engine().info()); }

  OrderedJson layers() override {
    const LayerTimes times = with_model([&] { return time_layers(&segmenter_, image_.view()); });
    OrderedJson layers = OrderedJson::array();
    for (const ProgramInfo& program : engine().info().programs) {
      const char* stage = program.name == "image_encoder"  ? "encode"
                          : program.name == "mask_decoder" ? "decode_1"
                                                           : nullptr;
      if (stage == nullptr) continue;
      for (const LayerInfo& layer : program.layers) {
        const auto ms = times.find({program.name, layer.name});
        if (ms == times.end()) continue;
        layers.push_back(layer_json(layer));
        layers.back()["stage"] = stage;
        layers.back()["ms"] = ms->second;
      }
    }
    return layers;
  }

 private:
  const lasso::Engine& engine() const { return parts_.model.engine; }
  bool on_gpu() const { return engine().info().device != "cpu"; }

  // Of the engines that stand in for the model's own encoder, where there are any.
  double encoder_gflop() const {
    if (parts_.encoders.empty()) return program_gflop(engine().info(), "image_encoder");
    double gflop = 0;
    for (const lasso::Engine& part : parts_.encoders) {
      const EngineInfo& info = part.info();
      gflop += program_gflop(info, info.sam ? "image_encoder" : info.programs.front().name);
    }
    return gflop;
  }

  Operand operand_;
  std::string path_;
  RunOptions run_;
  Image image_;
  ShiftedPictures pictures_;
  int next_picture_ = 0;
  OpenParts parts_;
  lasso::Segmenter segmenter_;
  Embedding embedding_;
};

}  // namespace

TimedImage read_timed(const std::string& path) {
  const Stopwatch watch;
  ReadImageOptions options;
  options.warnings = false;
  Image image = read_image(path, options);
  return {std::move(image), watch.milliseconds()};
}

OrderedJson engine_json(const Operand& operand, const RunOptions& run, const OpenModel& model,
                        int threads, const Image& image) {
  const EngineInfo& info = model.engine.info();
  OrderedJson json = {{"file", json_name(operand.model())},
                      {"variant", operand.variant},
                      {"runtime", run.runtime},
                      {"model", info.model},
                      {"model_hash", info.model_hash},
                      {"isa", info.isa},
                      {"threads", threads},
                      {"load_ms", model.load_ms},
                      {"width", image.width},
                      {"height", image.height}};
  if (run.runtime != "lasso") return json;
  json["device"] = info.device;
  json["precision"] = info.precision;
  if (info.device != "cpu") {
    json["gpu"] = info.devices.front();
    json["tf32"] = info.tf32;
  }
  return json;
}

OrderedJson gpu_state_json(const EngineInfo& info) {
  if (info.device == "cpu") return {};
  return to_json(lasso::gpu_state(info.devices.front()));
}

OrderedJson SpeedRuntime::detect() {
  fail(ErrorCode::kInternal, "a detector's stage, where none is measured");
}

OrderedJson SpeedRuntime::network() { return detect(); }

std::unique_ptr<SpeedRuntime> make_runtime(const Operand& operand, const SpeedSetup& setup) {
  if (setup.detect) return make_detect_runtime(operand, setup);
  if (setup.tensors) return make_tensor_runtime(operand, setup);
  return std::make_unique<LassoRuntime>(operand, setup);
}

}  // namespace lasso::app
