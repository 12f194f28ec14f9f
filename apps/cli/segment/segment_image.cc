#include "cli/segment/segment_image.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "cli/image_errors.h"
#include "cli/model/model.h"
#include "cli/segment/answer_groups.h"
#include "core/convert.h"
#include "core/stopwatch.h"
#include "formats/npy/npy.h"
#include "image/value_range.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

// What a folder of --save-embedding or --save-logits is filled with.
struct Kind {
  const char* name;
  const char* extension;
};
constexpr Kind kEmbedding{"embedding", ".safetensors"};
constexpr Kind kLogits{"logits", ".npy"};

bool is_folder(const std::string& target) {
  std::error_code ignored;
  return fs::is_directory(target, ignored);
}

OutputNames::Name generated(const std::string& source, const Kind& kind) {
  return {fmt::format("{}_{}", stem(source), kind.name), kind.extension};
}

// A file that the user named, or a generated name in a folder that the user named.
std::string resolve(const std::string& target, const std::string& source, const Kind& kind,
                    OutputNames* names) {
  if (!is_folder(target)) return target;
  return names->claim(target, {generated(source, kind)}).front();
}

void check_generated(const std::string& target, const std::string& source, const Kind& kind,
                     OutputNames* names) {
  if (!target.empty() && is_folder(target)) names->check(target, {generated(source, kind)});
}

// Whether the file is NumPy's.
bool is_array(const std::string& path) {
  std::array<std::byte, 8> head{};
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(head.data()), head.size());
  return is_npy(head.data(), static_cast<std::size_t>(file.gcount()));
}

class ImageJob {
 public:
  ImageJob(lasso::Segmenter* segmenter, const ImageTask& task, const SegmentSettings& settings,
           OutputNames* names, const std::function<void()>& wait, ImageReport* report)
      : segmenter_(segmenter),
        task_(task),
        settings_(settings),
        names_(names),
        wait_(wait),
        report_(report) {}

  void run() {
    try {
      segment();
    } catch (...) {
      report_files();
      throw;
    }
    report_files();
  }

 private:
  void segment() {
    read();
    check_prompts();
    if (settings_.save_embedding.empty() && report_->prompts.empty()) return;
    if (!report_->prompts.empty()) prepare_outputs();
    check_names();
    const Embedding embedding = encode();
    if (!settings_.save_embedding.empty()) save_embedding(embedding);
    if (!report_->prompts.empty()) answer(embedding);
  }

  // Puts into the report what was written.
  void report_files() {
    OrderedJson& files = report_->files;
    if (!embedding_file_.empty()) files["embedding"].push_back(json_name(embedding_file_));
    if (outputs_) files.update(outputs_->written());
    if (!logits_file_.empty()) files["logits"].push_back(json_name(logits_file_));
  }

  bool encoder_is_needed() const { return settings_.load_embedding.empty(); }

  void read() {
    const Stopwatch watch;
    if (!encoder_is_needed() && !is_array(settings_.load_embedding)) load_embedding();
    report_->range = loaded_ ? loaded_->range() : settings_.pictures->range();
    if (task_.path) {
      image_ = settings_.pictures->read(*task_.path, report_->range);
      report_->width = image_->width;
      report_->height = image_->height;
    }
    if (!encoder_is_needed() && !loaded_) load_array();
    if (loaded_) {
      const int width = loaded_->image_width();
      const int height = loaded_->image_height();
      if (image_ && (width != image_->width || height != image_->height)) {
        throw lasso::Error(
            ErrorCode::kInvalidArgument,
            fmt::format("{}: has {}x{} pixels, but the embedding {} is of an image of {}x{}",
                        picture_name(*task_.path), image_->width, image_->height,
                        settings_.load_embedding, width, height));
      }
      report_->width = width;
      report_->height = height;
    }
    report_->load_ms = watch.milliseconds();
  }

