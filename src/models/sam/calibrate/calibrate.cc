#include "models/sam/calibrate/calibrate.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/check.h"
#include "models/calibration_report.h"
#include "models/calibration_set.h"
#include "models/sam/calibrate/calibration_prompts.h"
#include "models/sam/calibrate/mask_agreement.h"
#include "models/sam/describe/describe.h"
#include "models/sam/model_file.h"
#include "models/sam/precision.h"
#include "models/sam/run/predictor.h"
#include "quant/calibrate.h"
#include "quant/observe_layers.h"

namespace lasso::sam {

namespace {

// Rows of each layer's inputs that the search for smoothing looks at, over all images.
constexpr std::int64_t kSampledRows = 128;

using quant::Assignment;
using Pictures = std::span<const CalibrationPicture>;
using References = std::vector<PictureMasks>;

// While one lives, a session reports to an observer.
class Tracing {
 public:
  Tracing(engine::Session& session, quant::LayerObserver& observer) : session_(session) {
    session_.set_trace([&observer](const std::string& program, const std::string& value,
                                   const Dims& dims, const float* data,
                                   double /*ms*/) { observer.add(program, value, dims, data); });
  }
  ~Tracing() { session_.set_trace({}); }
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;

 private:
  engine::Session& session_;
};

quant::Score score_of(const Agreement& agreement) {
  return {agreement.mean(), agreement.lowest(), agreement.standard_error(),
          agreement.median_encode_ms(), agreement.empty_pairs()};
}

class Calibration {
 public:
  Calibration(const SamCheckpoint& checkpoint, const Preprocess& preprocess,
              const engine::CompileOptions& compile, Precision precision,
              const CalibrationOptions& options)
      : checkpoint_(checkpoint),
        compile_(compile),
        options_(options),
        precision_(precision),
        names_(lowerable_layers(checkpoint.config)),
        layers_(task()) {
    report_.precision = precision;
    report_.lowest = lowest();
    compile_.precision = {};
    base_.preprocess = preprocess;
  }

  CalibratedModel run() {
    const auto side = checkpoint_.config.image_size;
    set_ = gather_pictures(options_, side,
                           [side](const Image& image) { return reduced_to_square(image, side); });
    report_pictures(set_, report_);
    run_reference();
    const Assignment chosen = precision_ == Precision::kAuto && can_choose()
                                  ? choose()
                                  : layers_.uniform(weights_of(lowest()));
    layers_.trial(chosen);
    return accept(chosen);
  }

 private:
  Precision lowest() const {
    return precision_ == Precision::kAuto ? precision_of(candidates().layers.front()) : precision_;
  }
  quant::Candidates candidates() const {
    return lasso::candidates(compile_.target, compile_.reference);
  }
  double aim() const { return options_.min_iou.value_or(kDefaultAim); }
  void report(const std::string& stage, std::size_t done, std::size_t total) const {
    if (options_.progress) {
      options_.progress(stage, static_cast<int>(done), static_cast<int>(total));
    }
  }

  // Throws where the target can't run the precision, before the work begins.
  quant::CalibrationTask task() {
    quant::CalibrationTask task;
    task.layers = names_;
    precision_plan(checkpoint_.config, lowest(), compile_.target, compile_.reference);
    task.candidates = candidates();
    task.aim = aim();
    task.lower_rest = [this](quant::PrecisionPlan& plan, DType half) {
      lower_the_rest(checkpoint_.config, compile_.target, half, plan);
    };
    task.measure = [this](const quant::PrecisionPlan& plan) {
      return score_of(measure(compile(plan), set_.choosing, chosen_masks_));
    };
    task.measure_few = [this](const quant::PrecisionPlan& plan) {
      return measure(compile(plan), set_.choosing, chosen_masks_,
                     static_cast<std::size_t>(options_.ranking_images))
          .mean();
    };
    task.progress = [this](const std::string& stage, std::size_t done, std::size_t total) {
      report(stage, done, total);
    };
    return task;
  }

  // The fp32 engine: the masks of all pictures, and what its layers see in those that choose.
  void run_reference() {
    const auto model =
        std::make_shared<const SamModel>(compile_model(checkpoint_, base_.preprocess, compile_));
    base_ = *model;
    base_.module = nullptr;
    Predictor predictor(model, threads());
    engine::Session& session = predictor.session();
    const graph::Graph& encoder = session.module().programs[session.program(kImageEncoder)].graph;
    report_layers(names_, quant::shares_of_work(encoder, names_), report_);
    const std::size_t total = set_.choosing.size() + set_.accepting.size();
    const auto answer = [&](CalibrationPicture& picture, References& references) {
      const std::size_t done = chosen_masks_.size() + accepted_masks_.size();
      report("fp32 masks", done, total);
      try {
        const Embedding embedding = predictor.encode(picture.image.view());
        picture.prompts = drawn_prompts(predictor, embedding, options_.prompts_per_image,
                                        static_cast<std::uint64_t>(options_.seed) << 32 | done);
        references.push_back(encoded(masks_of(predictor, embedding, picture.prompts)));
      } catch (const NotFinite& error) {
        fail(error.code(), "{}: {}", picture.name, error.what());
      }
    };
    if (lowest() == Precision::kInt8) {
      const auto images = static_cast<std::int64_t>(set_.choosing.size());
      quant::LayerObserver observer({&encoder}, names_,
                                    std::max<std::int64_t>(1, kSampledRows / images));
      {
        const Tracing tracing(session, observer);
        for (CalibrationPicture& picture : set_.choosing) answer(picture, chosen_masks_);
      }
      layers_.search_smoothings(observer.inputs(), [&](std::size_t i) {
        Tensor weights = checkpoint_.weights.dense(names_[i]);
        weights.check_file();
        return weights;
      });
    } else {
      for (CalibrationPicture& picture : set_.choosing) answer(picture, chosen_masks_);
    }
    for (CalibrationPicture& picture : set_.accepting) answer(picture, accepted_masks_);
  }

