// lasso bench accuracy: what a model's masks are worth, against those of a reference and the truth.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/bench/accuracy/detect_accuracy.h"
#include "cli/bench/accuracy/detect_report.h"
#include "cli/bench/accuracy/html.h"
#include "cli/bench/accuracy/report.h"
#include "cli/bench/accuracy/run.h"
#include "cli/bench/bench.h"
#include "cli/bench/report/report.h"
#include "cli/bench/report/report_folder.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/help.h"
#include "cli/model/model.h"
#include "cli/model/parts.h"
#include "cli/picture_folder.h"
#include "cli/range.h"
#include "cli/values.h"
#include "cli/viewer.h"
#include "common/files.h"
#include "common/model_files.h"
#include "common/result_json.h"
#include "common/text.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

struct AccuracyArguments : CommonArguments {
  std::string images;
  std::string evaluation_set;
  std::vector<std::string> candidates;
  PartsOptions parts;
  std::string reference;
  std::string reference_masks;
  int prompts_per_image = 0;
  std::string points = "1-5";
  std::int64_t seed = 1;
  bool stored_clicks = false;
  int limit = 0;
  std::string baseline;
  std::string min_iou;
  std::string min_lowest_iou;
  std::string folder = "lasso-reports";
  int cases = 100;
  std::string range;
  std::string save_pictures;
  std::string save_prompts;
  bool show = false;
  bool detect = false;
  std::string annotations;
};

// "3" or "1-5"
void parse_points(const std::string& text, DrawOptions* draw) {
  const std::size_t dash = text.find('-');
  const bool range = dash != std::string::npos && dash > 0;
  const auto number = [&](const std::string& part) {
    const bool digit = part.size() == 1 && part[0] >= '1' && part[0] <= '5';
    if (!digit) usage_error("--points {}: expected a number from 1 to 5, or two as in 1-5", text);
    return part[0] - '0';
  };
  draw->min_points = number(range ? text.substr(0, dash) : text);
  draw->max_points = range ? number(text.substr(dash + 1)) : draw->min_points;
  if (draw->min_points > draw->max_points) {
    usage_error("--points {}: {} is more than {}", text, draw->min_points, draw->max_points);
  }
}

// Negative: no limit.
double parse_limit(const char* option, const std::string& text) {
  if (text.empty()) return -1;
  const double value = parse_positive(option, text);
  if (value > 1) usage_error("{} {}: expected a number up to 1", option, text);
  return value;
}

AccuracySet open_set(const AccuracyArguments& arguments) {
  if (!arguments.images.empty() && !arguments.evaluation_set.empty()) {
    usage_error("--images {} and --evaluation-set {}: give one of them", arguments.images,
                arguments.evaluation_set);
  }
  if (!arguments.images.empty()) {
    return read_picture_folder("--images", arguments.images);
  }
  const std::string folder =
      arguments.evaluation_set.empty() ? default_evaluation_set() : arguments.evaluation_set;
  if (folder.empty()) {
    usage_error(
        "no --images or --evaluation-set given, and the one that comes with Lasso is not "
        "installed");
  }
  return for_option("--evaluation-set", [&] { return read_evaluation_set(folder); });
}

// The one model that all candidates run, if they do.
std::optional<Operand> common_model(const std::vector<Operand>& candidates) {
  const bool one = std::all_of(candidates.begin(), candidates.end(), [&](const Operand& operand) {
    return operand.has_same_model(candidates.front());
  });
  return one && !candidates.empty() ? std::optional(candidates.front()) : std::nullopt;
}

bool has_engine_name(const Operand& operand) {
  const auto is_engine = [](const std::string& file) {
    return fs::path(file).extension() == ".lasso";
  };
  return is_engine(operand.file) ||
         std::any_of(operand.encoders.begin(), operand.encoders.end(), is_engine);
}

// Those of --candidate, and the one of --encoder and --decoder behind them.
std::vector<Operand> choose_candidates(const AccuracyArguments& arguments) {
  std::vector<Operand> candidates;
  for (const std::string& text : arguments.candidates) {
    candidates.push_back(parse_operand(text, "fast"));
    candidates.back().roles = arguments.parts.roles;
  }
  add_candidate(arguments.parts, arguments.model.model, "fast", &candidates);
  return candidates;
}

