#include "models/sam/run/predictor.h"

#include <algorithm>
#include <array>
#include <bit>

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
// the caches hold take longer together than one by one (ViT-B on 2 cores: 11 ms each, and 9), while
// one alone does not fill many cores, nor one of a small model a few. For each thread:
constexpr std::size_t kTokenBytesPerThread = std::size_t{2} << 20;
constexpr std::size_t kMostPromptsPerThread = 4;
// A GPU gains until all its multiprocessors are busy; what its memory holds meanwhile, a few times
// these tokens, decides how many.
constexpr std::size_t kTokenBytesPerDeviceRun = std::size_t{128} << 20;
constexpr std::size_t kMostPromptsPerDeviceRun = 64;
// Beyond, the layers of the smallest models fill the caches and the cores; two cores are full with
// one image.
constexpr std::size_t kImagesPerRun = 4;
constexpr std::size_t kImagesPerDeviceRun = 8;
// Labels of the prompt encoder beyond background (0) and foreground (1).
constexpr std::int32_t kPadding = -1;
constexpr std::int32_t kTopLeft = 2;
constexpr std::int32_t kBottomRight = 3;

// Points of the prompt as the decoder counts them: a box is two, and its absence is one of padding.
std::size_t points_of(const Prompt& prompt) { return prompt.points.size() + (prompt.box ? 2 : 1); }

// The decoder makes one mask for unambiguous prompts (the first) and several for ambiguous ones.
MaskRange answer_of(const SamModel& model, const Prompt& prompt) {
  const bool is_first = !prompt.multimask || model.masks() == 1;
  return is_first ? MaskRange{0, 1} : MaskRange{1, model.candidates()};
}

engine::SessionOptions session_options(int threads) {
  engine::SessionOptions options;
  options.threads = threads;
  options.cached_plans = 64;
  return options;
}

// A power of two on a device, so that padding makes no run larger.
std::size_t prompts_per_run(const SamModel& model, const engine::Session& session) {
  if (!model.interface.prompts) return 1;
  const SamConfig& config = model.config;
  const auto grid = static_cast<std::size_t>(config.grid());
  const std::size_t bytes =
      grid * grid * static_cast<std::size_t>(config.prompt_dim) * sizeof(float);
  if (!session.device()->is_host()) {
    return std::bit_floor(
        std::clamp<std::size_t>(kTokenBytesPerDeviceRun / bytes, 1, kMostPromptsPerDeviceRun));
  }
  const auto threads = static_cast<std::size_t>(session.threads());
  return std::clamp<std::size_t>(kTokenBytesPerThread * threads / bytes, 1,
                                 kMostPromptsPerThread * threads);
}

}  // namespace

Predictor::Predictor(std::shared_ptr<const SamModel> model, int threads,
                     const std::vector<EncoderStage>& stages, const OpenForeignModel& open)
    : model_(std::move(model)),
      session_(model_->module, session_options(threads)),
      prompts_per_run_(prompts_per_run(*model_, session_)),
      chain_(stages, session_),
      foreign_(model_->foreign, session_, open),
      images_(make_encoder_images(session_, *model_)),
      embedding_check_(session_) {
  if (chain_.empty() && model_->interface.encoder && !foreign_.has(kImageEncoder)) {
    encoder_ = session_.program(kImageEncoder);
  }
  if (!foreign_.has(kMaskDecoder)) {
    image_tokens_program_ = session_.program(kImageTokens);
    decoder_ = session_.program(kMaskDecoder);
    if (model_->interface.mask_input) decoder_with_mask_ = session_.program(kMaskDecoderWithMask);
  }
  if (is_on_device()) {
    embedding_blocks_ =
        std::make_shared<EmbeddingBlocks>(session_.device(), embedding_values() * sizeof(float));
  }
}

template <typename What>
void Predictor::check_finite(std::size_t bad, std::size_t count, const What& what) const {
  if (bad == 0) return;
  throw NotFinite(
      fmt::format("{} has {} of {} values that are not finite: in {}, the model leaves the range "
                  "of its numbers for this image",
                  what(), bad, count, model_->precision));
}

Embedding Predictor::encode(const ImageView& image) {
  check_encoder();
  timings_ = {};
  const Stopwatch watch;
  images_->reserve(1);
  images_->prepare(image, 0);
  timings_.preprocess_ms = watch.milliseconds();
  return run_encoder(image, true);
}