  std::shared_ptr<SamModel> compile(const quant::PrecisionPlan& plan) const {
    auto model = std::make_shared<SamModel>(base_);
    engine::CompileOptions options = compile_;
    options.precision = plan;
    model->module = engine::compile(describe(checkpoint_), options);
    return model;
  }

  int threads() const { return compile_.target.threads; }

  Agreement measure(const std::shared_ptr<const SamModel>& model, Pictures pictures,
                    const References& references) const {
    Predictor predictor(model, threads());
    Agreement agreement;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      agreement.add(answer_of(predictor, pictures[i]), references[i]);
    }
    return agreement;
  }

  // On the first `few` pictures in which the fp32 model sees something.
  Agreement measure(const std::shared_ptr<const SamModel>& model, Pictures pictures,
                    const References& references, std::size_t few) const {
    Predictor predictor(model, threads());
    Agreement agreement;
    for (std::size_t i = 0; i < pictures.size() && few > 0; ++i) {
      if (!shows_something(references[i])) continue;
      agreement.add(answer_of(predictor, pictures[i]), references[i]);
      --few;
    }
    return agreement;
  }

  // Where the fp32 model sees nothing, no engine's masks tell how good it is, and the choice is not
  // made: what is asked for at most is measured once, so that the report shows it.
  bool can_choose() const {
    return std::any_of(chosen_masks_.begin(), chosen_masks_.end(), shows_something);
  }

  Assignment choose() {
    if (options_.always_rank) layers_.losses();
    return layers_.choose();
  }

  CalibratedModel accept(const Assignment& chosen) {
    report("accepting", 0, set_.accepting.size());
    CalibratedModel result;
    const auto model = compile(layers_.plan(chosen));
    const Agreement agreement = measure(model, set_.accepting, accepted_masks_);
    report_choice(layers_, chosen, report_);
    report_.accuracy.images = agreement.images();
    report_.accuracy.compared = agreement.masks();
    report_acceptance(score_of(agreement), aim(), set_, options_.seed, report_);
    result.model = *model;
    result.model.accuracy = report_.accuracy;
    result.report = std::move(report_);
    return result;
  }

  const SamCheckpoint& checkpoint_;
  engine::CompileOptions compile_;
  const CalibrationOptions& options_;
  Precision precision_;
  std::vector<std::string> names_;
  quant::Calibration layers_;
  SamModel base_;  // without programs
  CalibrationSet set_;
  References chosen_masks_;
  References accepted_masks_;
  CalibrationReport report_;
};

}  // namespace

std::uint64_t calibration_memory(const SamCheckpoint& checkpoint,
                                 const CalibrationOptions& options) {
  const auto at_least_0 = [](std::int64_t value) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
  };
  const SamConfig& config = checkpoint.config;
  const std::uint64_t pixels = at_least_0(config.image_size) * at_least_0(config.image_size);
  const std::uint64_t tokens = at_least_0(config.grid()) * at_least_0(config.grid());
  const std::uint64_t width = at_least_0(config.embed_dim);
  const std::uint64_t prompts = at_least_0(options.prompts_per_image);
  const std::uint64_t images = at_least_0(picture_count(options));
  // A block's values: residual, queries, keys and values, attention's result, the MLP's 4 * width;
  // and what kernels work in. Then the image, prepared.
  constexpr std::uint64_t kLiveWidths = 16;
  const std::uint64_t encoder = (kLiveWidths * width * tokens + 4 * pixels) * sizeof(float);
  // Of one image: the logits that look for objects, and masks with those of the reference.
  const std::uint64_t logits = kTriesPerPrompt * prompts * 16 * tokens * sizeof(float);
  const std::uint64_t masks = 2 * prompts * pixels;
  // The four layers of a block read 3 * width and 4 * width channels.
  const std::uint64_t rows = at_least_0(kSampledRows) + images;
  const std::uint64_t observed = at_least_0(config.depth) * 7 * width * rows * sizeof(float);
  return build_memory(checkpoint, false) + encoder + logits + masks + images * 3 * pixels +
         observed;
}

CalibratedModel calibrate_model(const SamCheckpoint& checkpoint, const Preprocess& preprocess,
                                const engine::CompileOptions& compile, Precision precision,
                                const CalibrationOptions& options) {
  return Calibration(checkpoint, preprocess, compile, precision, options).run();
}

}  // namespace lasso::sam
