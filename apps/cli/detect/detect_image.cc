#include "cli/detect/detect_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
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
           const DetectRun& run)
      : worker_(worker), entry_(entry), settings_(settings), run_(run) {
    report_.path = entry.path;
  }

  // What fails stands in the report, and nothing else is done then.
  template <typename F>
  void attempt(F&& work) {
    if (report_.error.empty()) keep_errors(&report_, std::forward<F>(work));
  }

  void read() {
    if (!entry_.error.empty()) throw lasso::Error(ErrorCode::kNotFound, entry_.error);
    const Stopwatch watch;
    report_.range = settings_.pictures->range();
    image_ = settings_.pictures->read(entry_.path);
    report_.width = image_.width;
    report_.height = image_.height;
    report_.load_ms = watch.milliseconds();
  }

  void detect() {
    with_model(
        [&] { report_.detections = worker_->detector.detect(image_.view(), settings_.options); });
    report_.timings = worker_->detector.last_timings();
  }

  // What the detector found with others.
  void take(std::vector<Detection> detections, const DetectTimings& timings, int batch) {
    report_.detections = std::move(detections);
    report_.timings = timings;
    report_.batch = batch;
  }

  void write() {
    prepare_outputs();
    try {
      if (worker_->segmenter) segment();
      run_.wait();
      outputs_->finish();
    } catch (...) {
      report_.files = outputs_->written();
      throw;
    }
    report_.files = outputs_->written();
    if (!settings_.coco.empty()) report_.files["coco"].push_back(json_name(settings_.coco));
    report_.left_out = outputs_->left_out();
    report_.masks = outputs_->masks();
  }

  bool has_failed() const { return !report_.error.empty(); }
  ImageView view() const { return image_.view(); }
  const DetectReport& report() const { return report_; }
  // What was drawn is as large as the image.
  void forget_images() {
    outputs_.reset();
    image_ = {};
  }

 private:
  void prepare_outputs() {
    for (const Detection& found : report_.detections) {
      PromptTask& task = prompts_.emplace_back();
      task.prompt.box = with_area(found.box);
      objects_.push_back(
          {fmt::format("{} {:.2f}", class_text(settings_.classes.names, found.class_id),
                       found.score),
           palette_color(static_cast<std::size_t>(found.class_id)),
           settings_.classes.category(found.class_id), found.score});
    }
    OutputSubject subject;
    subject.path = report_.path;
    subject.image = &image_;
    subject.width = report_.width;
    subject.height = report_.height;
    subject.prompts = &prompts_;
    subject.objects = &objects_;
    subject.categories = &settings_.categories;
    if (settings_.formats.yolo) {
      subject.yolo = yolo_text(report_.detections, report_.width, report_.height, settings_.scores);
    }
    const bool rle = worker_->segmenter && (settings_.json || !settings_.coco.empty());
    outputs_.emplace(settings_.formats, rle, settings_.folder, run_.names, subject);
    outputs_->check_names();
  }

  // All boxes go to the decoder together.
  void segment() {
    lasso::Segmenter& segmenter = *worker_->segmenter;
    Timings& timings = report_.segment_timings.emplace();
    if (prompts_.empty()) return;
    const Embedding embedding = with_model([&] { return segmenter.encode(image_.view()); });
    timings = segmenter.last_timings();
    std::vector<Prompt> prompts;
    for (const PromptTask& task : prompts_) prompts.push_back(task.prompt);
    AnswerGroups groups(report_.width, report_.height, 1, prompts.size(),
                        [&](std::size_t first, const std::vector<Segmentation>& answers) {
                          if (first == 0) run_.wait();
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
  const DetectRun& run_;
  DetectReport report_;
  Image image_;
  std::vector<PromptTask> prompts_;
  std::vector<FoundObject> objects_;
  std::optional<ImageOutputs> outputs_;
};

// On as many threads as there are, which take one after another.
void read_all(std::vector<ImageJob>& jobs, int threads) {
  std::atomic<std::size_t> next = 0;
  std::mutex ending;
  std::exception_ptr error;
  const auto loop = [&] {
    for (std::size_t i = next++; i < jobs.size(); i = next++) {
      try {
        jobs[i].attempt([&] { jobs[i].read(); });
      } catch (...) {
        const std::lock_guard lock(ending);
        if (!error) error = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> others;
    const std::size_t count = std::min(jobs.size(), static_cast<std::size_t>(threads));
    try {
      for (std::size_t i = 1; i < count; ++i) others.emplace_back(loop);
    } catch (const std::system_error&) {
      // Those that the system gave read all images.
    }
    loop();
  }
  if (error) std::rethrow_exception(error);
}

// Whether one call detected in all of them; else an image is at fault, and the call does not say
// which.
bool detect_together(DetectWorker* worker, const DetectSettings& settings,
                     const std::vector<ImageJob*>& jobs) {
  std::vector<ImageView> views;
  for (const ImageJob* job : jobs) views.push_back(job->view());
  DetectionArrays found;
  try {
    with_model([&] { worker->detector.detect(views, settings.options, &found); });
  } catch (const lasso::Error& error) {
    if (is_fatal(error)) throw;
    return false;
  }
  DetectTimings part = worker->detector.last_timings();
  const auto count = static_cast<double>(jobs.size());
  for (double* ms :
       {&part.preprocess_ms, &part.network_ms, &part.suppress_ms, &part.postprocess_ms}) {
    *ms /= count;
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    jobs[i]->take(found.of(static_cast<std::int64_t>(i)), part, static_cast<int>(jobs.size()));
  }
  return true;
}

}  // namespace

void detect_images(DetectWorker* worker, const std::vector<ImageList::Entry>& entries,
                   const DetectSettings& settings, const DetectRun& run) {
  std::vector<ImageJob> jobs;
  jobs.reserve(entries.size());
  for (const ImageList::Entry& entry : entries) jobs.emplace_back(worker, entry, settings, run);
  read_all(jobs, worker->detector.threads());
  std::vector<ImageJob*> readable;
  for (ImageJob& job : jobs) {
    if (!job.has_failed()) readable.push_back(&job);
  }
  if (readable.size() < 2 || !detect_together(worker, settings, readable)) {
    for (ImageJob* job : readable) job->attempt([&] { job->detect(); });
  }
  for (ImageJob& job : jobs) {
    job.attempt([&] { job.write(); });
    run.wait();
    run.tell(job.report());
    job.forget_images();
  }
}

}  // namespace lasso::app
