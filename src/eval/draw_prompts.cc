#include "eval/draw_prompts.h"

#include <cstddef>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/random.h"
#include "lasso/clicks.h"
#include "lasso/mask.h"

namespace lasso {

namespace {

constexpr int kPromptsWithoutTruth = 4;

[[noreturn]] void image_error(const AccuracyImage& image, const std::string& problem) {
  fail(ErrorCode::kCorruptFile, "{}: {}", image.path, problem);
}

// The mask of a known object, which must not be empty: it would be found by whoever finds nothing.
Mask truth_mask(const AccuracyImage& image, const OrderedJson& id, const std::string& rle) {
  Mask mask;
  try {
    mask = decode_rle(rle_from_string(rle, image.width, image.height));
  } catch (const Error& error) {
    image_error(image, fmt::format("object {}: {}", id.dump(), error.what()));
  }
  if (mask_area(mask) == 0) {
    image_error(image, fmt::format("object {}: its mask is empty", id.dump()));
  }
  return mask;
}

// How many points a prompt gets.
int draw_count(const DrawOptions& options, SplitMix64* random) {
  const int choices = options.max_points - options.min_points + 1;
  return options.min_points + static_cast<int>(random->below(static_cast<std::uint64_t>(choices)));
}

AccuracyPrompt object_prompt(const AccuracyImage& image, const TruthObject& object,
                             const DrawOptions& options) {
  // A seed of its own for each object: other objects and options do not change its clicks.
  SplitMix64 random(seed_for(options.seed, image.name + "/" + object.id.dump()));
  const int count = draw_count(options, &random);
  AccuracyPrompt prompt;
  prompt.id = object.id;
  prompt.prompt.points =
      random_clicks(truth_mask(image, object.id, object.rle), count, random.state());
  if (options.stored_clicks && object.click) prompt.prompt.points.front() = *object.click;
  prompt.truth = object.rle;
  prompt.core = object.core;
  return prompt;
}

}  // namespace

std::vector<AccuracyPrompt> prompts_for(const AccuracyImage& image, int width, int height,
                                        const DrawOptions& options) {
  if (image.width != 0 && (image.width != width || image.height != height)) {
    image_error(image, fmt::format("has {} x {} pixels, but its annotations are for {} x {}", width,
                                   height, image.width, image.height));
  }
  std::vector<AccuracyPrompt> prompts = image.prompts;
  if (prompts.empty() && !image.objects.empty()) {
    for (const TruthObject& object : image.objects) {
      if (options.prompts_per_image > 0 &&
          static_cast<int>(prompts.size()) == options.prompts_per_image) {
        break;
      }
      prompts.push_back(object_prompt(image, object, options));
    }
  } else if (prompts.empty()) {
    SplitMix64 random(seed_for(options.seed, image.name));
    const int wanted =
        options.prompts_per_image > 0 ? options.prompts_per_image : kPromptsWithoutTruth;
    for (int i = 0; i < wanted; ++i) {
      const int count = draw_count(options, &random);
      AccuracyPrompt prompt;
      prompt.prompt.points = random_points(width, height, count, random.state());
      prompts.push_back(std::move(prompt));
    }
  }
  for (const AccuracyPrompt& prompt : prompts) {
    if (prompt.prompt.points.empty()) image_error(image, "a prompt has no points");
  }
  for (const AccuracyPrompt& prompt : image.prompts) {
    if (!prompt.truth.empty()) truth_mask(image, prompt.id, prompt.truth);
  }
  return prompts;
}

std::uint64_t seed_for(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = SplitMix64(seed).next() ^ 0xcbf29ce484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

}  // namespace lasso