// Which model runs on which side; the text of --help says the defaults.
template <typename Task>
void choose_sides(const AccuracyArguments& arguments, bool has_truth, Task* task) {
  task->candidates = choose_candidates(arguments);
  const bool measure_model = task->candidates.empty();
  if (measure_model) {
    const auto find = arguments.detect ? find_detector : find_model;
    task->candidates.push_back({find(arguments.model.model), "fast"});
  }
  std::optional<Operand> model = common_model(task->candidates);
  if (!arguments.model.model.empty()) model = Operand{arguments.model.model, "fast"};
  if (!arguments.reference.empty()) {
    task->reference = parse_operand(arguments.reference, "fast");
    task->reference->roles = arguments.parts.roles;
  } else if (!arguments.reference_masks.empty() || (measure_model && has_truth)) {
    return;
  } else if (model) {
    const bool fast =
        std::any_of(task->candidates.begin(), task->candidates.end(), [&](const Operand& operand) {
          return operand.has_same_model(*model) && operand.variant == "fast";
        });
    if (fast && has_engine_name(*model)) {
      usage_error(
          "{}: an engine file has no reference kernels to be compared with; expected --reference "
          "with the checkpoint that it was built from",
          model->model());
    }
    task->reference = model->with_variant(fast ? "reference" : "fast");
  } else if (!has_truth) {
    usage_error(
        "--candidate: with several models, expected --reference, --reference-masks or "
        "--model to compare them with");
  }
}

AccuracyTask make_task(const AccuracyArguments& arguments) {
  AccuracyTask task;
  if (!arguments.reference.empty() && !arguments.reference_masks.empty()) {
    usage_error("--reference {} and --reference-masks {}: give one of them", arguments.reference,
                arguments.reference_masks);
  }
  task.draw.seed = static_cast<std::uint64_t>(arguments.seed);
  task.draw.prompts_per_image = arguments.prompts_per_image;
  task.draw.stored_clicks = arguments.stored_clicks;
  parse_points(arguments.points, &task.draw);
  task.set = open_set(arguments);
  if (!arguments.baseline.empty()) {
    parse_choice("--baseline", arguments.baseline, {"flood-fill"});
    if (!task.set.has_truth) {
      usage_error(
          "--baseline {}: needs the truth, which --images does not have; give "
          "--evaluation-set",
          arguments.baseline);
    }
    task.flood_fill = true;
  }
  if (arguments.stored_clicks && !task.set.has_truth) {
    usage_error("--stored-clicks: needs an evaluation set, not --images");
  }
  if (!arguments.reference_masks.empty()) {
    for_option("--reference-masks",
               [&] { use_reference_masks(arguments.reference_masks, &task.set); });
    task.reference_masks = arguments.reference_masks;
  }
  if (arguments.limit > 0 && static_cast<std::size_t>(arguments.limit) < task.set.images.size()) {
    task.set.images.resize(static_cast<std::size_t>(arguments.limit));
  }
  task.range = parse_range(arguments.range);
  task.pictures = arguments.save_pictures;
  task.cases = static_cast<std::size_t>(arguments.cases);
  task.model = arguments.model;
  task.run = arguments.run;
  return task;
}

Exit save_prompts(const AccuracyArguments& arguments, const AccuracyTask& task) {
  for_option("--save-prompts", [&] { check_output_file(arguments.save_prompts); });
  for (const AccuracyImage& image : task.set.images) {
    if (same_file(arguments.save_prompts, image.path)) {
      usage_error("--save-prompts {}: is one of the images", arguments.save_prompts);
    }
  }
  std::size_t failed = 0;
  write_file(arguments.save_prompts, draw_all_prompts(task.set, task.draw, &failed));
  return failed == 0 ? Exit::kDone : Exit::kSomeFailed;
}

