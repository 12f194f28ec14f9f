// lasso compare: two kernels, precisions, devices, runtimes or files, value by value and layer by
// layer.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/compare/compare_side.h"
#include "cli/compare/criteria.h"
#include "cli/compare/pictures/compare_pictures.h"
#include "cli/compare/tensors/compare_tensors.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/values.h"

namespace lasso::app {

namespace {

struct CompareArguments : CommonArguments {
  std::vector<std::string> operands;
  std::vector<std::string> devices;
  bool layers = false;
  std::string tolerance;
  std::string atol;
  std::string rtol;
  std::string min_iou;
  std::string image;
  std::vector<std::string> points;
  std::string box;
  std::vector<std::string> programs;
  std::string inputs;
  std::int64_t seed = -1;
  std::vector<std::string> sizes;

  bool asks_for_picture() const { return !image.empty() || !points.empty() || !box.empty(); }
  bool asks_for_tensors() const {
    return !programs.empty() || !inputs.empty() || seed >= 0 || !sizes.empty();
  }
};

// One device is both sides', of two each has its own.
RunOptions run_options(const CompareArguments& arguments) {
  RunOptions run = arguments.run;
  for (const std::string& device : arguments.devices) parse_device("--device", device);
  if (arguments.devices.size() == 1) run.device = arguments.devices.front();
  apply(run);
  return run;
}

// What one model alone is compared with: another runtime with Lasso, Lasso with its reference.
Operand counterpart(const Operand& a) {
  return a.with_variant(runtime_of(a) == "lasso" ? "reference" : "fast");
}

std::array<Operand, 2> choose_operands(const CompareArguments& arguments) {
  const Operand a = parse_operand(arguments.operands.front(), "fast");
  const bool alone = arguments.operands.size() == 1;
  if (arguments.devices.size() < 2) {
    const Operand b = alone ? counterpart(a) : parse_operand(arguments.operands[1], "fast");
    return {a, b};
  }
  const Operand b = alone ? a : parse_operand(arguments.operands[1], "fast");
  for (const Operand* operand : {&a, &b}) {
    if (!names_device(*operand)) continue;
    usage_error("{}: names a device, and --device is given twice", operand->text());
  }
  return {on_device(a, arguments.devices.front()), on_device(b, arguments.devices.back())};
}

Criteria choose_criteria(const CompareArguments& arguments) {
  Criteria criteria;
  if (!arguments.tolerance.empty()) {
    criteria.tolerance = parse_positive("--tolerance", arguments.tolerance);
  }
  if (!arguments.atol.empty() || !arguments.rtol.empty()) {
    criteria.elements.emplace();
    if (!arguments.atol.empty()) {
      criteria.elements->atol = parse_not_negative("--atol", arguments.atol);
    }
    if (!arguments.rtol.empty()) {
      criteria.elements->rtol = parse_not_negative("--rtol", arguments.rtol);
    }
  }
  if (!arguments.min_iou.empty()) {
    criteria.min_iou = parse_positive("--min-iou", arguments.min_iou);
    if (*criteria.min_iou > 1) {
      usage_error("--min-iou {}: expected a number above 0, and at most 1", arguments.min_iou);
    }
  }
  criteria.tolerance_decides =
      !arguments.tolerance.empty() || (!criteria.elements && !criteria.min_iou);
  return criteria;
}

SideTask make_task(const CompareArguments& arguments) {
  SideTask task;
  task.model = arguments.model;
  task.run = run_options(arguments);
  for (const std::string& text : arguments.points) {
    task.prompt.points.push_back(parse_point(text));
  }
  if (!arguments.box.empty()) task.prompt.box = parse_box(arguments.box);
  task.image = arguments.image;
  task.tensors = arguments.asks_for_tensors();
  if (task.tensors && arguments.asks_for_picture()) {
    usage_error("--image, --point and --box: are for pictures, and {} for tensors",
                !arguments.programs.empty() ? "--program is"
                : !arguments.inputs.empty() ? "--inputs is"
                : arguments.seed >= 0       ? "--seed is"
                                            : "--size is");
  }
  task.inputs = arguments.inputs;
  return task;
}

// The last words, and the status.
template <typename Comparison>
Exit finish(const Comparison& comparison, const Criteria& criteria, const Operand& a,
            const Operand& b, const std::vector<std::string>& failures) {
  for (const std::string& failure : failures) print_error(failure);
  const std::vector<std::string> lines = misses(comparison, criteria, a, b);
  for (const std::string& line : lines) print_error(line);
  if (!lines.empty()) return Exit::kThresholdMissed;
  return failures.empty() ? Exit::kDone : Exit::kUnsupported;
}

Exit compare_on_picture(Side* a, Side* b, const CompareArguments& arguments,
                        const std::array<Operand, 2>& operands, const Criteria& criteria) {
  PictureComparison comparison;
  {
    Progress progress("running both");
    comparison = compare_pictures(a, b, criteria, &progress);
  }
  if (arguments.output.json) {
    print(json_line(to_json(comparison, operands[0], operands[1], criteria, arguments.layers)));
  } else if (!quiet()) {
    print_comparison(comparison, operands[0], operands[1], criteria, arguments.layers);
  }
  return finish(comparison, criteria, operands[0], operands[1], comparison.failures);
}

Exit compare_on_tensors(Side* a, Side* b, const CompareArguments& arguments,
                        const std::array<Operand, 2>& operands, const Criteria& criteria) {
  const TensorTask task{arguments.inputs,
                        static_cast<std::uint64_t>(std::max<std::int64_t>(arguments.seed, 1)),
                        parse_sizes(arguments.sizes), arguments.layers};
  TensorComparison comparison;
  {
    Progress progress("loading two models");
    // Before what a side says next is read, both know what is compared.
    for (Side* side : {a, b}) {
      if (!side->current().meta.at("picture").get<bool>()) continue;
      side->send(RecordKind::kRequest, {{kTensors, true}});
    }
    a->next();
    b->next();
    comparison = compare_tensors(a, b, task, criteria, &progress);
  }
  if (criteria.min_iou &&
      std::none_of(comparison.outputs.begin(), comparison.outputs.end(),
                   [](const ComparedOutput& output) { return output.iou.has_value(); })) {
    print_warning("--min-iou: no output is a mask with anything above 0");
  }
  if (arguments.output.json) {
    print(json_line(to_json(comparison, operands[0], operands[1], task, criteria)));
  } else if (!quiet()) {
    print_comparison(comparison, operands[0], operands[1], task, criteria);
  }
  return finish(comparison, criteria, operands[0], operands[1], {});
}

Exit run_compare(const CompareArguments& arguments) {
  const Criteria criteria = choose_criteria(arguments);
  const std::array<Operand, 2> operands = choose_operands(arguments);
  SideTask task_a = make_task(arguments);
  SideTask task_b = task_a;
  parse_sizes(arguments.sizes);  // is refused before a model is read
  if (!arguments.programs.empty()) {
    const bool shared = arguments.programs.size() == 1;
    task_a.program = {arguments.programs.front(), shared};
    task_b.program = {arguments.programs.back(), shared};
  }
  // Forked before this process has threads.
  Side a(operands[0], task_a);
  Side b(operands[1], task_b);
  bool picture_a = false;
  bool picture_b = false;
  {
    const Progress progress("loading two models");
    picture_a = a.next().meta.at("picture").get<bool>();
    picture_b = b.next().meta.at("picture").get<bool>();
  }
  if (picture_a && picture_b) return compare_on_picture(&a, &b, arguments, operands, criteria);
  if (arguments.asks_for_picture()) {
    usage_error("--image, --point and --box: are for two SAM models, and {} is none",
                operands[picture_a ? 1 : 0].text());
  }
  return compare_on_tensors(&a, &b, arguments, operands, criteria);
}

constexpr const char* kEpilogue =
    R"(VARIANT is fast (the default) or reference (plain loops, slow); a precision, fp32, fp16, bf16 or
int8; a device, cpu, cuda or cuda:1, in place of --device; an instruction set, avx2, avx_vnni,
avx512, avx512_vnni, avx512_bf16, amx_int8 or amx_bf16 (the fast kernels with no better
instructions; LASSO_MAX_ISA, if lower, still holds), or a GPU's, such as sm_80; another runtime,
onnxruntime, for ONNX models; or several of these with +, as in model.pth@int8+avx2 or
model.onnx@onnxruntime+cuda. The reference kernels run on the CPU, whatever --device is. An
engine file has its precision and device, and no reference kernels to be compared with. A SAM
model may be ENCODER,DECODER: files as "lasso segment" takes them with --encoder and --decoder,
with a comma between them.
Two SAM models see the same picture and prompt; any other models, and with --program, --inputs,
--seed or --size SAM's programs, too, get the same tensors: those of --inputs, and random ones
for the rest (floats in [0, 1), integers 0 or 1; inputs whose values are sizes, such as
orig_im_size, are as large as outputs usually are). Inputs and outputs are the same that have
the same name, and else the only ones that fit by type and shape, where the channels may be at
another place. Each side is a process of its own.
The relative error of a layer or output is |A-B| / |B| in Euclidean norms; --tolerance limits
it, and decides unless --atol, --rtol or --min-iou is given alone.

Exit status: 0 if all is within the limits, 6 if not; else as with "lasso segment".

Examples:
  lasso compare sam_vit_b_01ec64.pth --layers
  lasso compare model.pth@avx512 model.pth@avx2 --image truck.jpg --point 500,375
  lasso compare model.pth converted.safetensors --tolerance 1e-6 --json
  lasso compare model.pth@cuda+bf16 model.pth --min-iou 0.99
  lasso compare yolov7.onnx yolov7.onnx@onnxruntime --layers
  lasso compare model.pth encoder.onnx,decoder.onnx@onnxruntime
  lasso compare yolov7.lasso yolov7.onnx --inputs images.npz --atol 0.01 --rtol 0.01
  lasso compare sam_vit_b.pth encoder.onnx --program image_encoder
)";

// What the models get where they are no SAM models.
void add_tensor_options(CLI::App* app, CompareArguments* arguments) {
  const std::string group = "Tensors";
  app->add_option("--program", arguments->programs,
                  "Which program of a model of several runs; given twice: A's and B's.")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->expected(1, 2)
      ->check(not_empty)
      ->group(group);
  add_text(app, "--inputs", &arguments->inputs, "F.npz",
           "Inputs by their names, as numpy.savez writes them. Default: random ones.", group);
  add_integer(app, "--seed", &arguments->seed, 0, std::int64_t{1} << 53,
              "Of random inputs. Default: 1.", group);
  add_size_option(app, &arguments->sizes, group);
}

void add_limits(CLI::App* app, CompareArguments* arguments) {
  const std::string group = "Limits";
  add_text(app, "--tolerance", &arguments->tolerance, "R",
           "Largest relative error of a layer or output, by norms. Default: 1e-4.", group);
  add_text(app, "--atol", &arguments->atol, "X",
           "Each element of the outputs may differ by X + R |B|, with R of --rtol. Default: 0.",
           group);
  add_text(app, "--rtol", &arguments->rtol, "R", "See --atol. Default: 0.", group);
  add_text(app, "--min-iou", &arguments->min_iou, "X",
           "Lowest IoU of masks: of SAM's, and of outputs called masks, low_res_masks, "
           "low_res_logits or pred_masks, where they are above 0.",
           group);
}

}  // namespace

