#include "cli/segment/segment_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "core/stopwatch.h"
#include "formats/npy/npy.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

// Masks of one call to the decoder are in memory together: at most this many bytes of them, and
// this many prompts.
constexpr std::size_t kMaskBytes = std::size_t{256} << 20;
constexpr std::size_t kPromptsPerCall = 64;

// A file that the user named, or a generated name in a folder that the user named.
std::string resolve(const std::string& target, const std::string& source, const std::string& kind,
                    const std::string& extension, OutputNames* names) {
  std::error_code ignored;
  if (!fs::is_directory(target, ignored)) return target;
  return names->claim(target, {{stem(source) + "_" + kind, extension}}).front();
}

class ImageJob {
 public:
  ImageJob(lasso::Context* context, const ImageTask& task, const SegmentSettings& settings,
           OutputNames* names, const std::function<void()>& wait, ImageReport* report)
      : context_(context),
        task_(task),
        settings_(settings),
        names_(names),
        wait_(wait),
        report_(report) {}

  void run() {
    read();
    check_prompts();
    if (settings_.save_embedding.empty() && report_->prompts.empty()) return;
    const Embedding embedding = encode();
    if (!settings_.save_embedding.empty()) save_embedding(embedding);
    if (!report_->prompts.empty()) answer(embedding);
  }

 private:
  bool encoder_is_needed() const { return settings_.load_embedding.empty(); }

  void read() {
    const Stopwatch watch;
    if (task_.path) {
      ReadImageOptions options;
      options.max_pixels = settings_.max_pixels;
      image_ = read_image(*task_.path, options);
      report_->width = image_->width;
      report_->height = image_->height;
    }
    if (!encoder_is_needed()) {
      loaded_ = Embedding::load(settings_.load_embedding);
      const int width = loaded_->image_width();
      const int height = loaded_->image_height();
      if (image_ && (width != image_->width || height != image_->height)) {
        throw lasso::Error(
            ErrorCode::kInvalidArgument,
            fmt::format("{}: has {}x{} pixels, but the embedding {} is of an image of {}x{}",
                        *task_.path, image_->width, image_->height, settings_.load_embedding, width,
                        height));
      }
      report_->width = width;
      report_->height = height;
    }
    report_->load_ms = watch.milliseconds();
  }

  // A prompt that does not fit the image fails alone when it comes from a file of prompts; one from
  // the options is the image's failure.
  void check_prompts() {
    for (const PromptTask& prompt : task_.prompts) {
      const auto problem = prompt_problem(prompt.prompt, report_->width, report_->height);
      if (problem && prompt.source.empty()) {
        throw lasso::Error(ErrorCode::kInvalidArgument,
                           fmt::format("{}: {}", report_->path, *problem));
      }
      if (problem) {
        report_->failures.push_back(
            {prompt.source, prompt.id, fmt::format("{}: {}", report_->path, *problem)});
      } else {
        report_->prompts.push_back(prompt);
      }
    }
  }

  Embedding encode() {
    if (loaded_) return *loaded_;
    Embedding embedding = context_->encode(image_->view());
    report_->timings.preprocess_ms = context_->last_timings().preprocess_ms;
    report_->timings.encode_ms = context_->last_timings().encode_ms;
    return embedding;
  }

  void save_embedding(const Embedding& embedding) {
    wait_();
    const std::string path =
        resolve(settings_.save_embedding, report_->path, "embedding", ".safetensors", names_);
    write_with([&] { embedding.save(path); });
    report_->files["embedding"].push_back(path);
  }

