#include "cli/segment/segment_many.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cli/console.h"
#include "cli/in_order.h"
#include "lasso/machine.h"

namespace lasso::app {

int choose_jobs(int asked, std::size_t devices, std::size_t images) {
  const std::size_t most = asked == 0 ? devices : static_cast<std::size_t>(asked);
  return static_cast<int>(std::min(most, images));
}

int threads_of_each(int jobs, int threads) {
  const int all = threads == 0 ? lasso::machine_info().threads : threads;
  return std::max(1, all / jobs);
}

std::vector<lasso::Segmenter> make_segmenters(const OpenParts& open, int jobs, int threads) {
  // The same number for each: masks must not depend on which one takes an image.
  std::vector<lasso::Segmenter> segmenters;
  for (int i = 0; i < jobs; ++i) {
    segmenters.push_back(make_segmenter(open, threads_of_each(jobs, threads)));
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
  const auto title = [&](std::size_t i) {
    const std::string name = picture_name(tasks[i].path.value_or(settings.load_embedding));
    if (tasks.size() == 1) return "segmenting " + name;
    return fmt::format("segmenting {} ({}/{})", name, i + 1, tasks.size());
  };
  std::size_t next = 0;
  InOrder<const ImageTask*, ImageReport> run({
      [&] { return next < tasks.size() ? std::optional(&tasks[next++]) : std::nullopt; },
      [&](std::size_t worker, std::size_t i, const ImageTask* task,
          const std::function<void()>& wait) {
        std::optional<Progress> progress;
        if (segmenters.size() == 1) progress.emplace(title(i));
        // Waited for before anything is written: no file is there that no line has named.
        return segment_image(&segmenters[worker], *task, settings, names, wait);
      },
      tell,
  });
  run.run(segmenters.size());
}

}  // namespace lasso::app