std::vector<Embedding> Predictor::encode(const ImageView* images, std::size_t count) {
  check_encoder();
  timings_ = {};
  std::vector<Embedding> embeddings;
  embeddings.reserve(count);
  for (std::size_t first = 0; first < count; first += images_per_run()) {
    const std::size_t some = std::min(images_per_run(), count - first);
    const Stopwatch watch;
    images_->reserve(some);
    for (std::size_t i = 0; i < some; ++i) {
      try {
        images_->prepare(images[first + i], i);
      } catch (const Error& error) {
        fail(error.code(), "image {} of {}: {}", first + i, count, error.what());
      }
    }
    timings_.preprocess_ms += watch.milliseconds();
    run_encoder(images + first, some, [&](std::size_t i, Embedding embedding, std::size_t bad) {
      check_finite(bad, embedding.size(),
                   [&] { return fmt::format("image {} of {}: its embedding", first + i, count); });
      embeddings.push_back(std::move(embedding));
    });
  }
  return embeddings;
}

void Predictor::set_trace(const engine::Session::Trace& trace) {
  session_.set_trace(trace);
  chain_.set_trace(trace);
}

std::size_t Predictor::decoder_points(const Prompt& prompt) const {
  const auto fixed = static_cast<std::size_t>(model_->interface.points);
  return fixed == 0 ? points_of(prompt) : fixed;
}

std::span<const std::int64_t> Predictor::bind_decoder(std::size_t prompts, std::size_t points) {
  std::size_t count = 0;
  if (model_->interface.prompts) decoder_symbols_[count++] = static_cast<std::int64_t>(prompts);
  if (model_->interface.points == 0) decoder_symbols_[count++] = static_cast<std::int64_t>(points);
  return std::span(decoder_symbols_).first(count);
}

std::size_t Predictor::images_per_run() const {
  if (!chain_.empty() || !model_->interface.images) return 1;
  return is_on_device() ? kImagesPerDeviceRun : kImagesPerRun;
}

std::size_t Predictor::image_values() const {
  const auto side = static_cast<std::size_t>(model_->config.image_size);
  return side * side * 3;
}

std::size_t Predictor::embedding_values() const {
  const auto grid = static_cast<std::size_t>(model_->config.grid());
  return grid * grid * static_cast<std::size_t>(model_->config.prompt_dim);
}

Embedding Predictor::encode_preprocessed(const float* pixels, int image_width, int image_height) {
  LASSO_CHECK(pixels != nullptr, ErrorCode::kInvalidArgument, "pixels is null");
  check_encoder();
  resized_size(model_->preprocess, image_width, image_height, model_->config.image_size);
  timings_ = {};
  const std::size_t bad = count_not_finite(pixels, image_values());
  LASSO_CHECK(bad == 0, ErrorCode::kInvalidArgument,
              "{} of the {} values of the pixels are not finite", bad, image_values());
  images_->reserve(1);
  images_->copy(pixels);
  return run_encoder({nullptr, image_width, image_height}, true);
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
  impl->decoder_hash = model_->decoder_hash;
  if (is_on_device()) {
    impl->device = session_.device();
    impl->device_values = embedding_blocks_->take();
  } else {
    impl->values = AlignedBuffer(embedding_values() * sizeof(float));
  }
  return impl;
}

void Predictor::run_encoder_program(std::size_t images, const engine::TensorRef& result) {
  const std::array<engine::ConstTensorRef, 1> inputs{images_->input()};
  const std::array<engine::TensorRef, 1> outputs{result};
  if (!chain_.empty()) {
    session_.wait();  // for the image
    chain_.run(inputs.front(), result);
  } else if (foreign_.has(kImageEncoder)) {
    foreign_.run(kImageEncoder, {}, inputs, outputs);
  } else {
    const std::array<std::int64_t, 1> batch{static_cast<std::int64_t>(images)};
    session_.enqueue(encoder_, std::span(batch).first(model_->interface.images ? 1 : 0), inputs,
                     outputs);
  }
}

void Predictor::enqueue_encoder() {
  const auto memory_of = [](Embedding::Impl& impl) {
    return impl.device == nullptr ? impl.values.data() : impl.device_values.data();
  };
  const std::size_t count = encoded_.size();
  const std::size_t bytes = embedding_values() * sizeof(float);
  std::byte* values = memory_of(*encoded_.front());
  if (count > 1) {
    grow(session_, embeddings_, count * bytes);
    values = embeddings_.data();
  }
  run_encoder_program(count, {values, DType::kF32, engine::MemorySpace::kDevice});
  for (std::size_t i = 0; count > 1 && i < count; ++i) {
    session_.stream().copy(memory_of(*encoded_[i]), values + i * bytes, bytes);
  }
  // In planes of a row of tokens, so that many of a GPU's multiprocessors count.
  if (embedding_check_.exists()) {
    const auto grid = static_cast<std::size_t>(model_->config.grid());
    embedding_check_.enqueue(values, nullptr, count * grid, embedding_values() / grid);
  }
}

