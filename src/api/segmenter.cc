#include "lasso/segmenter.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "api/engine_impl.h"
#include "api/foreign_model.h"
#include "api/tensor.h"
#include "core/access.h"
#include "core/check.h"
#include "core/guard.h"
#include "models/sam/family.h"
#include "models/sam/run/predictor.h"
#include "models/sam_onnx/stages.h"

namespace lasso {

namespace {

sam_onnx::EncodedElsewhere encoded_by(const std::shared_ptr<const sam::SamModel>& model,
                                      const std::vector<Engine>& encoders) {
  if (encoders.empty()) return {{}, model};
  std::vector<Model> models;
  for (const Engine& encoder : encoders) models.push_back(Access::impl(encoder)->model);
  return sam_onnx::encode_elsewhere(model, models);
}

}  // namespace

struct Segmenter::Impl {
  Impl(const Engine& e, int count, const sam_onnx::EncodedElsewhere& encoded)
      : engine(e),
        threads(count),
        predictor(encoded.model, count, encoded.stages,
                  open_foreign(encoded.model->foreign, count)) {}

  Engine engine;
  int threads;
  sam::Predictor predictor;
};

std::size_t Segmentation::best() const {
  const auto it = std::max_element(iou_predictions.begin(), iou_predictions.end());
  return static_cast<std::size_t>(it - iou_predictions.begin());
}

Segmenter::Segmenter(const Engine& engine, const SegmenterOptions& options) {
  const int threads = thread_count(options.threads);
  impl_ = guarded([&] {
    const auto model = sam::model_of(Access::impl(engine)->model, "lasso::Segmenter");
    return std::make_unique<Impl>(engine, threads, encoded_by(model, options.encoders));
  });
}

Embedding Embedding::from_array(const HostTensorView& array, const Segmenter& segmenter,
                                int image_width, int image_height) {
  return guarded([&] {
    const sam::SamModel& model = segmenter.impl_->predictor.model();
    return sam::embedding_from_array({dtype_of(array.type), array.shape, array.data}, model,
                                     image_width, image_height);
  });
}

Segmenter::~Segmenter() = default;
Segmenter::Segmenter(Segmenter&&) noexcept = default;
Segmenter& Segmenter::operator=(Segmenter&&) noexcept = default;

const Engine& Segmenter::engine() const { return impl_->engine; }
int Segmenter::threads() const { return impl_->threads; }
std::vector<std::pair<std::string, std::string>> Segmenter::runtime_settings() const {
  return guarded([&] { return impl_->predictor.foreign_settings(); });
}

bool Segmenter::has_encoder() const { return impl_->predictor.model().interface.encoder; }

Embedding Segmenter::encode(const ImageView& image) {
  return guarded([&] { return impl_->predictor.encode(image); });
}

std::vector<Embedding> Segmenter::encode(const std::vector<ImageView>& images) {
  return guarded([&] { return impl_->predictor.encode(images.data(), images.size()); });
}

Embedding Segmenter::encode_preprocessed(const float* pixels, int image_width, int image_height) {
  return guarded(
      [&] { return impl_->predictor.encode_preprocessed(pixels, image_width, image_height); });
}

Segmentation Segmenter::segment(const Embedding& embedding, const Prompt& prompt,
                                const SegmentOptions& options) {
  Segmentation result;
  segment(embedding, prompt, options, &result);
  return result;
}

void Segmenter::segment(const Embedding& embedding, const Prompt& prompt,
                        const SegmentOptions& options, Segmentation* result) {
  guarded([&] { impl_->predictor.segment(embedding, &prompt, 1, options, result); });
}

void Segmenter::segment(const Embedding& embedding, const std::vector<Prompt>& prompts,
                        const SegmentOptions& options, const Sink& sink) {
  LASSO_CHECK(sink != nullptr, ErrorCode::kInvalidArgument, "the sink is empty");
  // What the sink throws is the caller's own: guarded() lets it pass as this, which is no
  // std::exception.
  struct Thrown {
    std::exception_ptr exception;
  };
  const auto pass = [&](std::size_t prompt, Segmentation& answer) {
    try {
      sink(prompt, answer);
    } catch (...) {
      throw Thrown{std::current_exception()};
    }
  };
  try {
    guarded([&] {
      impl_->predictor.segment(embedding, prompts.data(), prompts.size(), options, pass);
    });
  } catch (const Thrown& thrown) {
    std::rethrow_exception(thrown.exception);
  }
}

std::vector<Segmentation> Segmenter::segment(const Embedding& embedding,
                                             const std::vector<Prompt>& prompts,
                                             const SegmentOptions& options) {
  return guarded([&] {
    std::vector<Segmentation> results(prompts.size());
    impl_->predictor.segment(embedding, prompts.data(), prompts.size(), options, results.data());
    return results;
  });
}

void Segmenter::upsample_mask(const Embedding& embedding, const float* low_res_logits,
                              float threshold, std::uint8_t* out, std::ptrdiff_t stride_bytes) {
  guarded(
      [&] { impl_->predictor.upsample(embedding, low_res_logits, threshold, out, stride_bytes); });
}

void Segmenter::warm_up(const WarmUpLimits& limits) {
  guarded([&] { impl_->predictor.warm_up(limits); });
}

const Timings& Segmenter::last_timings() const { return impl_->predictor.timings(); }

void Segmenter::set_trace(Trace trace) {
  if (!trace) {
    impl_->predictor.set_trace({});
    return;
  }
  impl_->predictor.set_trace([trace = std::move(trace)](const std::string& program,
                                                        const std::string& value, const Dims& dims,
                                                        const float* data, double ms) {
    if (data != nullptr) trace(program, value, dims, data, ms);
  });
}

}  // namespace lasso
