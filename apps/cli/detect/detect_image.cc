#include "cli/detect/detect_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "cli/image_errors.h"
#include "cli/model/model.h"
#include "cli/segment/answer_groups.h"
#include "common/class_names.h"
#include "core/stopwatch.h"

namespace lasso::app {

namespace {

// A prompt needs a box with an area, and a box that was clipped to the image may have none: it is
// made a pixel wide.
Box with_area(Box box) {
  box.x1 = std::max(box.x1, box.x0 + 1.0f);
  box.y1 = std::max(box.y1, box.y0 + 1.0f);
  return box;
}

class ImageJob {
 public:
  ImageJob(DetectWorker* worker, const ImageList::Entry& entry, const DetectSettings& settings,
           OutputNames* names, const std::function<void()>& wait, DetectReport* report)
      : worker_(worker),
        entry_(entry),
        settings_(settings),
        names_(names),
        wait_(wait),
        report_(report) {}

  void run() {
    if (!entry_.error.empty()) throw lasso::Error(ErrorCode::kNotFound, entry_.error);
    read();
    with_model(
        [&] { report_->detections = worker_->detector.detect(image_.view(), settings_.options); });
    report_->timings = worker_->detector.last_timings();
    prepare_outputs();
    try {
      if (worker_->segmenter) segment();
      wait_();
      outputs_->finish();
    } catch (...) {
      report_->files = outputs_->written();
      throw;
    }
    report_->files = outputs_->written();
    if (!settings_.coco.empty()) report_->files["coco"].push_back(json_name(settings_.coco));
    report_->left_out = outputs_->left_out();
    report_->masks = outputs_->masks();
  }

 private:
  void read() {
    const Stopwatch watch;
    report_->range = settings_.pictures->range();
    image_ = settings_.pictures->read(entry_.path);
    report_->width = image_.width;
    report_->height = image_.height;
    report_->load_ms = watch.milliseconds();
  }

  void prepare_outputs() {
    for (const Detection& found : report_->detections) {
      PromptTask& task = prompts_.emplace_back();
      task.prompt.box = with_area(found.box);
      objects_.push_back(
          {fmt::format("{} {:.2f}", class_text(settings_.classes.names, found.class_id),
                       found.score),
           palette_color(static_cast<std::size_t>(found.class_id)),
           settings_.classes.category(found.class_id), found.score});
    }
    OutputSubject subject;
    subject.path = report_->path;
    subject.image = &image_;
    subject.width = report_->width;
    subject.height = report_->height;
    subject.prompts = &prompts_;
    subject.objects = &objects_;
    subject.categories = &settings_.categories;
    if (settings_.formats.yolo) {
      subject.yolo =
          yolo_text(report_->detections, report_->width, report_->height, settings_.scores);
    }
    const bool rle = worker_->segmenter && (settings_.json || !settings_.coco.empty());
    outputs_.emplace(settings_.formats, rle, settings_.folder, names_, subject);
    outputs_->check_names();
  }

  // All boxes go to the decoder together.
  void segment() {
    lasso::Segmenter& segmenter = *worker_->segmenter;
    Timings& timings = report_->segment_timings.emplace();
    if (prompts_.empty()) return;
    const Embedding embedding = with_model([&] { return segmenter.encode(image_.view()); });
    timings = segmenter.last_timings();
    std::vector<Prompt> prompts;
    for (const PromptTask& task : prompts_) prompts.push_back(task.prompt);
    AnswerGroups groups(report_->width, report_->height, 1, prompts.size(),
                        [&](std::size_t first, const std::vector<Segmentation>& answers) {
                          if (first == 0) wait_();
                          outputs_->add(first, answers);
                        });
    SegmentOptions options;
    options.low_res_logits = false;
    with_model([&] {
      segmenter.segment(embedding, prompts, options,
                        [&](std::size_t /*prompt*/, Segmentation& answer) { groups.take(answer); });
    });
    timings.decode_ms = segmenter.last_timings().decode_ms;
    timings.postprocess_ms = segmenter.last_timings().postprocess_ms;
  }

  DetectWorker* worker_;
  const ImageList::Entry& entry_;
  const DetectSettings& settings_;
  OutputNames* names_;
  const std::function<void()>& wait_;
  DetectReport* report_;
  Image image_;
  std::vector<PromptTask> prompts_;
  std::vector<FoundObject> objects_;
  std::optional<ImageOutputs> outputs_;
};

}  // namespace

DetectReport detect_image(DetectWorker* worker, const ImageList::Entry& entry,
                          const DetectSettings& settings, OutputNames* names,
                          const std::function<void()>& wait) {
  DetectReport report;
  report.path = entry.path;
  ImageJob job(worker, entry, settings, names, wait, &report);
  keep_errors(&report, [&] { job.run(); });
  return report;
}

}  // namespace lasso::app