// With --detect: images of a folder, or those of the truth.
DetectAccuracyTask make_detect_task(const AccuracyArguments& arguments) {
  for (const auto& [option, is_given] :
       {std::pair("--evaluation-set", !arguments.evaluation_set.empty()),
        std::pair("--reference-masks", !arguments.reference_masks.empty()),
        std::pair("--baseline", !arguments.baseline.empty()),
        std::pair("--min-iou", !arguments.min_iou.empty()),
        std::pair("--min-lowest-iou", !arguments.min_lowest_iou.empty()),
        std::pair("--stored-clicks", arguments.stored_clicks),
        std::pair("--save-pictures", !arguments.save_pictures.empty()),
        std::pair("--save-prompts", !arguments.save_prompts.empty())}) {
    if (is_given) usage_error("{}: is about masks, and --detect about boxes", option);
  }
  if (arguments.images.empty()) usage_error("--detect: needs the folder of images, --images DIR");
  DetectAccuracyTask task;
  task.folder = arguments.images;
  if (arguments.annotations.empty()) {
    for (AccuracyImage& image : read_picture_folder("--images", arguments.images).images) {
      task.images.push_back(std::move(image.name));
    }
  } else {
    task.annotations = arguments.annotations;
    task.truth =
        for_option("--annotations", [&] { return read_coco_truth(arguments.annotations); });
    for (const CocoImage& image : task.truth->images) task.images.push_back(image.file);
  }
  if (arguments.limit > 0 && static_cast<std::size_t>(arguments.limit) < task.images.size()) {
    task.images.resize(static_cast<std::size_t>(arguments.limit));
  }
  task.range = parse_range(arguments.range);
  task.model = arguments.model;
  task.run = arguments.run;
  return task;
}

Exit run_detect_accuracy(const AccuracyArguments& arguments) {
  DetectAccuracyTask task = make_detect_task(arguments);
  choose_sides(arguments, task.truth.has_value(), &task);
  return report_detectors(std::move(task), arguments.folder, arguments.output.json, arguments.show);
}

OrderedJson limit_json(double limit, bool missed) { return {{"limit", limit}, {"missed", missed}}; }

Exit run_accuracy(const AccuracyArguments& arguments) {
  apply(arguments.run);
  const IouLimits limits{parse_limit("--min-iou", arguments.min_iou),
                         parse_limit("--min-lowest-iou", arguments.min_lowest_iou)};
  if (arguments.show) check_viewer();
  if (arguments.detect) return run_detect_accuracy(arguments);
  if (!arguments.annotations.empty()) {
    usage_error("--annotations {}: has boxes, which --detect measures", arguments.annotations);
  }
  AccuracyTask task = make_task(arguments);
  if (!arguments.save_prompts.empty()) return save_prompts(arguments, task);
  choose_sides(arguments, task.set.has_truth, &task);
  if (limits.any() && !task.reference && task.reference_masks.empty()) {
    usage_error("{} {}: is about the IoU with a reference; give --reference or --reference-masks",
                limits.mean >= 0 ? "--min-iou" : "--min-lowest-iou",
                limits.mean >= 0 ? arguments.min_iou : arguments.min_lowest_iou);
  }
  for_option("-o", [&] { check_output_folder(arguments.folder); });
  if (!task.pictures.empty()) {
    for_option("--save-pictures", [&] { check_output_folder(task.pictures); });
  }
  // Before hours of work; and not for a model that does not open.
  task.loaded = [&] {
    for_option("-o", [&] { make_folder(arguments.folder); });
    if (!task.pictures.empty()) for_option("--save-pictures", [&] { make_folder(task.pictures); });
  };

  ReportFolder report;
  for_option("-o", [&] { report.check(arguments.folder, task.candidates.front().file); });
  const AccuracyOutcome outcome = measure_accuracy(task);
  const AccuracyResults& results = outcome.results;
  if (results.images.empty()) {
    throw Failure(Exit::kSomeFailed, "no image could be measured; there is no report");
  }
  if (!results.has_evidence()) {
    throw Failure(
        Exit::kThresholdMissed,
        fmt::format("for every prompt ({}), the masks of the reference and of every candidate are "
                    "empty, which says nothing about accuracy; there is no report",
                    results.prompt_count()));
  }

  HtmlHead head = judge(results, limits);
  std::vector<std::string> names;
  for (const SideInfo& side : results.sides) {
    if (!side.is_reference) names.push_back(side.label);
  }
  head.model = fmt::format("{}", fmt::join(names, ", "));
  head.made = report.made();
  const std::vector<ReportTable> tables = report_tables(results, limits);
  report.make(arguments.folder, task.candidates.front().file);
  OrderedJson json = to_json(results);
  if (outcome.range) json["range"] = range_json(outcome.range);
  const auto missed = [&](const IouLimits& one) {
    for (std::size_t i = 1; i < results.sides.size(); ++i) {
      if (one.missed_by(results.summarize(i))) return true;
    }
    return false;
  };
  if (limits.mean >= 0) json["min_iou"] = limit_json(limits.mean, missed({.mean = limits.mean}));
  if (limits.lowest >= 0) {
    json["min_lowest_iou"] = limit_json(limits.lowest, missed({.lowest = limits.lowest}));
  }
  std::string line;
  {
    const Progress progress("writing the report");
    line = report.write_results(std::move(json));
    report.write("results.csv", to_csv(results));
    report.write("report.html",
                 to_html(results, tables, outcome.cases, head, report.path(".picture.png")));
  }
  if (arguments.output.json) {
    print(line);
  } else if (!quiet()) {
    print(printable(describe_set(results)));
    print_tables(tables);
    print("report: " + printable(report.path("report.html")));
  }
  if (arguments.show) show_file(report.path("report.html"));
  if (head.missed) {
    print_error(head.passed);
    return Exit::kThresholdMissed;
  }
  return results.failures.empty() ? Exit::kDone : Exit::kSomeFailed;
}