template <typename Take>
void Predictor::run_encoder(const ImageView* images, std::size_t count, const Take& take) {
  const Stopwatch watch;
  encoded_.clear();
  for (std::size_t i = 0; i < count; ++i) encoded_.push_back(new_embedding(images[i]));
  session_.or_abandon([&] {
    enqueue_encoder();
    session_.wait();
  });
  timings_.encode_ms += watch.milliseconds();
  const auto grid = static_cast<std::size_t>(model_->config.grid());
  for (std::size_t i = 0; i < count; ++i) {
    const Embedding::Impl& impl = *encoded_[i];
    const std::size_t bad = embedding_check_.exists() ? embedding_check_.sum(i * grid, grid)
                                                      : count_not_finite(impl.data(), impl.size());
    take(i, Access::make<Embedding>(std::move(encoded_[i])), bad);
  }
}

Embedding Predictor::run_encoder(const ImageView& image, bool must_be_finite) {
  Embedding result;
  run_encoder(&image, 1, [&](std::size_t, Embedding embedding, std::size_t bad) {
    check_finite(must_be_finite ? bad : 0, embedding.size(), [] { return "the embedding"; });
    result = std::move(embedding);
  });
  return result;
}

engine::ConstTensorRef Predictor::input_of(const Embedding& embedding) const {
  const Embedding::Impl& e = *Access::impl(embedding);
  if (e.device == nullptr || !is_on_device()) return e.data();
  return {e.device_values.data(), DType::kF32, engine::MemorySpace::kDevice};
}

void Predictor::segment(const Embedding& embedding, const Prompt* prompts, std::size_t count,
                        const SegmentOptions& options, Segmentation* results) {
  answer_each(embedding, prompts, count, options,
              [&](std::size_t i, const Batch& batch, std::size_t place) {
                store_result(batch, place, prompts[i], results[i]);
              });
}

void Predictor::segment(const Embedding& embedding, const Prompt* prompts, std::size_t count,
                        const SegmentOptions& options, const Segmenter::Sink& sink) {
  answer_each(embedding, prompts, count, options,
              [&](std::size_t i, const Batch& batch, std::size_t place) {
                store_result(batch, place, prompts[i], answer_);
                sink(i, answer_);
              });
}

template <typename Deliver>
void Predictor::answer_each(const Embedding& embedding, const Prompt* prompts, std::size_t count,
                            const SegmentOptions& options, const Deliver& deliver) {
  timings_ = {};
  check_embedding(embedding);
  const auto side = static_cast<std::size_t>(embedding.low_res_side());
  for (std::size_t i = 0; i < count; ++i) check_prompt(prompts[i], i, side);
  in_batch_.assign(count, false);
  // A call that ended early leaves batches behind.
  for (Batch& batch : batches_) batch.handed_over = batch.prompts.size();
  for (std::size_t i = 0; i < count; ++i) {
    Batch& batch = batch_of(embedding, prompts, i, count, options);
    deliver(i, batch, batch.handed_over);
    ++batch.handed_over;
  }
}

// Prompts are handed over in their order and batches take them in their order: the next one to be
// handed over of some batch is `first`, or none has it.
Predictor::Batch& Predictor::batch_of(const Embedding& embedding, const Prompt* prompts,
                                      std::size_t first, std::size_t count,
                                      const SegmentOptions& options) {
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
  fill_request(embedding, prompts, batch, options);
  session_.or_abandon([&] {
    enqueue_decoder(embedding, batch);
    batch.answers->begin(request_);
    session_.wait();
  });
  if (!batch.mask_input) image_tokens_of_ = Access::impl(embedding);
  timings_.decode_ms += watch.milliseconds();
  return batch;
}

Predictor::Batch& Predictor::free_batch() {
  const auto free = std::find_if(batches_.begin(), batches_.end(), [](const Batch& batch) {
    return batch.handed_over == batch.prompts.size();
  });
  Batch& batch = free == batches_.end() ? add_batch() : *free;
  batch.prompts.clear();
  batch.handed_over = 0;
  return batch;
}

Predictor::Batch& Predictor::add_batch() {
  Batch batch;
  batch.answers = make_decoder_answers(session_, mask_scratch_);
  return batches_.emplace_back(std::move(batch));
}

