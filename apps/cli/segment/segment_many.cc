#include "cli/segment/segment_many.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "cli/console.h"
#include "lasso/machine.h"

namespace lasso::app {

namespace {

// Ends the work on an image because an earlier one has ended the run.
struct Ended {};

// Lets images pass in the order of their numbers.
class Turns {
 public:
  void wait(std::size_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return next_ == number; });
  }
  void pass(std::size_t number) {
    {
      const std::lock_guard lock(mutex_);
      next_ = number + 1;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;
};

class Run {
 public:
  Run(const std::vector<ImageTask>& tasks, const SegmentSettings& settings, OutputNames* names,
      const std::function<void(const ImageReport&)>& tell)
      : tasks_(tasks), settings_(settings), names_(names), tell_(tell) {}

  // Takes images until there are none left or something has ended the run.
  void work(lasso::Segmenter* segmenter, bool show_progress) {
    for (std::size_t i = next_.fetch_add(1); i < tasks_.size(); i = next_.fetch_add(1)) {
      // Images behind one that ended the run still pass, or those that wait would wait for ever.
      if (!ended_) one(segmenter, i, show_progress);
      turns_.wait(i);
      turns_.pass(i);
    }
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void one(lasso::Segmenter* segmenter, std::size_t i, bool show_progress) {
    try {
      std::optional<Progress> progress;
      if (show_progress) progress.emplace(title(i));
      // Waited for before anything is written: no file is there that no line has named.
      const ImageReport report = segment_image(segmenter, tasks_[i], settings_, names_, [&] {
        turns_.wait(i);
        if (ended_) throw Ended{};
      });
      progress.reset();
      turns_.wait(i);
      if (!ended_) tell_(report);
    } catch (...) {
      turns_.wait(i);
      if (!ended_.exchange(true)) error_ = std::current_exception();
    }
  }

  std::string title(std::size_t i) const {
    const std::string name = picture_name(tasks_[i].path.value_or(settings_.load_embedding));
    if (tasks_.size() == 1) return "segmenting " + name;
    return fmt::format("segmenting {} ({}/{})", name, i + 1, tasks_.size());
  }

  const std::vector<ImageTask>& tasks_;
  const SegmentSettings& settings_;
  OutputNames* names_;
  const std::function<void(const ImageReport&)>& tell_;
  std::atomic<std::size_t> next_{0};
  Turns turns_;
  std::atomic<bool> ended_{false};
  std::exception_ptr error_;
};

}  // namespace

int choose_jobs(int asked, std::size_t devices, std::size_t images) {
  const std::size_t most = asked == 0 ? devices : static_cast<std::size_t>(asked);
  return static_cast<int>(std::min(most, images));
}

std::vector<lasso::Segmenter> make_segmenters(const OpenParts& open, int jobs, int threads) {
  const int all = threads == 0 ? lasso::machine_info().threads : threads;
  // The same number for each: masks must not depend on which one takes an image.
  std::vector<lasso::Segmenter> segmenters;
  for (int i = 0; i < jobs; ++i) {
    segmenters.push_back(make_segmenter(open, std::max(1, all / jobs)));
  }
  return segmenters;
}

std::string threads_text(const std::vector<lasso::Segmenter>& segmenters) {
  const int threads = segmenters.front().threads();
  return segmenters.size() == 1 ? std::to_string(threads)
                                : fmt::format("{} x {}", segmenters.size(), threads);
}

void segment_many(std::vector<lasso::Segmenter>& segmenters, const std::vector<ImageTask>& tasks,
                  const SegmentSettings& settings, OutputNames* names,
                  const std::function<void(const ImageReport&)>& tell) {
  Run run(tasks, settings, names, tell);
  {
    std::vector<std::jthread> workers;
    try {
      for (std::size_t i = 1; i < segmenters.size(); ++i) {
        workers.emplace_back([&run, segmenter = &segmenters[i]] { run.work(segmenter, false); });
      }
    } catch (const std::system_error&) {
      // Those that the system gave take all images.
    }
    run.work(&segmenters.front(), segmenters.size() == 1);
  }
  run.rethrow();
}

}  // namespace lasso::app
