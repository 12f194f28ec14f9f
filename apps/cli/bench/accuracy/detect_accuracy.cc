#include "cli/bench/accuracy/detect_accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <utility>

#include "cli/bench/accuracy/detect_side.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/model/detector_model.h"
#include "cli/range.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

// Boxes of lower scores count for precision alone: detect.py's threshold.
constexpr double kAgreementScore = 0.25;
constexpr std::size_t kNone = ~std::size_t{0};

// The index of the truth's category for each class of a model: that of its name or, where the model
// has no names and as many classes, the one at its place.
std::vector<std::size_t> categories_of_classes(const DetectAccuracyTask& task,
                                               const DetectSideResult& side) {
  const CocoTruth& truth = *task.truth;
  const int classes = side.info.at("classes").get<int>();
  const auto names =
      default_class_names(side.info.at("names").get<std::vector<std::string>>(), classes);
  std::vector<std::size_t> categories;
  if (names.empty() && static_cast<std::size_t>(classes) == truth.categories.size()) {
    for (std::size_t i = 0; i < truth.categories.size(); ++i) categories.push_back(i);
    return categories;
  }
  for (const std::string& name : names) {
    const auto found = std::find_if(truth.categories.begin(), truth.categories.end(),
                                    [&](const CocoCategory& c) { return c.name == name; });
    categories.push_back(found == truth.categories.end()
                             ? kNone
                             : static_cast<std::size_t>(found - truth.categories.begin()));
  }
  const auto known = static_cast<std::size_t>(
      categories.size() -
      static_cast<std::size_t>(std::count(categories.begin(), categories.end(), kNone)));
  if (known == 0) {
    usage_error("--annotations {}: none of its {} categories is the name of a class of {}",
                task.annotations, truth.categories.size(), side.label);
  }
  if (known < truth.categories.size()) {
    print_warning(fmt::format(
        "{}: {} of its {} categories are no classes of {}, which can't find "
        "them",
        task.annotations, truth.categories.size() - known, truth.categories.size(), side.label));
  }
  return categories;
}

class Measurement {
 public:
  explicit Measurement(const DetectAccuracyTask& task)
      : task_(task), pictures_(100'000'000, task.range) {}

  DetectAccuracyResults run() {
    results_.folder = task_.folder;
    if (task_.reference) add_side(*task_.reference, true);
    for (const Operand& candidate : task_.candidates) add_side(candidate, false);
    load();
    find_range();
    if (task_.loaded) task_.loaded();
    Progress progress("measuring");
    for (std::size_t i = 0; i < task_.images.size(); ++i) {
      progress.set(fmt::format("image {} of {}: {}", i + 1, task_.images.size(), task_.images[i]));
      measure(i);
    }
    for (std::size_t k = 0; k < sides_.size(); ++k) {
      if (task_.truth) results_.sides[k].precision = meters_[k].result();
      const bool is_compared = task_.reference && !results_.sides[k].is_reference;
      if (is_compared) results_.sides[k].agreement = agreements_[k].result();
    }
    return std::move(results_);
  }

 private:
  // All children are forked before this process has threads.
  void add_side(const Operand& operand, bool is_reference) {
    const std::vector<Operand>& all = task_.candidates;
    const bool is_ambiguous = std::any_of(all.begin(), all.end(), [&](const Operand& other) {
      return other.short_name() == operand.short_name() && other.text() != operand.text();
    });
    results_.sides.push_back(
        {is_ambiguous ? operand.text() : operand.short_name(), is_reference, {}, {}, {}});
    sides_.push_back(std::make_unique<DetectSide>(operand, task_.model, task_.run));
  }

  void load() {
    const std::size_t count = task_.truth ? task_.truth->categories.size() : 0;
    if (task_.truth) {
      for (const CocoCategory& c : task_.truth->categories) results_.categories.push_back(c.name);
    }
    for (std::size_t k = 0; k < sides_.size(); ++k) {
      DetectSideResult& side = results_.sides[k];
      side.info = sides_[k]->load();
      if (task_.truth) categories_.push_back(categories_of_classes(task_, side));
      side.info.erase("names");
      meters_.emplace_back(count);
      agreements_.emplace_back();
    }
  }

  void find_range() {
    std::vector<std::string> paths;
    for (const std::string& image : task_.images) paths.push_back(path_of(image));
    lasso::app::find_range(paths, &pictures_);
  }

  std::string path_of(const std::string& image) const {
    return (fs::path(task_.folder) / image).string();
  }

  void measure(std::size_t i) {
    std::vector<std::vector<FoundBox>> found;
    try {
      for (const auto& side : sides_) {
        found.push_back(side->detect(path_of(task_.images[i]), pictures_.range()));
      }
    } catch (const Failure& failure) {
      if (failure.exit() != Exit::kSomeFailed) throw;
      print_error(failure.what());
      results_.failures.push_back(failure.what());
      return;
    }
    ++results_.images;
    std::vector<FoundBox> reference;
    for (std::size_t k = 0; k < sides_.size(); ++k) {
      std::vector<FoundBox> sure;
      std::copy_if(found[k].begin(), found[k].end(), std::back_inserter(sure),
                   [](const FoundBox& box) { return box.score > kAgreementScore; });
      if (results_.sides[k].is_reference) reference = sure;
      agreements_[k].add(reference, sure);
      if (!task_.truth) continue;
      for (FoundBox& box : found[k]) {
        box.category = box.category < categories_[k].size() ? categories_[k][box.category] : kNone;
      }
      meters_[k].add(task_.truth->images[i].boxes, found[k]);
    }
  }

  const DetectAccuracyTask& task_;
  DetectAccuracyResults results_;
  PictureReader pictures_;
  std::vector<std::unique_ptr<DetectSide>> sides_;
  std::vector<std::vector<std::size_t>> categories_;  // of each side's classes
  std::vector<PrecisionMeter> meters_;
  std::vector<AgreementMeter> agreements_;
};

}  // namespace

bool DetectAccuracyResults::has_evidence() const {
  return std::any_of(sides.begin(), sides.end(), [](const DetectSideResult& side) {
    const bool truth = side.precision && side.precision->map >= 0;
    return truth || (side.agreement && side.agreement->empty_images < side.agreement->images);
  });
}

DetectAccuracyResults measure_detectors(const DetectAccuracyTask& task) {
  return Measurement(task).run();
}

}  // namespace lasso::app
