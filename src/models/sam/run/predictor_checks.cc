// What a predictor refuses before anything runs.
#include <cmath>

#include "core/access.h"
#include "core/check.h"
#include "core/finite.h"
#include "models/sam/run/predictor.h"

namespace lasso::sam {

void Predictor::check_encoder() const {
  LASSO_CHECK(model_->interface.encoder, ErrorCode::kInvalidArgument,
              "{}: there is no image encoder, and an image is to be encoded; embeddings can be "
              "given (lasso::Embedding::load or from_array)",
              model_->parts);
}

void Predictor::check_embedding(const Embedding& embedding) const {
  LASSO_CHECK(Access::impl(embedding) != nullptr, ErrorCode::kInvalidArgument,
              "the embedding is empty");
  const Embedding::Impl& e = *Access::impl(embedding);
  // A decoder without an encoder takes what was made for it.
  LASSO_CHECK(e.model_hash == model_->hash || e.decoder_hash == model_->hash,
              ErrorCode::kInvalidArgument,
              "the embedding was made by another model (hash {}, and this model's is {}): expected "
              "the same encoder and decoder, or its decoder alone",
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
  LASSO_CHECK(
      e.device == nullptr || !is_on_device() || e.device->name() == session_.device()->name(),
      ErrorCode::kInvalidArgument,
      "the embedding lies on the device {}, and this engine runs on {}", e.device->name(),
      session_.device()->name());
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
  const auto most = static_cast<std::size_t>(model_->interface.points);
  const std::size_t points = prompt.points.size() + (prompt.box ? 2 : 0);
  LASSO_CHECK(most == 0 || points <= most, ErrorCode::kInvalidArgument,
              "prompt {} has {} points, a box's corners included, and the decoder takes {} at most",
              index, points, most);
  LASSO_CHECK(prompt.mask_input.empty() || model_->interface.mask_input,
              ErrorCode::kInvalidArgument, "prompt {} has a mask, and the decoder of {} takes none",
              index, model_->parts);
  LASSO_CHECK(prompt.mask_input.empty() || prompt.mask_input.size() == side * side,
              ErrorCode::kInvalidArgument,
              "prompt {}: mask_input has {} values, and {}x{} low-resolution logits are expected",
              index, prompt.mask_input.size(), side, side);
  LASSO_CHECK(count_not_finite(prompt.mask_input.data(), prompt.mask_input.size()) == 0,
              ErrorCode::kInvalidArgument, "prompt {}: mask_input has values that are not finite",
              index);
}

}  // namespace lasso::sam
