#include "lasso/context.h"

#include <algorithm>
#include <utility>

#include "api/engine_impl.h"
#include "core/access.h"
#include "core/check.h"
#include "core/guard.h"
#include "core/threads.h"
#include "models/sam/predictor.h"

namespace lasso {

struct Context::Impl {
  Impl(Engine e, int count)
      : engine(std::move(e)), threads(count), predictor(Access::impl(engine)->model, count) {}

  Engine engine;
  int threads;
  sam::Predictor predictor;
};

std::size_t Segmentation::best() const {
  const auto it = std::max_element(iou_predictions.begin(), iou_predictions.end());
  return static_cast<std::size_t>(it - iou_predictions.begin());
}

Context::Context(const Engine& engine, const ContextOptions& options) {
  LASSO_CHECK(options.threads >= 0 && options.threads <= 4096, ErrorCode::kInvalidArgument,
              "threads is {}: expected 0 (all cores) to 4096", options.threads);
  const int threads = options.threads == 0 ? available_cores() : options.threads;
  impl_ = guarded([&] { return std::make_unique<Impl>(engine, threads); });
}

Context::~Context() = default;
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;

const Engine& Context::engine() const { return impl_->engine; }
int Context::threads() const { return impl_->threads; }

Embedding Context::encode(const ImageView& image) {
  return guarded([&] { return impl_->predictor.encode(image); });
}

std::vector<Embedding> Context::encode(const std::vector<ImageView>& images) {
  return guarded([&] { return impl_->predictor.encode(images.data(), images.size()); });
}

Embedding Context::encode_preprocessed(const float* pixels, int image_width, int image_height) {
  return guarded(
      [&] { return impl_->predictor.encode_preprocessed(pixels, image_width, image_height); });
}

Segmentation Context::segment(const Embedding& embedding, const Prompt& prompt,
                              const SegmentOptions& options) {
  Segmentation result;
  segment(embedding, prompt, options, &result);
  return result;
}

void Context::segment(const Embedding& embedding, const Prompt& prompt,
                      const SegmentOptions& options, Segmentation* result) {
  guarded([&] { impl_->predictor.segment(embedding, &prompt, 1, options, result); });
}

std::vector<Segmentation> Context::segment(const Embedding& embedding,
                                           const std::vector<Prompt>& prompts,
                                           const SegmentOptions& options) {
  return guarded([&] {
    std::vector<Segmentation> results(prompts.size());
    impl_->predictor.segment(embedding, prompts.data(), prompts.size(), options, results.data());
    return results;
  });
}

void Context::upsample_mask(const Embedding& embedding, const float* low_res_logits,
                            float threshold, std::uint8_t* out, std::ptrdiff_t stride_bytes) {
  guarded(
      [&] { impl_->predictor.upsample(embedding, low_res_logits, threshold, out, stride_bytes); });
}

void Context::warm_up(const WarmUpLimits& limits) {
  guarded([&] { impl_->predictor.warm_up(limits); });
}

const Timings& Context::last_timings() const { return impl_->predictor.timings(); }

void Context::set_trace(Trace trace) {
  if (!trace) {
    impl_->predictor.session().set_trace({});
    return;
  }
  impl_->predictor.session().set_trace(
      [trace = std::move(trace)](const std::string& program, const std::string& value,
                                 const Dims& dims, const float* data, double ms) {
        if (data != nullptr) trace(program, value, dims, data, ms);
      });
}

}  // namespace lasso