  void answer(const Embedding& embedding) {
    OutputSubject subject;
    subject.path = report_->path;
    subject.image = image_ ? &*image_ : nullptr;
    subject.width = report_->width;
    subject.height = report_->height;
    subject.prompts = &report_->prompts;
    subject.candidates = static_cast<std::size_t>(context_->engine().info().candidates);
    ImageOutputs outputs(settings_.formats, settings_.json, settings_.folder, names_, subject);

    std::size_t candidates = 1;
    for (const PromptTask& prompt : report_->prompts) {
      if (prompt.multimask) candidates = subject.candidates;
    }
    const std::size_t mask_bytes = static_cast<std::size_t>(report_->width) *
                                   static_cast<std::size_t>(report_->height) * candidates;
    const std::size_t step = std::clamp<std::size_t>(
        kMaskBytes / std::max<std::size_t>(mask_bytes, 1), 1, kPromptsPerCall);
    const std::size_t count = report_->prompts.size();
    std::vector<float> logits;
    for (std::size_t first = 0; first < count; first += step) {
      const std::vector<Segmentation> answers =
          answer_range(embedding, first, std::min(first + step, count));
      if (first == 0) wait_();
      outputs.add(first, answers);
      if (settings_.save_logits.empty()) continue;
      for (const Segmentation& answer : answers) {
        logits.insert(logits.end(), answer.low_res_logits.begin(), answer.low_res_logits.end());
      }
    }
    const OrderedJson files = outputs.finish();
    report_->files.update(files);
    report_->masks = outputs.masks();
    if (!settings_.save_logits.empty()) {
      save_logits(logits, count, candidates, embedding.low_res_side());
    }
  }

  // The answers to prompts begin to end - 1. A call of the decoder has one number of masks for all.
  std::vector<Segmentation> answer_range(const Embedding& embedding, std::size_t begin,
                                         std::size_t end) {
    std::vector<Segmentation> answers(end - begin);
    for (const bool multimask : {false, true}) {
      std::vector<std::size_t> places;
      std::vector<Prompt> prompts;
      for (std::size_t i = begin; i < end; ++i) {
        if (report_->prompts[i].multimask != multimask) continue;
        places.push_back(i - begin);
        prompts.push_back(report_->prompts[i].prompt);
      }
      if (prompts.empty()) continue;
      SegmentOptions options;
      options.multimask = multimask;
      std::vector<Segmentation> some = context_->segment(embedding, prompts, options);
      report_->timings.decode_ms += context_->last_timings().decode_ms;
      report_->timings.postprocess_ms += context_->last_timings().postprocess_ms;
      for (std::size_t i = 0; i < some.size(); ++i) answers[places[i]] = std::move(some[i]);
    }
    return answers;
  }

  // [masks, side, side] for one prompt, [prompts, masks, side, side] for several.
  void save_logits(const std::vector<float>& logits, std::size_t prompts, std::size_t candidates,
                   int side) {
    Dims shape = {static_cast<std::int64_t>(candidates), side, side};
    if (prompts > 1) shape.insert(shape.begin(), static_cast<std::int64_t>(prompts));
    const std::string path =
        resolve(settings_.save_logits, report_->path, "logits", ".npy", names_);
    write_with([&] { write_npy(path, {DType::kF32, shape, logits.data()}); });
    report_->files["logits"].push_back(path);
  }

  lasso::Context* context_;
  const ImageTask& task_;
  const SegmentSettings& settings_;
  OutputNames* names_;
  const std::function<void()>& wait_;
  ImageReport* report_;
  std::optional<Image> image_;
  std::optional<Embedding> loaded_;
};

}  // namespace

ImageReport segment_image(lasso::Context* context, const ImageTask& task,
                          const SegmentSettings& settings, OutputNames* names,
                          const std::function<void()>& wait) {
  ImageReport report;
  report.path = task.path.value_or(settings.load_embedding);
  report.failures = task.failures;
  try {
    ImageJob(context, task, settings, names, wait, &report).run();
  } catch (const OutputError& error) {
    report.error_code = "output";
    report.error = error.what();
  } catch (const lasso::Error& error) {
    if (is_fatal(error)) throw;
    report.error_code = to_string(error.code());
    report.error = error.what();
    if (report.error.find(report.path) == std::string::npos) {
      report.error = report.path + ": " + report.error;
    }
  }
  return report;
}

}  // namespace lasso::app