constexpr const char* kEpilogue =
    R"(Every prompt of every image goes to the reference and to each candidate. Prompts are 1 to 5 random
points, the same for the same seed: strictly inside the image, or, where the truth is known, inside
an object, one prompt for each. IoU is that of two masks at the image's size. Two empty ones have
none: such prompts are counted apart, and where there are no others, there is no report (status 6).

Where the truth is known, more is measured for each object: one click (the best of three masks by
the truth, the model's own choice of the three, the single mask); 3 and 5 clicks, each further one
in the middle of the largest wrong region, with the logits so far as mask input; and the box.

With --detect, models are detectors, as "lasso detect" takes them. Each candidate's boxes are
compared with the reference's, those with a score above 0.25; and with --annotations, mean average
precision is measured as COCO defines it, over the images of that file, with the thresholds of
YOLOv7's test.py (0.001, 0.65) but for models with a suppression of their own. Categories and
classes go together by name.

VARIANT is fast (the default) or reference (plain loops, slow), a precision, a device, an
instruction set, another runtime, or several of these with +, as with "lasso compare". A model is a
FILE, or ENCODER,DECODER: files as "lasso segment" takes them with --encoder and --decoder, with a
comma between them. Another runtime runs such ONNX models, and Lasso what is before and behind
them. Each side runs in a process of its own. The report is a folder DIR/MODEL-TIME with
report.html, results.json and results.csv; none is overwritten.

Exit status: 0 done, 1 some images failed, 6 a candidate is below --min-iou or --min-lowest-iou, or
all masks are empty; else as with "lasso segment".

Examples:
  lasso bench accuracy --model lasso-tiny.pth --baseline flood-fill
  lasso bench accuracy --images photos --model sam_vit_b_01ec64.pth --candidate \
      sam_vit_b_01ec64.pth@avx2 --min-iou 0.99
  lasso bench accuracy --model lasso-tiny.pth --candidate lasso-tiny.pth@cuda+bf16
  lasso bench accuracy --images photos --model sam_vit_b_01ec64.pth --reference-masks dump
  lasso bench accuracy --images photos --candidate encoder.onnx,decoder.onnx@onnxruntime \
      --reference sam_vit_b_01ec64.pth
  lasso bench accuracy --detect --images val2017 --annotations instances_val2017.json \
      --model yolov7.onnx
)";

