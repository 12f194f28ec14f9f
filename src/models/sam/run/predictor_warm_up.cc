#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/access.h"
#include "core/check.h"
#include "core/threads.h"
#include "models/sam/describe/describe.h"
#include "models/sam/run/predictor.h"

namespace lasso::sam {

namespace {

// Limits of warm_up() beyond which nobody plans ahead.
constexpr int kMostPrompts = 1 << 16;
constexpr int kMostPoints = 1 << 10;

}  // namespace

void Predictor::warm_up(const WarmUpLimits& limits) {
  LASSO_CHECK(
      limits.image_width >= 1 && limits.image_height >= 1 && limits.images >= 1 &&
          limits.prompts >= 1 && limits.prompts <= kMostPrompts && limits.points >= 1 &&
          limits.points <= kMostPoints,
      ErrorCode::kInvalidArgument,
      "warm-up limits: {} images of {}x{}, {} prompts, {} points: expected at least 1, at most "
      "{} prompts and {} points",
      limits.images, limits.image_width, limits.image_height, limits.prompts, limits.points,
      kMostPrompts, kMostPoints);
  LASSO_CHECK(!limits.mask_input || model_->interface.mask_input, ErrorCode::kInvalidArgument,
              "warm-up limits: prompts with a mask, and the decoder of {} takes none",
              model_->parts);
  const auto prompts =
      padded_prompts(std::min(static_cast<std::size_t>(limits.prompts), prompts_per_run_));
  const std::size_t points = std::max(static_cast<std::size_t>(limits.points) + 1,
                                      static_cast<std::size_t>(model_->interface.points));
  const auto images = std::min(static_cast<std::size_t>(limits.images), images_per_run());
  warm_up_plans(images, prompts, points, limits.mask_input);
  images_->reserve(images);
  if (images > 1) grow(session_, embeddings_, images * embedding_values() * sizeof(float));
  const std::size_t low_res = 4 * static_cast<std::size_t>(model_->config.grid());
  const std::size_t tokens = model_->masks();
  in_batch_.reserve(static_cast<std::size_t>(limits.prompts));
  // A batch of one prompt is handed over before the next is made.
  const std::size_t kinds = limits.mask_input ? 2 * points : points;
  const std::size_t batches =
      prompts == 1 ? 1 : std::min(kinds, static_cast<std::size_t>(limits.prompts));
  batches_.reserve(batches);
  while (batches_.size() < batches) add_batch();
  for (Batch& batch : batches_) {
    batch.prompts.reserve(prompts);
    batch.iou.reserve(prompts * tokens);
    batch.answers->reserve(prompts, tokens, low_res);
    const engine::TensorRef logits = batch.answers->logits();
    const std::size_t bytes = prompts * tokens * low_res * low_res * sizeof(float);
    if (logits.space == engine::MemorySpace::kDevice) {
      session_.stream().fill(logits.data, std::byte{0}, bytes);
    } else {
      std::memset(logits.data, 0, bytes);
    }
  }
  request_.options = {};
  request_.prompts.assign(prompts, MaskRange{0, tokens});
  encoded_.reserve(images);
  coords_.reserve(prompts * points * 2);
  labels_.reserve(prompts * points);
  if (limits.mask_input) mask_inputs_.assign(prompts * low_res * low_res, 0.0F);
  answer_.masks.resize(1);
  answer_.masks.front().data.reserve(static_cast<std::size_t>(limits.image_width) *
                                     static_cast<std::size_t>(limits.image_height));
  answer_.iou_predictions.reserve(tokens);
  answer_.low_res_logits.reserve(tokens * low_res * low_res);
  // Scratch memory grows with the image's sides and with the part of the model's square that it
  // fills: the whole limit, the largest square within it, and a pixel are the extremes.
  const int side = std::min(limits.image_width, limits.image_height);
  warm_up_image(limits.image_width, limits.image_height);
  warm_up_image(side, side);
  warm_up_image(1, 1);
  // Libraries set themselves up in their first run.
  const Embedding embedding =
      model_->interface.encoder ? run_encoder({nullptr, 1, 1}, false) : blank_embedding();
  Prompt prompt;
  if (model_->interface.points == 1) {  // which a box does not fit
    prompt.points = {{0, 0, PointLabel::kForeground}};
  } else {
    prompt.box = Box{0, 0, 1, 1};
  }
  SegmentOptions options;
  options.masks = false;
  const auto try_decoder = [&] {
    Segmentation result;
    try {
      segment(embedding, &prompt, 1, options, &result);
    } catch (const NotFinite&) {
      // What the model computes for an image that nobody has does not matter.
    }
  };
  try_decoder();
  if (limits.mask_input) {
    prompt.mask_input.assign(low_res * low_res, 0.0F);
    try_decoder();
  }
  session_.record_plans();
  timings_ = {};
}

Embedding Predictor::blank_embedding() const {
  const std::shared_ptr<Embedding::Impl> impl = new_embedding({nullptr, 1, 1});
  if (impl->device == nullptr) {
    std::fill_n(impl->data(), impl->size(), 0.0F);
  } else {
    const std::unique_ptr<backend::Stream> stream = impl->device->make_stream();
    stream->fill(impl->device_values.data(), std::byte{0}, embedding_values() * sizeof(float));
    stream->wait();
  }
  return Access::make<Embedding>(impl);
}

void Predictor::warm_up_plans(std::size_t images, std::size_t prompts, std::size_t points,
                              bool mask_input) {
  session_.keep_plans(images + 1 + prompts * points * (mask_input ? 2 : 1));
  const SamInterface& interface = model_->interface;
  chain_.prepare();
  const bool has_encoder = chain_.empty() && interface.encoder && !foreign_.has(kImageEncoder);
  for (std::size_t count = 1; has_encoder && count <= images; ++count) {
    const std::array<std::int64_t, 1> batch{static_cast<std::int64_t>(count)};
    session_.prepare(encoder_, std::span(batch).first(interface.images ? 1 : 0));
  }
  if (foreign_.has(kMaskDecoder)) return;
  session_.prepare(image_tokens_program_, {});
  for (std::size_t count = 1; count <= prompts; count = padded_prompts(count + 1)) {
    for (std::size_t n = interface.points == 0 ? 1 : points; n <= points; ++n) {
      const std::span<const std::int64_t> symbols = bind_decoder(count, n);
      session_.prepare(decoder_, symbols);
      if (mask_input) session_.prepare(decoder_with_mask_, symbols);
    }
  }
}

void Predictor::warm_up_image(int width, int height) {
  const ThreadLimit limit(session_.threads());
  const SamConfig& config = model_->config;
  const auto pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const Image blank{width, height, PixelFormat::kRgb, std::vector<std::uint8_t>(pixels * 3)};
  images_->prepare(blank.view(), 0);
  request_.upsample = mask_upsample_of(model_->preprocess, 4 * config.grid(), config.image_size,
                                       width, height, session_.target().features);
  for (Batch& batch : batches_) {
    batch.answers->begin(request_);
    session_.wait();
    Segmentation answer;
    batch.answers->write(0, answer);
  }
}

}  // namespace lasso::sam