void add_compare(CLI::App* parent, Action* action) {
  CLI::App* app = parent->add_subcommand(
      "compare",
      "Two kernels, precisions, devices, runtimes or files, value by value and layer by layer.");
  const auto arguments = std::make_shared<CompareArguments>();
  const std::string input = "What to compare";
  app->add_option("FILE[@VARIANT]", arguments->operands,
                  "One or two checkpoints, ONNX models or engine files. A model alone is compared "
                  "with its reference kernels, with --device twice with itself, and on another "
                  "runtime with Lasso.")
      ->required()
      ->expected(1, 2)
      ->check(not_empty)
      ->group(input);
  add_text(app, "--image", &arguments->image, "FILE",
           "Picture to encode. Default: one that is made up, the same every time.", input);
  app->add_option("--point", arguments->points,
                  "Point of the prompt; repeatable. Default: the centre of the picture.")
      ->type_name("X,Y[,LABEL]")
      ->allow_extra_args(false)
      ->group(input);
  add_text(app, "--box", &arguments->box, "X0,Y0,X1,Y1", "Box of the prompt.", input);
  add_switch(app, "--layers", &arguments->layers, "Show every layer.", input);
  add_tensor_options(app, arguments.get());
  add_limits(app, arguments.get());
  add_common_options(app, arguments.get(), false, "One JSON object on standard output.",
                     &arguments->devices);
  add_provider_option(app, &arguments->run);
  describe_command(app, "lasso compare FILE[@VARIANT] [FILE[@VARIANT]] [--layers] [OPTIONS]",
                   kEpilogue);
  set_action(app, arguments, run_compare, action);
}

}  // namespace lasso::app
