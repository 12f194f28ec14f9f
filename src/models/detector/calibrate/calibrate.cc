#include "models/detector/calibrate/calibrate.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "core/check.h"
#include "image/letterbox.h"
#include "models/accuracy.h"
#include "models/calibration_report.h"
#include "models/calibration_set.h"
#include "models/detector/calibrate/agreement.h"
#include "models/detector/calibrate/layers.h"
#include "models/detector/run/predictor.h"
#include "models/precision.h"
#include "quant/calibrate.h"
#include "quant/observe_layers.h"

namespace lasso::detector {

namespace {

// Rows of each layer's inputs on which ranges are tried, over all pictures.
constexpr std::int64_t kSampledRows = 512;

using quant::Assignment;
using Pictures = std::span<const CalibrationPicture>;
using References = std::vector<std::vector<Detection>>;

class Calibration {
 public:
  Calibration(const DetectorSource& source, const engine::CompileOptions& compile,
              Precision precision, const CalibrationOptions& options)
      : source_(source),
        compile_(compile),
        options_(options),
        precision_(precision),
        names_(lowerable_layers(program())),
        layers_(task()) {
    report_.precision = precision;
    report_.lowest = lowest();
  }

  CalibratedDetector run() {
    run_reference();
    const Assignment chosen = precision_ == Precision::kAuto && can_choose()
                                  ? choose()
                                  : layers_.uniform(weights_of(lowest()));
    layers_.trial(chosen);
    return accept(chosen);
  }

 private:
  const graph::Graph& program() const { return source_.module.programs.front(); }
  quant::Candidates candidates() const {
    return lasso::candidates(compile_.target, compile_.reference);
  }
  Precision lowest() const {
    return precision_ == Precision::kAuto ? precision_of(candidates().layers.front()) : precision_;
  }
  double aim() const {
    return options_.min_map.value_or(precision_ == Precision::kAuto ? kDefaultAim : 0);
  }
  void report(const std::string& stage, std::size_t done, std::size_t total) const {
    if (options_.progress) {
      options_.progress(stage, static_cast<int>(done), static_cast<int>(total));
    }
  }

  // Throws where the target can't run the precision, before the work begins.
  quant::CalibrationTask task() {
    if (!compile_.reference) check_precision(lowest(), compile_.target);
    LASSO_CHECK(!names_.empty(), ErrorCode::kUnsupported,
                "{}: calibration lowers convolutions between the first and the last ones, and the "
                "model has none",
                source_.name);
    quant::CalibrationTask task;
    task.layers = names_;
    task.candidates = candidates();
    task.aim = aim();
    task.lower_rest = [this](quant::PrecisionPlan& plan, DType half) {
      lower_the_rest(program(), compile_.target, half, plan);
    };
    task.measure = [this](const quant::PrecisionPlan& plan) {
      return measure(compile(plan), set_.choosing, chosen_).score();
    };
    task.measure_few = [this](const quant::PrecisionPlan& plan) {
      return measure_few(compile(plan)).score().mean;
    };
    task.progress = [this](const std::string& stage, std::size_t done, std::size_t total) {
      report(stage, done, total);
    };
    return task;
  }

  Model compile(const quant::PrecisionPlan& plan) const {
    engine::CompileOptions options = compile_;
    options.precision = plan;
    engine::LoadedEngine compiled;
    compiled.model = source_.record;
    compiled.module = engine::compile(source_.module, options);
    return make_model(*source_.family, std::move(compiled), source_.name);
  }