  void load_embedding() {
    loaded_ = Embedding::load(settings_.load_embedding);
    if (settings_.image_size) {
      throw lasso::Error(
          ErrorCode::kInvalidArgument,
          fmt::format("{}: the embedding says what size its image has, and --image-size {},{} is "
                      "given, which is for arrays (.npy)",
                      settings_.load_embedding, settings_.image_size->first,
                      settings_.image_size->second));
    }
    if (settings_.any_range || loaded_->range() == settings_.pictures->range()) return;
    throw lasso::Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{}: the embedding is of a picture in the range {}, and --range asks for {}",
                    settings_.load_embedding, to_text(loaded_->range()),
                    to_text(settings_.pictures->range())));
  }

  void load_array() {
    const std::string& path = settings_.load_embedding;
    std::optional<std::pair<int, int>> size = settings_.image_size;
    if (!size && image_) size = {image_->width, image_->height};
    if (!size) {
      throw lasso::Error(ErrorCode::kInvalidArgument,
                         fmt::format("{}: an array does not say of which image it is; name the "
                                     "IMAGE, or its size with --image-size",
                                     path));
    }
    const Tensor array = read_npy(path);
    if (!is_real(array.dtype)) {
      throw lasso::Error(ErrorCode::kInvalidArgument,
                         fmt::format("{}: elements of type {}, expected float32, float16 or "
                                     "float64",
                                     path, to_string(array.dtype)));
    }
    const std::vector<float> values = read_f32(array.view());
    try {
      loaded_ = Embedding::from_array({ElementType::kFloat32, array.dims, values.data()},
                                      *segmenter_, size->first, size->second);
    } catch (const lasso::Error& error) {
      throw lasso::Error(error.code(), fmt::format("{}: {}", path, error.what()));
    }
  }

  // A prompt that does not fit the image fails alone when it comes from a file of prompts; one from
  // the options is the image's failure.
  void check_prompts() {
    for (const PromptTask& prompt : task_.prompts) {
      const auto problem = prompt_problem(prompt.prompt, report_->width, report_->height);
      if (problem && prompt.source.empty()) {
        throw lasso::Error(ErrorCode::kInvalidArgument,
                           fmt::format("{}: {}", picture_name(report_->path), *problem));
      }
      if (problem) {
        report_->failures.push_back({prompt.source, prompt.id,
                                     fmt::format("{}: {}", picture_name(report_->path), *problem)});
      } else {
        report_->prompts.push_back(prompt);
      }
    }
  }

  Embedding encode() {
    if (loaded_) return *loaded_;
    Embedding embedding = with_model([&] { return segmenter_->encode(image_->view()); });
    report_->timings.preprocess_ms = segmenter_->last_timings().preprocess_ms;
    report_->timings.encode_ms = segmenter_->last_timings().encode_ms;
    return embedding;
  }

  void prepare_outputs() {
    OutputSubject subject;
    subject.path = report_->path;
    subject.image = image_ ? &*image_ : nullptr;
    subject.width = report_->width;
    subject.height = report_->height;
    subject.prompts = &report_->prompts;
    subject.candidates = static_cast<std::size_t>(segmenter_->engine().info().sam->candidates);
    outputs_.emplace(settings_.formats, settings_.json, settings_.folder, names_, subject);
  }

  // Before the encoder runs, which may take long.
  void check_names() {
    check_generated(settings_.save_embedding, report_->path, kEmbedding, names_);
    if (!outputs_) return;
    outputs_->check_names();
    check_generated(settings_.save_logits, report_->path, kLogits, names_);
  }

  void save_embedding(const Embedding& embedding) {
    wait_();
    const std::string path = resolve(settings_.save_embedding, report_->path, kEmbedding, names_);
    write_with([&] { embedding.save(path); });
    embedding_file_ = path;
  }

  void answer(const Embedding& embedding) {
    std::size_t candidates = 1;
    std::vector<Prompt> prompts;
    for (const PromptTask& task : report_->prompts) {
      prompts.push_back(task.prompt);
      prompts.back().multimask = task.multimask;
      if (task.multimask) {
        candidates = static_cast<std::size_t>(segmenter_->engine().info().sam->candidates);
      }
    }
    const std::size_t count = prompts.size();
    std::vector<float> logits;
    AnswerGroups groups(report_->width, report_->height, candidates, count,
                        [&](std::size_t first, const std::vector<Segmentation>& answers) {
                          if (first == 0) wait_();
                          outputs_->add(first, answers);
                        });
    const auto take = [&](std::size_t /*prompt*/, Segmentation& answer) {
      if (!settings_.save_logits.empty()) {
        logits.insert(logits.end(), answer.low_res_logits.begin(), answer.low_res_logits.end());
      }
      groups.take(answer);
    };
    SegmentOptions options;
    options.low_res_logits = !settings_.save_logits.empty();
    with_model([&] { segmenter_->segment(embedding, prompts, options, take); });
    report_->timings.decode_ms = segmenter_->last_timings().decode_ms;
    report_->timings.postprocess_ms = segmenter_->last_timings().postprocess_ms;
    outputs_->finish();
    report_->left_out = outputs_->left_out();
    report_->masks = outputs_->masks();
    if (!settings_.save_logits.empty()) {
      save_logits(logits, count, candidates, embedding.low_res_side());
    }
  }

  // [masks, side, side] for one prompt, [prompts, masks, side, side] for several.
  void save_logits(const std::vector<float>& logits, std::size_t prompts, std::size_t candidates,
                   int side) {
    Dims shape = {static_cast<std::int64_t>(candidates), side, side};
    if (prompts > 1) shape.insert(shape.begin(), static_cast<std::int64_t>(prompts));
    const std::string path = resolve(settings_.save_logits, report_->path, kLogits, names_);
    write_with([&] { write_npy(path, {DType::kF32, shape, logits.data()}); });
    logits_file_ = path;
  }

  lasso::Segmenter* segmenter_;
  const ImageTask& task_;
  const SegmentSettings& settings_;
  OutputNames* names_;
  const std::function<void()>& wait_;
  ImageReport* report_;
  std::optional<Image> image_;
  std::optional<Embedding> loaded_;
  std::optional<ImageOutputs> outputs_;
  std::string embedding_file_;  // once it is written
  std::string logits_file_;
};

}  // namespace

ImageReport segment_image(lasso::Segmenter* segmenter, const ImageTask& task,
                          const SegmentSettings& settings, OutputNames* names,
                          const std::function<void()>& wait) {
  ImageReport report;
  report.path = task.path.value_or(settings.load_embedding);
  report.failures = task.failures;
  ImageJob job(segmenter, task, settings, names, wait, &report);
  keep_errors(&report, [&] { job.run(); });
  return report;
}

}  // namespace lasso::app
