#include "models/sam/run/predictor.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/access.h"
#include "core/check.h"
#include "core/finite.h"
#include "core/stopwatch.h"
#include "core/threads.h"
#include "models/sam/describe/describe.h"
#include "models/sam/run/embedding.h"

namespace lasso::sam {

namespace {

// Every prompt has image tokens of its own in the decoder, 4 MiB at SAM's sizes: more prompts than
// the caches hold take longer together than one by one (ViT-B on 2 cores: 11 ms each, and 9), and
// those of small models fill the cores better in one run.
constexpr std::size_t kTokenBytesPerRun = std::size_t{2} << 20;
constexpr std::size_t kMostPromptsPerRun = 8;
// Labels of the prompt encoder beyond background (0) and foreground (1).
constexpr std::int32_t kPadding = -1;
constexpr std::int32_t kTopLeft = 2;
constexpr std::int32_t kBottomRight = 3;

// Points of the prompt as the decoder counts them: a box is two, and its absence is one of padding.
std::size_t decoder_points(const Prompt& prompt) {
  return prompt.points.size() + (prompt.box ? 2 : 1);
}

engine::SessionOptions session_options(int threads) {
  engine::SessionOptions options;
  options.threads = threads;
  options.cached_plans = 64;
  return options;
}

std::size_t prompts_per_run(const SamConfig& config) {
  const auto grid = static_cast<std::size_t>(config.grid());
  const std::size_t bytes =
      grid * grid * static_cast<std::size_t>(config.prompt_dim) * sizeof(float);
  return std::clamp<std::size_t>(kTokenBytesPerRun / bytes, 1, kMostPromptsPerRun);
}

}  // namespace

Predictor::Predictor(std::shared_ptr<const SamModel> model, int threads)
    : model_(std::move(model)),
      session_(model_->module, session_options(threads)),
      prompts_per_run_(prompts_per_run(model_->config)) {
  encoder_ = session_.program(kImageEncoder);
  image_tokens_program_ = session_.program(kImageTokens);
  decoder_ = session_.program(kMaskDecoder);
  decoder_with_mask_ = session_.program(kMaskDecoderWithMask);
}

template <typename What>
void Predictor::check_finite(const float* values, std::size_t count, const What& what) const {
  const std::size_t bad = count_not_finite(values, count);
  if (bad == 0) return;
  throw NotFinite(
      fmt::format("{} has {} of {} values that are not finite: in {}, the model leaves the range "
                  "of its numbers for this image",
                  what(), bad, count, model_->precision));
}

Embedding Predictor::encode(const ImageView& image) {
  timings_ = {};
  const Stopwatch watch;
  image_.get(image_values());
  preprocess(image, 0);
  timings_.preprocess_ms = watch.milliseconds();
  return checked(run_encoder(image));
}

std::vector<Embedding> Predictor::encode(const ImageView* images, std::size_t count) {
  timings_ = {};
  std::vector<Embedding> embeddings;
  embeddings.reserve(count);
  for (std::size_t first = 0; first < count; first += kImagesPerRun) {
    const std::size_t some = std::min(kImagesPerRun, count - first);
    const Stopwatch watch;
    image_.get(some * image_values());
    for (std::size_t i = 0; i < some; ++i) {
      try {
        preprocess(images[first + i], i);
      } catch (const Error& error) {
        fail(error.code(), "image {} of {}: {}", first + i, count, error.what());
      }
    }
    timings_.preprocess_ms += watch.milliseconds();
    run_encoder(images + first, some, embeddings);
    for (std::size_t i = first; i < first + some; ++i) {
      const Embedding::Impl& impl = *Access::impl(embeddings[i]);
      check_finite(impl.data(), impl.size(),
                   [&] { return fmt::format("image {} of {}: its embedding", i, count); });
    }
  }
  return embeddings;
}

std::size_t Predictor::image_values() const {
  const auto side = static_cast<std::size_t>(model_->config.image_size);
  return side * side * 3;
}

void Predictor::preprocess(const ImageView& image, std::size_t index) {
  const ThreadLimit limit(session_.threads());
  preprocess_image(model_->preprocess, image, model_->config.image_size, preprocess_scratch_,
                   image_.data() + index * image_values());
}

Embedding Predictor::encode_preprocessed(const float* pixels, int image_width, int image_height) {
  LASSO_CHECK(pixels != nullptr, ErrorCode::kInvalidArgument, "pixels is null");
  resized_size(model_->preprocess, image_width, image_height, model_->config.image_size);
  timings_ = {};
  const std::size_t bad = count_not_finite(pixels, image_values());
  LASSO_CHECK(bad == 0, ErrorCode::kInvalidArgument,
              "{} of the {} values of the pixels are not finite", bad, image_values());
  std::copy_n(pixels, image_values(), image_.get(image_values()));
  return checked(run_encoder({nullptr, image_width, image_height}));
}

std::shared_ptr<Embedding::Impl> Predictor::new_embedding(const ImageView& image) const {
  const SamConfig& config = model_->config;
  auto impl = std::make_shared<Embedding::Impl>();
  impl->image_width = image.width;
  impl->image_height = image.height;
  impl->image_size = config.image_size;
  impl->grid = config.grid();
  impl->channels = config.prompt_dim;
  impl->preprocess = model_->preprocess.name;
  impl->range = image.range;
  impl->model_hash = model_->hash;
  impl->values = AlignedBuffer(static_cast<std::size_t>(config.grid()) *
                               static_cast<std::size_t>(config.grid()) *
                               static_cast<std::size_t>(config.prompt_dim) * sizeof(float));
  return impl;
}

void Predictor::run_encoder(const ImageView* images, std::size_t count,
                            std::vector<Embedding>& embeddings) {
  const Stopwatch watch;
  const SamConfig& config = model_->config;
  const auto grid = static_cast<std::size_t>(config.grid());
  const std::size_t values = grid * grid * static_cast<std::size_t>(config.prompt_dim);
  const std::array<std::int64_t, 1> batch{static_cast<std::int64_t>(count)};
  const std::array<engine::ConstTensorRef, 1> inputs{image_.data()};
  const std::array<engine::TensorRef, 1> outputs{embeddings_.get(count * values)};
  session_.run(encoder_, batch, inputs, outputs);
  for (std::size_t i = 0; i < count; ++i) {
    auto impl = new_embedding(images[i]);
    std::copy_n(embeddings_.data() + i * values, values, impl->data());
    embeddings.push_back(Access::make<Embedding>(std::move(impl)));
  }
  timings_.encode_ms += watch.milliseconds();
}

Embedding Predictor::run_encoder(const ImageView& image) {
  const Stopwatch watch;
  auto impl = new_embedding(image);
  const std::array<std::int64_t, 1> batch{1};
  const std::array<engine::ConstTensorRef, 1> inputs{image_.data()};
  const std::array<engine::TensorRef, 1> outputs{impl->data()};
  session_.run(encoder_, batch, inputs, outputs);
  timings_.encode_ms = watch.milliseconds();
  return Access::make<Embedding>(std::move(impl));
}

Embedding Predictor::checked(Embedding embedding) const {
  const Embedding::Impl& impl = *Access::impl(embedding);
  check_finite(impl.data(), impl.size(), [] { return "the embedding"; });
  return embedding;
}

void Predictor::check_embedding(const Embedding& embedding) const {
  LASSO_CHECK(Access::impl(embedding) != nullptr, ErrorCode::kInvalidArgument,
              "the embedding is empty");
  const Embedding::Impl& e = *Access::impl(embedding);
  LASSO_CHECK(e.model_hash == model_->hash, ErrorCode::kInvalidArgument,
              "the embedding was made by another model (hash {}, and this model's is {})",
              e.model_hash, model_->hash);
  LASSO_CHECK(e.preprocess == model_->preprocess.name, ErrorCode::kInvalidArgument,
              "the embedding's image was prepared by \"{}\", and this engine prepares by \"{}\"",
              e.preprocess, model_->preprocess.name);
  LASSO_CHECK(e.grid == model_->config.grid() && e.channels == model_->config.prompt_dim &&
                  e.image_size == model_->config.image_size,
              ErrorCode::kInvalidArgument,
              "the embedding is {}x{}x{} of a {} pixel square, and this model's are {}x{}x{} of {}",
              e.grid, e.grid, e.channels, e.image_size, model_->config.grid(),
              model_->config.grid(), model_->config.prompt_dim, model_->config.image_size);
}

void Predictor::check_prompt(const Prompt& prompt, std::size_t index, std::size_t side) const {
  LASSO_CHECK(!prompt.points.empty() || prompt.box || !prompt.mask_input.empty(),
              ErrorCode::kInvalidArgument,
              "prompt {} is empty: it needs a point, a box or a mask input", index);
  for (const Point& point : prompt.points) {
    LASSO_CHECK(std::isfinite(point.x) && std::isfinite(point.y), ErrorCode::kInvalidArgument,
                "prompt {}: point ({}, {}) is not finite", index, point.x, point.y);
    LASSO_CHECK(point.label == PointLabel::kBackground || point.label == PointLabel::kForeground,
                ErrorCode::kInvalidArgument,
                "prompt {}: label {} is neither 0 (background) nor 1 (foreground)", index,
                static_cast<int>(point.label));
  }
  if (prompt.box) {
    const Box& box = *prompt.box;
    LASSO_CHECK(std::isfinite(box.x0) && std::isfinite(box.y0) && std::isfinite(box.x1) &&
                    std::isfinite(box.y1) && box.x0 < box.x1 && box.y0 < box.y1,
                ErrorCode::kInvalidArgument,
                "prompt {}: box ({}, {}, {}, {}) has no area: x0 < x1 and y0 < y1 are expected",
                index, box.x0, box.y0, box.x1, box.y1);
  }
  LASSO_CHECK(prompt.mask_input.empty() || prompt.mask_input.size() == side * side,
              ErrorCode::kInvalidArgument,
              "prompt {}: mask_input has {} values, and {}x{} low-resolution logits are expected",
              index, prompt.mask_input.size(), side, side);
  LASSO_CHECK(count_not_finite(prompt.mask_input.data(), prompt.mask_input.size()) == 0,
              ErrorCode::kInvalidArgument, "prompt {}: mask_input has values that are not finite",
              index);
}

void Predictor::segment(const Embedding& embedding, const Prompt* prompts, std::size_t count,
                        const SegmentOptions& options, Segmentation* results) {
  answer_each(embedding, prompts, count, [&](std::size_t i, const Batch& batch, std::size_t place) {
    store_result(embedding, prompts[i], batch, place, options, results[i]);
  });
}

void Predictor::segment(const Embedding& embedding, const Prompt* prompts, std::size_t count,
                        const SegmentOptions& options, const Segmenter::Sink& sink) {
  answer_each(embedding, prompts, count, [&](std::size_t i, const Batch& batch, std::size_t place) {
    store_result(embedding, prompts[i], batch, place, options, answer_);
    sink(i, answer_);
  });
}

template <typename Deliver>
void Predictor::answer_each(const Embedding& embedding, const Prompt* prompts, std::size_t count,
                            const Deliver& deliver) {
  timings_ = {};
  check_embedding(embedding);
  const auto side = static_cast<std::size_t>(embedding.low_res_side());
  for (std::size_t i = 0; i < count; ++i) check_prompt(prompts[i], i, side);
  in_batch_.assign(count, false);
  // A call that ended early leaves batches behind.
  for (Batch& batch : batches_) batch.handed_over = batch.prompts.size();
  for (std::size_t i = 0; i < count; ++i) {
    Batch& batch = batch_of(embedding, prompts, i, count);
    deliver(i, batch, batch.handed_over);
    ++batch.handed_over;
  }
}

// Prompts are handed over in their order and batches take them in their order: the next one to be
// handed over of some batch is `first`, or none has it.
Predictor::Batch& Predictor::batch_of(const Embedding& embedding, const Prompt* prompts,
                                      std::size_t first, std::size_t count) {
  if (in_batch_[first]) {
    return *std::find_if(batches_.begin(), batches_.end(), [&](const Batch& batch) {
      return batch.handed_over < batch.prompts.size() && batch.prompts[batch.handed_over] == first;
    });
  }
  const Stopwatch watch;
  Batch& batch = free_batch();
  batch.points = decoder_points(prompts[first]);
  batch.mask_input = !prompts[first].mask_input.empty();
  for (std::size_t i = first; i < count && batch.prompts.size() < prompts_per_run_; ++i) {
    if (in_batch_[i] || decoder_points(prompts[i]) != batch.points ||
        prompts[i].mask_input.empty() == batch.mask_input) {
      continue;
    }
    batch.prompts.push_back(i);
    in_batch_[i] = true;
  }
  fill_inputs(embedding, prompts, batch);
  run_decoder(embedding, batch);
  timings_.decode_ms += watch.milliseconds();
  return batch;
}

Predictor::Batch& Predictor::free_batch() {
  const auto free = std::find_if(batches_.begin(), batches_.end(), [](const Batch& batch) {
    return batch.handed_over == batch.prompts.size();
  });
  Batch& batch = free == batches_.end() ? batches_.emplace_back() : *free;
  batch.prompts.clear();
  batch.handed_over = 0;
  return batch;
}

void Predictor::fill_inputs(const Embedding& embedding, const Prompt* prompts, const Batch& batch) {
  const Embedding::Impl& e = *Access::impl(embedding);
  const ResizedSize resized =
      resized_size(model_->preprocess, e.image_width, e.image_height, e.image_size);
  coords_.clear();
  labels_.clear();
  mask_inputs_.clear();
  const auto size = static_cast<float>(e.image_size);
  const auto add = [&](float x, float y, std::int32_t label) {
    const ModelPoint point = scale_point(resized, e.image_width, e.image_height, x, y);
    coords_.push_back((point.x + 0.5F) / size);
    coords_.push_back((point.y + 0.5F) / size);
    labels_.push_back(label);
  };
  for (const std::size_t i : batch.prompts) {
    const Prompt& prompt = prompts[i];
    for (const Point& point : prompt.points) {
      add(point.x, point.y, point.label == PointLabel::kForeground ? 1 : 0);
    }
    if (prompt.box) {
      add(prompt.box->x0, prompt.box->y0, kTopLeft);
      add(prompt.box->x1, prompt.box->y1, kBottomRight);
    } else {
      add(0, 0, kPadding);
    }
    mask_inputs_.insert(mask_inputs_.end(), prompt.mask_input.begin(), prompt.mask_input.end());
  }
}

void Predictor::need_image_tokens(const Embedding& embedding) {
  if (image_tokens_of_.lock() == Access::impl(embedding)) return;
  if (image_tokens_.empty()) {
    const graph::Graph& graph = session_.module().programs[image_tokens_program_].graph;
    std::vector<AlignedBuffer> tokens;
    std::vector<engine::TensorRef> results;
    for (const graph::ValueId id : graph.outputs) {
      const auto values =
          static_cast<std::size_t>(element_count(graph::evaluate(graph.value(id).shape, {})));
      tokens.emplace_back(values * sizeof(float));
      results.emplace_back(reinterpret_cast<float*>(tokens.back().data()));
    }
    image_tokens_ = std::move(tokens);
    image_token_results_ = std::move(results);
  }
  image_tokens_of_.reset();
  const std::array<engine::ConstTensorRef, 1> inputs{Access::impl(embedding)->data()};
  session_.run(image_tokens_program_, {}, inputs, image_token_results_);
  image_tokens_of_ = Access::impl(embedding);
}

void Predictor::run_decoder(const Embedding& embedding, Batch& batch) {
  const auto count = batch.prompts.size();
  const auto masks = static_cast<std::size_t>(model_->config.num_mask_tokens());
  const auto side = static_cast<std::size_t>(embedding.low_res_side());
  batch.logits.resize(count * masks * side * side);
  batch.iou.resize(count * masks);
  const std::array<std::int64_t, 2> symbols{static_cast<std::int64_t>(count),
                                            static_cast<std::int64_t>(batch.points)};
  decoder_inputs_.clear();
  if (batch.mask_input) {
    decoder_inputs_.emplace_back(Access::impl(embedding)->data());
  } else {
    need_image_tokens(embedding);
    for (const engine::TensorRef& result : image_token_results_) {
      decoder_inputs_.emplace_back(result.data, result.dtype, result.space);
    }
  }
  decoder_inputs_.emplace_back(coords_.data());
  decoder_inputs_.emplace_back(labels_.data());
  if (batch.mask_input) decoder_inputs_.emplace_back(mask_inputs_.data());
  const std::array<engine::TensorRef, 2> outputs{batch.logits.data(), batch.iou.data()};
  session_.run(batch.mask_input ? decoder_with_mask_ : decoder_, symbols, decoder_inputs_, outputs);
}

// The decoder makes one mask for unambiguous prompts (the first) and several for ambiguous ones.
void Predictor::store_result(const Embedding& embedding, const Prompt& prompt, const Batch& batch,
                             std::size_t place, const SegmentOptions& options,
                             Segmentation& result) {
  const Stopwatch watch;
  const ThreadLimit limit(session_.threads());
  const Embedding::Impl& e = *Access::impl(embedding);
  const auto tokens = static_cast<std::size_t>(model_->config.num_mask_tokens());
  const std::size_t first = prompt.multimask ? 1 : 0;
  const std::size_t masks = prompt.multimask ? tokens - 1 : 1;
  const auto side = static_cast<std::size_t>(embedding.low_res_side());
  const MaskUpsample upsample =
      mask_upsample_of(model_->preprocess, embedding.low_res_side(), e.image_size, e.image_width,
                       e.image_height, session_.target().features);
  const float* logits = batch.logits.data() + (place * tokens + first) * side * side;
  const float* iou = batch.iou.data() + place * tokens + first;
  const std::size_t index = batch.prompts[place];
  check_finite(logits, masks * side * side,
               [&] { return fmt::format("prompt {}: the mask's logits", index); });
  check_finite(iou, masks, [&] { return fmt::format("prompt {}: the predicted IoU", index); });
  result.iou_predictions.assign(iou, iou + masks);
  result.low_res_logits.assign(logits, logits + masks * side * side);
  result.masks.resize(options.masks ? masks : 0);
  for (std::size_t m = 0; m < result.masks.size(); ++m) {
    Mask& mask = result.masks[m];
    mask.width = e.image_width;
    mask.height = e.image_height;
    mask.data.resize(static_cast<std::size_t>(mask.width) * static_cast<std::size_t>(mask.height));
    upsample_mask(upsample, logits + m * side * side, options.mask_threshold, mask_scratch_,
                  mask.data.data(), mask.width);
  }
  timings_.postprocess_ms += watch.milliseconds();
}

void Predictor::upsample(const Embedding& embedding, const float* low_res_logits, float threshold,
                         std::uint8_t* out, std::ptrdiff_t stride) {
  check_embedding(embedding);
  LASSO_CHECK(low_res_logits != nullptr && out != nullptr, ErrorCode::kInvalidArgument,
              "the logits or the mask are null");
  const ThreadLimit limit(session_.threads());
  const Embedding::Impl& e = *Access::impl(embedding);
  upsample_mask(mask_upsample_of(model_->preprocess, embedding.low_res_side(), e.image_size,
                                 e.image_width, e.image_height, session_.target().features),
                low_res_logits, threshold, mask_scratch_, out, stride);
}

}  // namespace lasso::sam
