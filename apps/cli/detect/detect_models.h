// The models of "lasso detect", and what is asked of them.
#ifndef LASSO_CLI_DETECT_DETECT_MODELS_H_
#define LASSO_CLI_DETECT_DETECT_MODELS_H_

#include <optional>
#include <string>
#include <vector>

#include "cli/detect/detect_image.h"
#include "cli/model/model.h"
#include "cli/model/parts.h"
#include "cli/options.h"
#include "common/detections.h"
#include "lasso/detector.h"

namespace lasso::app {

struct DetectModelArguments {
  ModelOptions model;
  std::string segment_with;  // empty: boxes alone
  std::string conf_thres;    // empty: not given
  std::string iou_thres;
  int topk = 0;  // 0: not given
  std::string classes;
  bool agnostic = false;
  bool multi_label = false;
  std::string names;
  std::string anchors;
  int size = 0;  // 0: not given
};
void add_detect_options(CLI::App* app, DetectModelArguments* arguments);
// What can be said before a model is opened. Throws Failure(kUsage).
void check_detect_options(const DetectModelArguments& arguments);

struct DetectModels {
  OpenModel detector;
  std::optional<OpenParts> segmenter;
};
// Throws Failure(kBadModel) for a model that is no detector, or no SAM.
DetectModels open_detect_models(const DetectModelArguments& arguments, const RunOptions& run);

// `jobs` of them divide the threads between them (0: MachineInfo::threads), at least one each.
// Throws Failure(kUsage) for --size and --anchors that do not fit the model.
std::vector<DetectWorker> make_workers(const DetectModels& models,
                                       const DetectModelArguments& arguments, int jobs,
                                       int threads);

// The names of the classes of a detector, which messages call `path`; empty: none are known. Throws
// Failure(kUsage) for names that do not fit the model.
std::vector<std::string> class_names(const DetectModelArguments& arguments, const std::string& path,
                                     const DetectorInfo& info);
// Of COCO's files. Throws Failure(kUsage) where --coco91 is given for a model of other classes than
// COCO's.
std::vector<Category> categories_of(const Classes& classes, const DetectorInfo& info);
// What the options say, of the classes' names too.
DetectOptions detect_options(const DetectModelArguments& arguments, const std::string& path,
                             const DetectorInfo& info, const std::vector<std::string>& names);
// Makes the detectors ready for the options. Throws Failure(kUsage) for such as the model does not
// have.
void prepare(const DetectOptions& options, const std::string& path,
             std::vector<DetectWorker>* workers);

LoadTimes load_times(const DetectModels& models);
// A line for each model, if verbose.
void tell_models(const DetectModels& models, const std::vector<DetectWorker>& workers);

}  // namespace lasso::app

#endif  // LASSO_CLI_DETECT_DETECT_MODELS_H_