void add_side_options(CLI::App* app, AccuracyArguments* a) {
  const std::string group = "What to compare";
  add_candidates(app, &a->candidates, group);
  add_text(app, "--reference", &a->reference, "MODEL[@VARIANT]",
           "Model to compare with. Default: the fast kernels of --model, or of the candidates' "
           "common model; its reference kernels where the fast ones are a candidate; none for an "
           "evaluation set without --candidate.",
           group);
  add_text(app, "--reference-masks", &a->reference_masks, "DIR",
           "Compare with masks that another program dumped, for its prompts "
           "(tools/dump_reference.py makes such a folder with PyTorch).",
           group);
  add_text(app, "--min-iou", &a->min_iou, "X",
           "Status 6 if the mean IoU of a candidate's masks with the reference's is lower.", group);
  add_text(app, "--min-lowest-iou", &a->min_lowest_iou, "X",
           "Status 6 if any mask of a candidate has a lower IoU with the reference's.", group);
  add_text(app, "--baseline", &a->baseline, "NAME",
           "Also measure flood-fill: growing from the first click over similar colours, with the "
           "tolerance that is best for the set. Needs the truth.",
           group);
}

void add_set_options(CLI::App* app, AccuracyArguments* a) {
  const std::string group = "What to measure on";
  add_text(app, "--images", &a->images, "DIR", "The JPEG, PNG, PPM and PGM files of a folder.",
           group);
  add_text(app, "--evaluation-set", &a->evaluation_set, "DIR",
           "A folder of images with annotations.json, which has the truth. Default: the set that "
           "comes with Lasso.",
           group);
  add_switch(
      app, "--detect", &a->detect,
      "Measure the boxes of detectors, by default of the demo detector that comes with Lasso, "
      "on --images.",
      group);
  add_text(app, "--annotations", &a->annotations, "F.json",
           "With --detect: the truth, in COCO's format; its images lie in --images.", group);
  add_range_option(app, &a->range, "full, all that the files could hold", group);
  add_integer(app, "--limit", &a->limit, 1, 1000000000, "Only the first N images.", group);
  add_integer(app, "--prompts-per-image", &a->prompts_per_image, 1, 100000,
              "Prompts for each image. Default: 4; one for each object of an evaluation set.",
              group);
  add_text(app, "--points", &a->points, "N|MIN-MAX",
           "Points of each prompt, from 1 to 5, at random within a range. Default: 1-5.", group);
  add_integer(app, "--seed", &a->seed, 0, std::int64_t{1} << 53,
              "Other points with another number. Default: 1.", group);
  add_switch(app, "--stored-clicks", &a->stored_clicks,
             "First clicks as the evaluation set has them, instead of random ones.", group);
  add_text(app, "--save-prompts", &a->save_prompts, "F.jsonl",
           "Only write the prompts to a file, for \"lasso segment --prompts\" and "
           "tools/dump_reference.py.",
           group);
}

}  // namespace

void add_bench_accuracy(CLI::App* parent, Action* action) {
  CLI::App* app = parent->add_subcommand(
      "accuracy",
      "IoU of a model's masks with a reference's and with the truth; boxes of detectors.");
  const auto arguments = std::make_shared<AccuracyArguments>();
  AccuracyArguments& a = *arguments;
  add_set_options(app, &a);
  add_side_options(app, &a);
  const std::string output = "Output";
  add_parts_options(app, &a.parts);
  add_provider_option(app, &a.run);
  add_report_option(app, &a.folder, output);
  add_show_option(app, &a.show, "the report", output);
  add_integer(app, "--pictures", &a.cases, 0, 100000,
              "Images to show in the HTML report, the worst ones. Default: 100.", output);
  add_text(app, "--save-pictures", &a.save_pictures, "DIR",
           "Write PNG files for each image's worst prompt: original with points, truth, masks, "
           "difference.",
           output);
  add_model_option(app, &a.model);
  add_common_options(app, &a, false, "The content of results.json on standard output.");
  describe_command(app,
                   "lasso bench accuracy [--images DIR | --evaluation-set DIR] [--model FILE]\n"
                   "       [--candidate FILE[@VARIANT]]... [--reference FILE[@VARIANT] | "
                   "--reference-masks DIR]\n"
                   "       [--min-iou X] [-o DIR] [OPTIONS]",
                   kEpilogue);
  set_action(app, arguments, run_accuracy, action);
}

}  // namespace lasso::app