std::size_t Predictor::padded_prompts(std::size_t prompts) const {
  return is_on_device() ? std::bit_ceil(prompts) : prompts;
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
  // The last prompt stands for those that pad the run.
  for (std::size_t place = 0; place < padded_prompts(batch.prompts.size()); ++place) {
    const Prompt& prompt = prompts[batch.prompts[std::min(place, batch.prompts.size() - 1)]];
    for (const Point& point : prompt.points) {
      add(point.x, point.y, point.label == PointLabel::kForeground ? 1 : 0);
    }
    if (prompt.box) {
      add(prompt.box->x0, prompt.box->y0, kTopLeft);
      add(prompt.box->x1, prompt.box->y1, kBottomRight);
    }
    for (std::size_t points = prompt.points.size() + (prompt.box ? 2 : 0); points < batch.points;
         ++points) {
      add(0, 0, kPadding);
    }
    mask_inputs_.insert(mask_inputs_.end(), prompt.mask_input.begin(), prompt.mask_input.end());
  }
}

void Predictor::need_image_tokens(const Embedding& embedding) {
  if (image_tokens_of_.lock() == Access::impl(embedding)) return;
  if (image_tokens_.empty()) {
    const graph::Graph& graph = session_.module().programs[image_tokens_program_].graph;
    std::vector<backend::Buffer> tokens;
    std::vector<engine::TensorRef> results;
    for (const graph::ValueId id : graph.outputs) {
      const auto values =
          static_cast<std::size_t>(element_count(graph::evaluate(graph.value(id).shape, {})));
      tokens.push_back(session_.device()->allocate(values * sizeof(float)));
      results.emplace_back(tokens.back().data(), DType::kF32, engine::MemorySpace::kDevice);
    }
    image_tokens_ = std::move(tokens);
    image_token_results_ = std::move(results);
  }
  image_tokens_of_.reset();
  const std::array<engine::ConstTensorRef, 1> inputs{input_of(embedding)};
  session_.enqueue(image_tokens_program_, {}, inputs, image_token_results_);
}

void Predictor::enqueue_decoder(const Embedding& embedding, Batch& batch) {
  const std::size_t count = padded_prompts(batch.prompts.size());
  const std::size_t masks = model_->masks();
  batch.answers->reserve(count, masks, static_cast<std::size_t>(embedding.low_res_side()));
  batch.iou.resize(count * masks);
  const char* program = batch.mask_input ? kMaskDecoderWithMask : kMaskDecoder;
  const bool is_foreign = foreign_.has(program);
  decoder_inputs_.clear();
  if (batch.mask_input || is_foreign) {
    decoder_inputs_.push_back(input_of(embedding));
  } else {
    need_image_tokens(embedding);
    for (const engine::TensorRef& result : image_token_results_) {
      decoder_inputs_.emplace_back(result.data, result.dtype, result.space);
    }
  }
  decoder_inputs_.emplace_back(coords_.data());
  decoder_inputs_.emplace_back(labels_.data());
  if (batch.mask_input) decoder_inputs_.emplace_back(mask_inputs_.data());
  const std::array<engine::TensorRef, 2> outputs{batch.answers->logits(), batch.iou.data()};
  if (is_foreign) {
    foreign_.run(program,
                 {{"prompts", static_cast<std::int64_t>(count)},
                  {"points", static_cast<std::int64_t>(batch.points)}},
                 decoder_inputs_, outputs);
    return;
  }
  session_.enqueue(batch.mask_input ? decoder_with_mask_ : decoder_,
                   bind_decoder(count, batch.points), decoder_inputs_, outputs);
}

void Predictor::fill_request(const Embedding& embedding, const Prompt* prompts, const Batch& batch,
                             const SegmentOptions& options) {
  const Embedding::Impl& e = *Access::impl(embedding);
  request_.upsample = mask_upsample_of(model_->preprocess, embedding.low_res_side(), e.image_size,
                                       e.image_width, e.image_height, session_.target().features);
  request_.options = options;
  request_.prompts.clear();
  for (const std::size_t i : batch.prompts) {
    request_.prompts.push_back(answer_of(*model_, prompts[i]));
  }
}

void Predictor::store_result(const Batch& batch, std::size_t place, const Prompt& prompt,
                             Segmentation& result) {
  const Stopwatch watch;
  const ThreadLimit limit(session_.threads());
  const std::size_t side = 4 * static_cast<std::size_t>(model_->config.grid());
  const auto [first, masks] = answer_of(*model_, prompt);
  const float* iou = batch.iou.data() + place * model_->masks() + first;
  const std::size_t index = batch.prompts[place];
  check_finite(batch.answers->not_finite(place), masks * side * side,
               [&] { return fmt::format("prompt {}: the mask's logits", index); });
  check_finite(count_not_finite(iou, masks), masks,
               [&] { return fmt::format("prompt {}: the predicted IoU", index); });
  result.iou_predictions.assign(iou, iou + masks);
  batch.answers->write(place, result);
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
