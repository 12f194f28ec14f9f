#include "models/sam/calibrate.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include "core/check.h"
#include "models/sam/calibration_prompts.h"
#include "models/sam/calibration_set.h"
#include "models/sam/describe.h"
#include "models/sam/mask_agreement.h"
#include "models/sam/model_file.h"
#include "models/sam/observe_layers.h"
#include "models/sam/precision.h"
#include "models/sam/predictor.h"
#include "quant/search.h"
#include "quant/smoothing.h"

namespace lasso::sam {

namespace {

// Rows of each layer's inputs that the search for smoothing looks at, over all images.
constexpr std::int64_t kSampledRows = 128;

constexpr double kMargin = 1;

using quant::Assignment;
using Pictures = std::span<const CalibrationPicture>;
using References = std::vector<PictureMasks>;

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
        smoothing_(names_.size()),
        // Says no before the work begins.
        has_bf16_(precision_plan(checkpoint.config, lowest(), compile.target, compile.reference)
                      .attention == DType::kBF16) {
    report_.precision = precision;
    compile_.precision = {};
    base_.preprocess = preprocess;
  }

  CalibratedModel run() {
    set_ = gather_pictures(options_, checkpoint_.config.image_size);
    list_pictures();
    run_reference();
    const Assignment chosen = precision_ == Precision::kAuto ? choose() : uniform(precision_);
    trial(chosen);
    return accept(chosen);
  }

 private:
  Precision lowest() const {
    return precision_ == Precision::kAuto ? Precision::kInt8 : precision_;
  }
  void report(const std::string& stage, std::size_t done, std::size_t total) const {
    if (options_.progress) {
      options_.progress(stage, static_cast<int>(done), static_cast<int>(total));
    }
  }

  void list_pictures() {
    for (const CalibrationPicture& picture : set_.choosing) {
      report_.choosing_images.push_back(picture.name);
    }
    for (const CalibrationPicture& picture : set_.accepting) {
      report_.accepting_images.push_back(picture.name);
    }
    report_.skipped = set_.skipped;
  }

  // The fp32 engine: the masks of all pictures, and what its layers see in those that choose.
  void run_reference() {
    const auto model =
        std::make_shared<const SamModel>(compile_model(checkpoint_, base_.preprocess, compile_));
    base_ = *model;
    base_.module = nullptr;
    Predictor predictor(model, threads());
    engine::Session& session = predictor.session();
    describe_layers(linear_layers(session.module().programs[session.program(kImageEncoder)]));
    const std::size_t total = set_.choosing.size() + set_.accepting.size();
    const auto answer = [&](CalibrationPicture& picture, References& references) {
      const std::size_t done = chosen_masks_.size() + accepted_masks_.size();
      report("fp32 masks", done, total);
      const Embedding embedding = predictor.encode(picture.image.view());
      picture.prompts = drawn_prompts(predictor, embedding, options_.prompts_per_image,
                                      static_cast<std::uint64_t>(options_.seed) << 32 | done);
      references.push_back(encoded(masks_of(predictor, embedding, picture.prompts)));
    };
    if (lowest() == Precision::kInt8) {
      const auto images = static_cast<std::int64_t>(set_.choosing.size());
      const LayerObserver observer(session, kImageEncoder, names_,
                                   std::max<std::int64_t>(1, kSampledRows / images));
      for (CalibrationPicture& picture : set_.choosing) answer(picture, chosen_masks_);
      search_smoothings(observer.inputs());
    } else {
      for (CalibrationPicture& picture : set_.choosing) answer(picture, chosen_masks_);
    }
    for (CalibrationPicture& picture : set_.accepting) answer(picture, accepted_masks_);
  }

  void describe_layers(const std::map<std::string, LinearLayer>& linear) {
    double flops = 0;
    for (const auto& [name, layer] : linear) flops += layer.flops;
    for (const std::string& name : names_) {
      CalibratedLayer layer;
      layer.name = name;
      layer.work = linear.at(name).flops / flops;
      report_.layers.push_back(std::move(layer));
    }
  }

  void search_smoothings(const std::vector<quant::InputObserver>& inputs) {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      report("smoothing", i, names_.size());
      const Tensor weights = checkpoint_.weights.dense(names_[i]);
      quant::Smoothing found = quant::search_smoothing(inputs[i], weights.view());
      weights.release_pages();
      report_.layers[i].smoothing = found.exponent;
      report_.layers[i].error = found.error;
      report_.layers[i].plain_error = found.plain_error;
      smoothing_[i] = std::move(found.factors);
    }
  }

  Assignment uniform(Precision precision) const {
    const bool lowered = precision == Precision::kBf16 || precision == Precision::kInt8;
    return quant::uniform(names_.size(), precision,
                          lowered && has_bf16_ ? Precision::kBf16 : Precision::kFp32);
  }