  // The fp32 engine: the boxes of all pictures, and what its layers see in those that choose.
  void run_reference() {
    Model fp32 = compile({});
    fp32.record.precision = "fp32";  // in messages
    Predictor predictor(fp32, compile_.target.threads, {});
    measuring_ = measuring_options(predictor.info());
    threshold_ = object_threshold(predictor.info());
    const LetterboxTarget& target = predictor.target();
    set_ = gather_pictures(options_, std::max(target.width, target.height),
                           [&](const Image& image) { return reduced_to_network(image, target); });
    report_pictures(set_, report_);
    const graph::Graph& compiled = predictor.program();
    report_layers(names_, quant::shares_of_work(compiled, names_), report_);
    const std::size_t total = set_.choosing.size() + set_.accepting.size();
    const auto answer = [&](const CalibrationPicture& picture, References& references) {
      report("fp32 boxes", chosen_.size() + accepted_.size(), total);
      try {
        references.push_back(detect(predictor, picture));
      } catch (const Error& error) {
        fail(error.code(), "{}: {}", picture.name, error.what());
      }
    };
    if (lowest() == Precision::kInt8) {
      const auto images = static_cast<std::int64_t>(set_.choosing.size());
      quant::LayerObserver observer({&compiled}, names_,
                                    std::max<std::int64_t>(1, kSampledRows / images));
      predictor.set_trace([&observer](const std::string& name, const std::string& value,
                                      const Dims& dims, const float* data,
                                      double /*ms*/) { observer.add(name, value, dims, data); });
      for (const CalibrationPicture& picture : set_.choosing) answer(picture, chosen_);
      predictor.set_trace({});
      layers_.search_input_ranges(observer.inputs());
    } else {
      for (const CalibrationPicture& picture : set_.choosing) answer(picture, chosen_);
    }
    for (const CalibrationPicture& picture : set_.accepting) answer(picture, accepted_);
  }

  std::vector<Detection> detect(Predictor& predictor, const CalibrationPicture& picture) const {
    DetectionArrays arrays;
    // In every place of a batch: what layers see in places without an image is no picture's.
    const std::vector<ImageView> views(predictor.least_batch(), picture.image.view());
    predictor.detect(views.data(), views.size(), measuring_, arrays);
    return arrays.of(0);
  }

  // The fp32 engine has run on the picture: what is unsupported are values that are not finite.
  void add_answer(Predictor& predictor, const CalibrationPicture& picture,
                  const std::vector<Detection>& reference, BoxAgreement& agreement) const {
    try {
      const std::vector<Detection> found = detect(predictor, picture);
      agreement.add(found, predictor.timings().network_ms, reference);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported) throw;
      agreement.add({}, 0, reference);
    }
  }

  BoxAgreement measure(const Model& model, Pictures pictures, const References& references) const {
    Predictor predictor(model, compile_.target.threads, {});
    BoxAgreement agreement(threshold_);
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      add_answer(predictor, pictures[i], references[i], agreement);
    }
    return agreement;
  }

  // On the first pictures in which the fp32 model sees something.
  BoxAgreement measure_few(const Model& model) const {
    Predictor predictor(model, compile_.target.threads, {});
    BoxAgreement agreement(threshold_);
    int few = options_.ranking_images;
    for (std::size_t i = 0; i < set_.choosing.size() && few > 0; ++i) {
      if (!has_object(chosen_[i])) continue;
      add_answer(predictor, set_.choosing[i], chosen_[i], agreement);
      --few;
    }
    return agreement;
  }

  bool has_object(const std::vector<Detection>& found) const {
    return std::any_of(found.begin(), found.end(), [&](const Detection& detection) {
      return static_cast<double>(detection.score) > threshold_;
    });
  }

  // Where the fp32 model finds nothing, no engine's boxes tell how good it is, and the choice is
  // not made: what is asked for at most is measured once, so that the report shows it.
  bool can_choose() const {
    return std::any_of(chosen_.begin(), chosen_.end(),
                       [this](const auto& found) { return has_object(found); });
  }

  Assignment choose() {
    if (options_.always_rank) layers_.losses();
    return layers_.choose();
  }

  CalibratedDetector accept(const Assignment& chosen) {
    report("accepting", 0, set_.accepting.size());
    CalibratedDetector result;
    result.model = compile(layers_.plan(chosen));
    const BoxAgreement agreement = measure(result.model, set_.accepting, accepted_);
    report_choice(layers_, chosen, report_);
    AccuracyRecord& accuracy = report_.accuracy;
    accuracy.measure = AgreementMeasure::kBoxPrecision;
    accuracy.images = agreement.images();
    accuracy.compared = agreement.boxes();
    accuracy.mean_50 = agreement.precision_50();
    report_acceptance(agreement.score(), aim(), set_, options_.seed, report_);
    result.model.record.accuracy = accuracy_to_json(accuracy);
    result.report = std::move(report_);
    return result;
  }

