// lasso bench speed: times of the encoder, the decoder and the whole, of several candidates in
// turn.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/bench/bench.h"
#include "cli/bench/report/report.h"
#include "cli/bench/report/report_folder.h"
#include "cli/bench/speed/baseline.h"
#include "cli/bench/speed/gpu_report.h"
#include "cli/bench/speed/html.h"
#include "cli/bench/speed/layer_report.h"
#include "cli/bench/speed/report.h"
#include "cli/bench/speed/run.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/help.h"
#include "cli/model/model.h"
#include "cli/model/parts.h"
#include "cli/model/picture.h"
#include "cli/values.h"
#include "cli/viewer.h"
#include "common/files.h"
#include "common/text.h"

namespace lasso::app {

namespace {

struct SpeedArguments : CommonArguments {
  std::vector<std::string> candidates;
  PartsOptions parts;
  std::string arch;
  bool random = false;
  std::string baseline;
  bool sequential = false;
  bool layers = false;
  std::string image;
  std::string images = "1";
  std::string prompts = "1,16,64";
  std::string program;
  std::vector<std::string> sizes;
  bool detect = false;
  int warm_up = -1;    // -1: not given
  int iterations = 0;  // 0: not given
  std::string limit = "60";
  std::string folder = "lasso-reports";
  std::string history;
  std::string commit;
  bool show = false;
};

// What runs where no --candidate says it.
Operand default_candidate(const SpeedArguments& arguments) {
  if (arguments.arch.empty() && !arguments.random) {
    const auto find = arguments.detect ? find_detector : find_model;
    return {find(arguments.model.model), arguments.run.kernels};
  }
  if (!arguments.model.model.empty()) {
    usage_error("--model {} with {}: give a checkpoint, or --arch with --random",
                arguments.model.model, arguments.random ? "--random" : "--arch");
  }
  if (arguments.arch.empty()) {
    usage_error("--random: expected --arch vit_b, vit_l or vit_h with it");
  }
  parse_choice("--arch", arguments.arch, {"vit_b", "vit_l", "vit_h"});
  if (!arguments.random) {
    usage_error(
        "--arch {}: add --random to build it with random weights, or give a checkpoint "
        "with --model",
        arguments.arch);
  }
  return {random_name(arguments.arch), arguments.run.kernels};
}

std::vector<Operand> choose_candidates(const SpeedArguments& arguments) {
  const PartsOptions& parts = arguments.parts;
  const bool have_parts = !parts.encoders.empty() || !parts.decoder.empty();
  if (arguments.candidates.empty() && !have_parts && parts.roles.empty()) {
    return {default_candidate(arguments)};
  }
  const bool model_is_part = have_parts && parts.decoder.empty();
  if ((!arguments.model.model.empty() && !model_is_part) || !arguments.arch.empty() ||
      arguments.random) {
    usage_error("{} {}: takes the place of --model, --arch and --random",
                arguments.candidates.empty() ? "--decoder" : "--candidate",
                arguments.candidates.empty() ? parts.decoder : arguments.candidates.front());
  }
  std::vector<Operand> candidates;
  for (const std::string& text : arguments.candidates) {
    candidates.push_back(parse_operand(text, arguments.run.kernels));
    candidates.back().roles = parts.roles;
    if (is_random(candidates.back().file)) check_random(candidates.back().file);
  }
  add_candidate(parts, arguments.model.model, arguments.run.kernels, &candidates);
  return candidates;
}

// Times that no row will be compared with.
void warn_of_unmeasured(const SpeedRow& baseline, const std::vector<SpeedStage>& stages,
                        const std::string& path) {
  for (const auto& [key, times] : baseline.stages) {
    const bool measured = std::any_of(stages.begin(), stages.end(),
                                      [&, name = key](const auto& s) { return s.key() == name; });
    if (!measured) {
      print_warning(fmt::format("--baseline {}: {} is not measured here", path, key));
    }
  }
}

// An option's numbers, each once.
std::vector<std::int64_t> different(const std::string& option, const std::string& text, int most) {
  std::vector<std::int64_t> numbers;
  for (const int number : parse_integers(option, text, 1, most)) {
    if (std::find(numbers.begin(), numbers.end(), number) == numbers.end()) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

// Models of tensors are measured on those, and others with them.
void choose_tensors(const SpeedArguments& arguments, SpeedTask* task) {
  if (arguments.detect) {
    const std::string why = "--detect: detectors run on images; leave it out to ";
    if (!arguments.program.empty()) usage_error("{}run --program", why);
    if (!arguments.sizes.empty()) usage_error("{}give --size", why);
    if (arguments.layers) usage_error("{}time --layers", why);
    task->detect = true;
    return;
  }
  const auto is_of_tensors = [](const Operand& operand) {
    return operand.encoders.empty() &&
           (runtime_of(operand) != "lasso" || is_onnx_file(operand.file));
  };
  const auto found = std::find_if(task->candidates.begin(), task->candidates.end(), is_of_tensors);
  task->sizes = parse_sizes(arguments.sizes);
  task->tensors = found != task->candidates.end() || !arguments.program.empty();
  task->program = {arguments.program, true};
  if (!task->tensors) {
    if (!task->sizes.empty()) {
      usage_error("--size: is for models that run on tensors; choose one with --program");
    }
    return;
  }
  const std::string why =
      arguments.program.empty() ? found->text() + " runs on tensors" : "--program is for tensors";
  for (const Operand& candidate : task->candidates) {
    if (candidate.encoders.empty()) continue;
    usage_error("{}: is timed on pictures, and {}", candidate.text(), why);
  }
  if (!arguments.image.empty()) usage_error("--image {}: {}", arguments.image, why);
  if (!arguments.baseline.empty()) usage_error("--baseline {}: {}", arguments.baseline, why);
}

// A detector takes milliseconds, and is measured as often as others are in such tables.
Plan plan_of(const SpeedArguments& arguments) {
  Plan plan = arguments.detect ? Plan{20, 200, 0} : Plan{};
  if (arguments.warm_up >= 0) plan.warm_up = arguments.warm_up;
  if (arguments.iterations > 0) plan.iterations = arguments.iterations;
  plan.limit_s = parse_positive("--limit", arguments.limit);
  return plan;
}

SpeedTask make_task(const SpeedArguments& arguments) {
  SpeedTask task;
  task.plan = plan_of(arguments);
  task.image_counts = different("--images-per-call", arguments.images, kMostImages);
  task.prompt_counts = different("--prompts-per-call", arguments.prompts, kMostPrompts);
  if (!arguments.history.empty() && arguments.commit.empty()) {
    usage_error("--history {}: needs --commit, the revision that was built", arguments.history);
  }
  if (arguments.history.empty() && !arguments.commit.empty()) {
    usage_error("--commit {}: is for records of --history, which is not given", arguments.commit);
  }
  for_option("-o", [&] { check_output_folder(arguments.folder); });
  if (!arguments.history.empty()) {
    for_option("--history", [&] { check_output_folder(arguments.history); });
  }
  if (!arguments.baseline.empty()) {
    task.baseline = read_baseline(arguments.baseline);
    warn_of_unmeasured(
        *task.baseline,
        arguments.detect ? detect_stages() : speed_stages(task.image_counts, task.prompt_counts),
        arguments.baseline);
  }
  task.image = arguments.image;
  if (!task.image.empty()) load_picture(task.image, 0, 0);  // an error now, not after a while
  task.candidates = choose_candidates(arguments);
  choose_tensors(arguments, &task);
  check_isa(task.candidates, arguments.run);
  task.sequential = arguments.sequential;
  task.layers = arguments.layers;
  task.model = arguments.model;
  task.run = arguments.run;
  return task;
}

// A record of its own in the history: all but single times and layers, and the revision.
std::string write_history(const SpeedArguments& arguments, const SpeedResults& results,
                          const std::string& started, const std::string& name) {
  OrderedJson record = {{"date", started}, {"commit", arguments.commit}};
  record.update(to_json(results, false));
  OutputNames names;
  std::string path = names.claim(arguments.history, {{name, ".json"}}).front();
  write_file(path, record.dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
  return path;
}

void print_results(const SpeedResults& results) {
  for (const std::string& line : describe_run(results)) print(printable(line));
  print_tables({candidate_table(results)});
  print_tables(gpu_tables(results));
  print_tables(stage_tables(results));
  if (!results.tensors) print_tables({part_table(results)});
  const std::string note = runs_note(results);
  if (!note.empty()) print(note);
  for (const SpeedRow& row : results.rows) print_tables(layer_tables(row));
}

// After the others' figures, so that the last line says that some are missing.
Exit report_failures(const SpeedResults& results) {
  for (const SpeedFailure& failure : results.failures) {
    print_error(fmt::format("{}: {}", failure.name, failure.message));
  }
  return results.failures.empty() ? Exit::kDone : Exit::kSomeFailed;
}

Exit run_bench_speed(const SpeedArguments& arguments) {
  apply(arguments.run);
  if (arguments.show) check_viewer();
  SpeedTask task = make_task(arguments);
  // Before minutes of work; and not for a model that does not open.
  task.loaded = [&] {
    for_option("-o", [&] { make_folder(arguments.folder); });
    if (!arguments.history.empty()) {
      for_option("--history", [&] { make_folder(arguments.history); });
    }
  };
  ReportFolder report;
  for_option("-o", [&] { report.check(arguments.folder, task.candidates.front().file); });
  if (!arguments.history.empty()) {
    for_option("--history", [&] {
      OutputNames().check(arguments.history,
                          {{report.utc_name(task.candidates.front().file), ".json"}});
    });
  }
  const SpeedResults results = measure_speed(task);

  const std::string& model = task.candidates.front().file;
  report.make(arguments.folder, model);
  const std::string line = report.write_results(to_json(results, true));
  report.write("report.html", to_html(results, report.made()));
  std::string record;
  if (!arguments.history.empty()) {
    record = write_history(arguments, results, report.started(), report.utc_name(model));
  }
  if (arguments.output.json) {
    print(line);
  } else if (!quiet()) {
    print_results(results);
    print("report: " + printable(report.path("report.html")));
    if (!record.empty()) print("record: " + printable(record));
  }
  if (arguments.show) show_file(report.path("report.html"));
  return report_failures(results);
}

constexpr const char* kEpilogue =
    R"(Timed apart: the image encoder, for one image or, with --images-per-call, several of one call;
prompt encoder and mask decoder for 1, 16 and 64 prompts of one call; everything from the image's
file to one mask of its size. The encoder takes eight pictures in turn: the image, and others that
are it with its rows shifted. Each candidate runs in a process of its own, of which one works at a
time; they take turns run by run, or follow each other where they don't fit in the host's memory
together, which is then said. A GPU's memory is not looked at: --sequential is for candidates that
don't fit in it together. FPS, of the encoder in images, and time in per cent are of the first row's
mean.

ONNX models, and with --program SAM's programs, too, are timed on random tensors of the sizes that
they were built for or that --size gives, as is what runs on another runtime (FILE@onnxruntime),
whose settings stand in the table. A SAM model in parts, ENCODER,DECODER or --encoder and --decoder,
is timed on pictures, on another runtime too; several encoders are the parts of one, each of which
takes what the one before it gives.

With --detect, candidates are detectors, and timed apart are the network, everything from an image
in memory to its boxes, and everything from the image's file; "lasso detect" says which models there
are.

VARIANT is fast (the default) or reference (plain loops, slow), a precision, a device, an instruction
set, another runtime, or several of these with +, as with "lasso compare". FILE may be random:NAME,
a published architecture with random weights, which are as slow as trained ones: vit_b, vit_l or
vit_h, and yolov7, yolov7x, yolov7-tiny, -tiny-silu, -w6, -e6, -d6 or -e6e. GFLOP/s (a multiplication
and an addition are two) are by the median; peak, in per cent, is of what the machine was measured to
do at most with the precision and instructions; that of a layer, with the layer's own precision. The
report is a folder DIR/MODEL-TIME with report.html and results.json; none is
overwritten. Where a candidate fails after others were measured, these are reported, and the status
is 1.

Examples:
  lasso bench speed --arch vit_b --random
  lasso bench speed --candidate sam_vit_b_01ec64.pth --candidate sam_vit_b_01ec64.pth@avx2
  lasso bench speed --candidate sam_vit_b_01ec64.pth@int8 --layers
  lasso bench speed --candidate random:vit_b@cuda+bf16 --candidate random:vit_b@cuda+fp16
  lasso bench speed --candidate yolov7.onnx --candidate yolov7.onnx@onnxruntime
  lasso bench speed --candidate enc.onnx,dec.onnx --candidate enc.onnx,dec.onnx@onnxruntime
  lasso bench speed --candidate sam_vit_h.lasso --candidate part_1.lasso,part_2.lasso,decoder.onnx
  lasso bench speed --detect --candidate yolov7.onnx --candidate yolov7.onnx@cuda+fp16
  lasso bench speed --detect --candidate random:yolov7 --candidate random:yolov7@bf16
  lasso bench speed --model sam_vit_h_4b8939.pth --image photo.jpg --baseline pytorch.json
)";

void add_candidate_options(CLI::App* app, SpeedArguments* a) {
  const std::string group = "What to compare";
  add_candidates(app, &a->candidates, group);
  add_text(app, "--baseline", &a->baseline, "F.json",
           "First row from a file with another system's times, or from a results.json of this "
           "command (docs/performance.md has the format).",
           group);
  add_switch(app, "--sequential", &a->sequential,
             "One candidate after the other, even where they fit in memory together.", group);
}

void add_measurement_options(CLI::App* app, SpeedArguments* a) {
  const std::string group = "What to measure";
  add_integer(app, "--warmup", &a->warm_up, 0, 1000,
              "Runs before those that count. Default: 5, and 20 with --detect.", group);
  add_integer(app, "--iterations", &a->iterations, 1, 1000000000,
              "Runs that count. Default: 50, and 200 with --detect.", group);
  add_text(app, "--limit", &a->limit, "SECONDS",
           "Begin no further run of a stage after so long, and no warm-up after a sixth of it. "
           "Default: 60.",
           group);
  add_text(app, "--images-per-call", &a->images, "LIST",
           "Numbers of images that the encoder takes in one call. Default: 1.", group);
  add_text(app, "--prompts-per-call", &a->prompts, "LIST",
           "Numbers of prompts that the decoder answers in one call. Default: 1,16,64.", group);
  add_switch(app, "--layers", &a->layers,
             "Also every layer of the encoder, and of the decoder with one prompt, for each "
             "candidate: after the rest, in at most 5 runs.",
             group);
  add_text(app, "--image", &a->image, "FILE",
           "Image to segment, or to find objects in. Default: a PNG of 1920 x 1080 pixels that is "
           "made up.",
           group);
  add_switch(app, "--detect", &a->detect,
             "Measure detectors, by default the demo detector that comes with Lasso: the network "
             "alone, and with preparation and suppression.",
             group);
  add_text(app, "--program", &a->program, "NAME",
           "Measure this program of the models, on random tensors. ONNX models and other runtimes "
           "are measured on such in any case.",
           group);
  add_size_option(app, &a->sizes, group);
}

}  // namespace

void add_bench_speed(CLI::App* parent, Action* action) {
  CLI::App* app =
      parent->add_subcommand("speed", "Times of encoder, decoder and the whole; of detectors.");
  const auto arguments = std::make_shared<SpeedArguments>();
  SpeedArguments& a = *arguments;
  add_candidate_options(app, &a);
  add_measurement_options(app, &a);
  const std::string output = "Output";
  add_report_option(app, &a.folder, output);
  add_show_option(app, &a.show, "the report", output);
  add_text(app, "--history", &a.history, "DIR", "Also add a record of the figures to this folder.",
           output);
  add_text(app, "--commit", &a.commit, "ID", "With --history: the revision that was built.",
           output);
  add_model_option(app, &a.model);
  add_parts_options(app, &a.parts);
  add_text(app, "--arch", &a.arch, "ARCH",
           "With --random: the architecture to build, vit_b, vit_l or vit_h.", "Model");
  add_switch(app, "--random", &a.random,
             "Random weights made in memory: measures speed without a checkpoint.", "Model");
  add_provider_option(app, &a.run);
  add_common_options(app, &a, true, "The content of results.json on standard output.");
  describe_command(app,
                   "lasso bench speed [--model FILE | --arch ARCH --random | "
                   "--candidate FILE[@VARIANT]...]\n"
                   "       [--baseline F.json] [--image FILE] [-o DIR] [OPTIONS]",
                   kEpilogue);
  set_action(app, arguments, run_bench_speed, action);
}

}  // namespace lasso::app