  passes::PrecisionPlan plan_of(const Assignment& assignment) const {
    passes::PrecisionPlan plan;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (assignment.layers[i] == Precision::kFp32) continue;
      passes::LayerPrecision& layer = plan.layers[names_[i]];
      layer.weights = assignment.layers[i] == Precision::kInt8 ? DType::kI8 : DType::kBF16;
      if (layer.weights == DType::kI8) layer.smoothing = smoothing_[i];
    }
    if (assignment.rest == Precision::kBf16) lower_the_rest(checkpoint_.config, plan);
    return plan;
  }

  std::shared_ptr<SamModel> compile(const Assignment& assignment) const {
    auto model = std::make_shared<SamModel>(base_);
    engine::CompileOptions options = compile_;
    options.precision = plan_of(assignment);
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

  // Each assignment is measured once.
  const PrecisionTrial& trial(const Assignment& assignment) {
    const auto found = trials_.find(assignment);
    if (found != trials_.end()) return found->second;
    report("trying engines", trials_.size(), 0);
    const Agreement agreement = measure(compile(assignment), set_.choosing, chosen_masks_);
    PrecisionTrial row;
    row.int8_layers = assignment.count(Precision::kInt8);
    row.bf16_layers = assignment.count(Precision::kBf16);
    row.fp32_layers = assignment.count(Precision::kFp32);
    row.rest = assignment.rest;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (assignment.layers[i] == Precision::kInt8) row.int8_work += report_.layers[i].work;
    }
    row.mean_iou = agreement.mean();
    row.lowest_iou = agreement.lowest();
    row.standard_error = agreement.standard_error();
    row.encode_ms = agreement.median_encode_ms();
    return trials_.emplace(assignment, row).first->second;
  }

  // The other images will differ: the mean must lie above the aim by kMargin standard errors.
  bool reaches(const Assignment& assignment) {
    const PrecisionTrial& row = trial(assignment);
    return row.mean_iou - kMargin * row.standard_error >= options_.min_iou;
  }

  // What int8 costs each layer when nothing else is lowered.
  const std::vector<double>& losses() {
    if (!losses_.empty()) return losses_;
    const std::size_t images =
        std::min(set_.choosing.size(), static_cast<std::size_t>(options_.ranking_images));
    for (std::size_t i = 0; i < names_.size(); ++i) {
      report("sensitivity of layers", i, names_.size());
      Assignment alone = uniform(Precision::kFp32);
      alone.layers[i] = Precision::kInt8;
      losses_.push_back(
          1 - measure(compile(alone), Pictures(set_.choosing).first(images), chosen_masks_).mean());
      report_.layers[i].iou_loss = losses_.back();
    }
    return losses_;
  }

  Assignment choose() {
    if (options_.always_rank) losses();
    return quant::choose_precisions({names_.size(), has_bf16_,
                                     [&](const Assignment& a) { return reaches(a); },
                                     [&] { return losses(); }});
  }

  CalibratedModel accept(const Assignment& chosen) {
    report("accepting", 0, set_.accepting.size());
    CalibratedModel result;
    const auto model = compile(chosen);
    const Agreement agreement = measure(model, set_.accepting, accepted_masks_);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      report_.layers[i].precision = chosen.layers[i];
    }
    for (const auto& [assignment, row] : trials_) {
      report_.trials.push_back(row);
      report_.trials.back().chosen = assignment == chosen;
    }
    std::sort(report_.trials.begin(), report_.trials.end(),
              [](const PrecisionTrial& a, const PrecisionTrial& b) {
                const auto key = [](const PrecisionTrial& trial) {
                  return std::tuple(trial.int8_layers, trial.bf16_layers,
                                    trial.rest == Precision::kBf16);
                };
                return key(a) > key(b);
              });
    AccuracyRecord& accuracy = report_.accuracy;
    accuracy.min_iou = options_.min_iou;
    accuracy.mean_iou = agreement.mean();
    accuracy.standard_error = agreement.standard_error();
    accuracy.lowest_iou = agreement.lowest();
    accuracy.images = agreement.images();
    accuracy.masks = agreement.masks();
    accuracy.random_pictures = set_.random;
    accuracy.seed = options_.seed;
    report_.accepted = accuracy.mean_iou >= options_.min_iou;
    result.model = *model;
    result.model.accuracy = accuracy;
    result.report = std::move(report_);
    return result;
  }

  const SamCheckpoint& checkpoint_;
  engine::CompileOptions compile_;
  const CalibrationOptions& options_;
  Precision precision_;
  std::vector<std::string> names_;
  std::vector<std::vector<float>> smoothing_;  // by layer; empty: none
  bool has_bf16_;
  SamModel base_;  // without programs
  CalibrationSet set_;
  References chosen_masks_;
  References accepted_masks_;
  std::vector<double> losses_;  // by layer; empty: not measured
  std::map<Assignment, PrecisionTrial> trials_;
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
  const auto known = static_cast<std::int64_t>(options.images.size());
  const std::uint64_t images =
      at_least_0(known == 0 ? options.count : std::min<std::int64_t>(options.count, known));
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