  const DetectorSource& source_;
  engine::CompileOptions compile_;
  const CalibrationOptions& options_;
  Precision precision_;
  std::vector<std::string> names_;
  quant::Calibration layers_;
  DetectOptions measuring_;
  double threshold_ = 0;
  CalibrationSet set_;
  References chosen_;  // what the fp32 engine finds in the pictures that choose
  References accepted_;
  CalibrationReport report_;
};

// Bytes of a program's values at their most, each from the node that makes it to its last reader.
std::uint64_t live_bytes(const graph::Graph& program) {
  const graph::Bindings sizes = graph::typical_sizes(program);
  std::vector<std::size_t> last(program.values.size(), 0);
  for (std::size_t i = 0; i < program.nodes.size(); ++i) {
    for (const graph::ValueId id : program.nodes[i].inputs) {
      if (id != graph::kNoValue) last[static_cast<std::size_t>(id)] = i;
    }
  }
  const auto bytes_of = [&](graph::ValueId id) {
    const Dims dims = graph::evaluate(program.value(id).shape, sizes);
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, element_count(dims))) *
           sizeof(float);
  };
  std::uint64_t live = 0;
  std::uint64_t most = 0;
  std::vector<std::vector<graph::ValueId>> dying(program.nodes.size());
  for (std::size_t i = 0; i < program.nodes.size(); ++i) {
    for (const graph::ValueId id : program.nodes[i].outputs) {
      live += bytes_of(id);
      const std::size_t end = last[static_cast<std::size_t>(id)];
      if (end > i) dying[end].push_back(id);
    }
    most = std::max(most, live);
    for (const graph::ValueId id : dying[i]) live -= bytes_of(id);
  }
  return most;
}

void check_detector(const DetectorSource& source) {
  const Recognised recognised = recognise(source.module.programs.front());
  LASSO_CHECK(
      recognised.interface, ErrorCode::kUnsupported,
      "{}: a model of the family \"{}\" that is no detector ({}), and calibration needs one "
      "of \"sam\" or a detector; build an engine of it in a precision that needs no "
      "calibration",
      source.name, source.family->name(), recognised.reason);
}

}  // namespace

Image reduced_to_network(const Image& image, const LetterboxTarget& target) {
  if (image.width <= target.width && image.height <= target.height) return image;
  const Letterbox box = letterbox_of(image.width, image.height, target);
  const auto input_width = static_cast<std::size_t>(box.input_width);
  const std::size_t plane = input_width * static_cast<std::size_t>(box.input_height);
  std::vector<float> input(3 * plane);
  LetterboxScratch scratch;
  letterbox_image(box, image.view(), scratch, input.data());
  Image result{box.resized_width, box.resized_height, PixelFormat::kRgb, {}};
  for (int y = box.top; y < box.top + box.resized_height; ++y) {
    for (int x = box.left; x < box.left + box.resized_width; ++x) {
      const std::size_t at =
          static_cast<std::size_t>(y) * input_width + static_cast<std::size_t>(x);
      for (std::size_t c = 0; c < 3; ++c) {
        result.pixels.push_back(
            static_cast<std::uint8_t>(std::lround(input[c * plane + at] * 255.0F)));
      }
    }
  }
  return result;
}

std::uint64_t calibration_memory(const DetectorSource& source, const CalibrationOptions& options) {
  check_detector(source);
  const graph::Graph& program = source.module.programs.front();
  const auto at_least_0 = [](std::int64_t value) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
  };
  const std::uint64_t images = at_least_0(picture_count(options));
  std::uint64_t channels = 0;
  for (const auto& [name, layer] : quant::product_layers(program)) {
    channels += at_least_0(layer.channels);
  }
  const graph::Value& input = program.value(program.inputs.front());
  const std::uint64_t pixels =
      at_least_0(element_count(graph::evaluate(input.shape, graph::typical_sizes(program))));
  const std::uint64_t observed = channels * (at_least_0(kSampledRows) + images) * sizeof(float);
  // Kernels work in at most as much as the values take.
  return 2 * live_bytes(program) + images * pixels + observed;
}

CalibratedDetector calibrate_detector(const DetectorSource& source,
                                      const engine::CompileOptions& compile, Precision precision,
                                      const CalibrationOptions& options) {
  check_detector(source);
  return Calibration(source, compile, precision, options).run();
}

}  // namespace lasso::detector
