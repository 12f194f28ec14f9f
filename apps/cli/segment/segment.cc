// lasso segment: masks for points, boxes and masks in images.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/model/model.h"
#include "cli/model/other_runtime.h"
#include "cli/model/parts.h"
#include "cli/options.h"
#include "cli/range.h"
#include "cli/segment/mask_input.h"
#include "cli/segment/report_text.h"
#include "cli/segment/segment_image.h"
#include "cli/segment/segment_many.h"
#include "cli/segment/segment_tasks.h"
#include "cli/standard_input.h"
#include "cli/values.h"
#include "cli/viewer.h"
#include "common/files.h"
#include "common/pictures.h"
#include "common/text.h"
#include "core/file.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

Formats parse_formats(const std::string& text) {
  const std::vector<std::string> names = parse_choices("--format", text, known_formats());
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (has("none") && names.size() > 1) {
    usage_error("--format {}: \"none\" excludes other formats", text);
  }
  return {has("overlay"), has("mask"), has("labelmap"), has("rle"), has("polygon")};
}

// Options that name one file make sense for one image only.
void check_single(const std::string& option, const std::string& path, std::size_t images) {
  std::error_code ignored;
  if (path.empty() || fs::is_directory(path, ignored)) return;
  if (images > 1) {
    usage_error("{} {}: names one file for {} images; name an existing folder instead", option,
                path, images);
  }
  for_option(option, [&] { check_output_file(path); });
}

// An output that is also an input or another output would destroy it.
void check_not_input(const std::string& option, const std::string& path, const std::string& input,
                     const std::string& role) {
  std::error_code ignored;
  if (path.empty() || input.empty() || fs::is_directory(path, ignored)) return;
  if (same_file(path, input)) {
    usage_error("{} {}: is the same file as {} {}", option, path, role, input);
  }
}

void check_outputs(const SegmentArguments& arguments, const std::vector<ImageTask>& tasks) {
  const std::string embedding = "--save-embedding";
  const std::string logits = "--save-logits";
  check_single(embedding, arguments.save_embedding, tasks.size());
  check_single(logits, arguments.save_logits, tasks.size());
  check_not_input(logits, arguments.save_logits, arguments.save_embedding, embedding);
  // Logits may replace those that they refine: --mask-input is read as a whole before.
  check_not_input(embedding, arguments.save_embedding, arguments.mask_input, "--mask-input");
  for (const auto& [option, path] :
       {std::pair(embedding, arguments.save_embedding), std::pair(logits, arguments.save_logits)}) {
    for (const ImageTask& task : tasks) {
      const std::string image = task.path.value_or("");
      check_not_input(option, path, image == kStandardInput ? "" : image, "the image");
    }
    check_not_input(option, path, arguments.load_embedding, "--load-embedding");
    check_not_input(option, path, arguments.prompts == "-" ? "" : arguments.prompts, "--prompts");
    check_not_input(option, path, arguments.model.model, "--model");
    check_not_input(option, path, arguments.model.config, "--config");
    check_not_input(option, path, arguments.parts.decoder, "--decoder");
    for (const std::string& encoder : arguments.parts.encoders) {
      check_not_input(option, path, encoder, "--encoder");
    }
  }
}

// The logits of an image are one array, in which every prompt has as many masks.
void check_logits(const SegmentArguments& arguments, const std::vector<ImageTask>& tasks) {
  if (arguments.save_logits.empty()) return;
  for (const ImageTask& task : tasks) {
    for (const PromptTask& prompt : task.prompts) {
      const PromptTask& first = task.prompts.front();
      if (prompt.multimask == first.multimask) continue;
      const PromptTask& several = prompt.multimask ? prompt : first;
      const PromptTask& one = prompt.multimask ? first : prompt;
      usage_error(
          "--save-logits {}: {} asks for several masks, {} of the same image for one; make "
          "\"multimask\" the same for all prompts of an image",
          arguments.save_logits, several.source, one.source);
    }
  }
}

SegmentSettings make_settings(const SegmentArguments& arguments,
                              const std::vector<ImageTask>& tasks, const PictureReader* pictures) {
  SegmentSettings settings;
  settings.formats = parse_formats(arguments.format);
  settings.folder = arguments.folder == "." ? fs::path() : fs::path(arguments.folder);
  settings.json = arguments.output.json;
  settings.pictures = pictures;
  settings.any_range = arguments.range.empty() || arguments.range == "auto";
  settings.load_embedding = arguments.load_embedding;
  if (!arguments.image_size.empty()) {
    if (arguments.load_embedding.empty()) {
      usage_error("--image-size {}: is that of the image of --load-embedding",
                  arguments.image_size);
    }
    settings.image_size = parse_size("--image-size", arguments.image_size);
  }
  settings.save_embedding = arguments.save_embedding;
  settings.save_logits = arguments.save_logits;
  if (arguments.show) {
    if (!settings.formats.overlay) {
      usage_error("--show: shows the overlay, which --format {} does not write", arguments.format);
    }
    check_viewer();
  }
  check_outputs(arguments, tasks);
  check_logits(arguments, tasks);
  for_option("-o", [&] { check_output_folder(arguments.folder); });
  if (tasks.size() > 1 && !arguments.load_embedding.empty()) {
    usage_error("--load-embedding {}: is of one image, but {} are given", arguments.load_embedding,
                tasks.size());
  }
  if (tasks.size() > 1 && !arguments.mask_input.empty()) {
    usage_error("--mask-input {}: belongs to one image, but {} are given", arguments.mask_input,
                tasks.size());
  }
  const bool pixels = !tasks.empty() && tasks.front().path.has_value();
  if (settings.formats.overlay && !pixels && !tasks.empty()) {
    usage_error(
        "--format {}: an overlay needs the IMAGE besides --load-embedding; name it, or "
        "choose among mask, labelmap, rle, polygon and none",
        arguments.format);
  }
  return settings;
}

void tell(const ImageReport& report, bool json, double model_load_ms, std::size_t name_width) {
  if (!report.error.empty()) print_error(report.error);
  for (const PromptFailure& failure : report.failures) {
    print_error(fmt::format("{}: {}", failure.source, failure.message));
  }
  if (json) {
    print(json_line(to_json(report, model_load_ms)));
  } else if (report.error.empty() && !quiet()) {
    print(to_text(report, name_width));
  }
}

// The failures of lines without an image, which standard error has named already, for programs.
void tell_homeless(const std::vector<PromptFailure>& failures, bool json) {
  if (!json || failures.empty()) return;
  print(json_line(to_json(failures)));
}

Exit run_segment(const SegmentArguments& arguments) {
  check_standard_input(arguments.images, "--prompts", arguments.prompts);
  std::vector<PromptFailure> homeless;
  std::vector<ImageTask> tasks = collect_tasks(arguments, &homeless);
  PictureReader pictures(arguments.max_pixels, parse_range(arguments.range));
  check_standard_input(paths_of(tasks), "--prompts", arguments.prompts);
  const SegmentSettings settings = make_settings(arguments, tasks, &pictures);
  std::optional<MaskInput> mask;
  if (!arguments.mask_input.empty()) mask = read_mask_input(arguments.mask_input);
  if (tasks.empty()) {
    tell_homeless(homeless, settings.json);
    return Exit::kSomeFailed;
  }

  apply(arguments.run);
  check_provider(arguments.run);
  const OpenParts parts = open_parts(arguments.parts, arguments.model, arguments.run);
  const OpenModel& model = parts.model;
  const EngineInfo& info = model.engine.info();
  if (mask) {
    if (!info.sam->takes_mask) {
      usage_error("--mask-input {}: the decoder of {} takes no mask", arguments.mask_input,
                  info.model);
    }
    const int side = info.sam->image_size / info.sam->patch_size * 4;
    check_side(*mask, arguments.mask_input, side);
    for (PromptTask& prompt : tasks.front().prompts) prompt.prompt.mask_input = mask->values;
  }
  const int jobs = choose_jobs(arguments.jobs, info.devices.size(), tasks.size());
  std::vector<Segmenter> segmenters = make_segmenters(parts, jobs, arguments.run.threads);
  if (!segmenters.front().has_encoder() && arguments.load_embedding.empty()) {
    usage_error(
        "{}: there is no image encoder; give one with --encoder, or an embedding with "
        "--load-embedding",
        model.path);
  }
  const RuntimeSettings settings_of_runtime = segmenters.front().runtime_settings();
  print_note(fmt::format(
      "{}: {}, {} threads, {}, loaded in {:.0f} ms", model.path, info.model,
      threads_text(segmenters),
      settings_of_runtime.empty() ? info.isa : settings_text(settings_of_runtime), model.load_ms));

  // Where no --model is given, this is the first time that its name is known.
  check_not_input("--save-embedding", arguments.save_embedding, model.path, "the model");
  check_not_input("--save-logits", arguments.save_logits, model.path, "the model");
  for_option("-o", [&] { make_folder(arguments.folder); });

  if (arguments.load_embedding.empty()) find_range(paths_of(tasks), &pictures);
  OutputNames names;
  if (!arguments.save_embedding.empty()) names.reserve(arguments.save_embedding);
  if (!arguments.save_logits.empty()) names.reserve(arguments.save_logits);
  bool some_failed = !homeless.empty();
  bool shown = false;
  std::size_t name_width = 0;
  for (const ImageTask& task : tasks) {
    const std::string name = printable(task.path.value_or(settings.load_embedding));
    name_width = std::max(name_width, std::min<std::size_t>(name.size(), 48));
  }
  segment_many(segmenters, tasks, settings, &names, [&](const ImageReport& report) {
    some_failed |= report.failed();
    tell(report, settings.json, model.load_ms, name_width);
    if (!arguments.show || shown || !report.files.contains("overlay")) return;
    shown = true;
    show_file(file_name(report.files["overlay"][0].get<std::string>()));
  });
  tell_homeless(homeless, settings.json);
  return some_failed ? Exit::kSomeFailed : Exit::kDone;
}

constexpr const char* kEpilogue =
    R"(All points together ask for one object; a single box joins them, and points then refine the box.
Several boxes are a prompt each. Points with several boxes need --prompts, a file with a JSON object
per line; lines with the same image share its encoding:

  {"image": "truck.jpg", "points": [[500, 375], [1125, 625]], "labels": [1, 0], "id": "window"}
  {"image": "truck.jpg", "box": [75, 275, 1725, 850]}
  {"image": "truck.jpg", "points": [[575, 750]], "multimask": true}

Points and boxes are in pixels of the original image, x to the right and y down. Boxes may leave the
image; points may not (0 <= x <= width, 0 <= y <= height).

Where only some prompts of an image ask for candidates, its one overlay shows them together: the
candidate with the highest predicted IoU filled as other masks, the others faintly, in shades.

The image - is standard input, and a pipe may be named, too; its files are called stdin_overlay.png.

Files are named after the image: truck_overlay.png. A name that is taken gets a number,
truck_overlay-2.png; nothing is overwritten but what --save-embedding and --save-logits name.

Exit status: 0 done, 1 some inputs failed (each is named), 2 wrong usage, 3 bad or missing model,
4 unsupported here, 5 out of memory or device failure, 70 bug in Lasso, 130 interrupted.

Examples:
  lasso segment truck.jpg --point 500,375 --model sam_vit_b_01ec64.pth
  lasso segment truck.jpg --box 425,600,700,875 --point 575,750,0 -o out --format overlay,mask
  lasso segment *.jpg --box 10,10,500,400 --format none --json > masks.jsonl
  lasso segment *.jpg --box 10,10,500,400 --device cuda:0,1 --precision bf16
  camera | lasso segment - --point 500,375 --range 0:4095
  lasso segment truck.jpg --save-embedding truck.safetensors
  lasso segment truck.jpg --load-embedding truck.safetensors --point 500,375 --multimask
  lasso segment truck.jpg --encoder encoder.onnx --decoder decoder.onnx --point 500,375
  lasso segment truck.jpg --encoder e.onnx --decoder d.onnx --point 500,375 --runtime onnxruntime
)";

}  // namespace

void add_segment(CLI::App* parent, Action* action) {
  CLI::App* app = parent->add_subcommand("segment", "Masks for points and boxes in images.");
  const auto arguments = std::make_shared<SegmentArguments>();
  SegmentArguments& a = *arguments;
  const std::string input = "Images and prompts";
  const std::string output = "Results";

  app->add_option("IMAGE", a.images,
                  "JPEG, PNG, PPM or PGM files or pipes; - is standard input. May be left out with "
                  "--prompts, and with --load-embedding "
                  "where no overlay is asked for.")
      ->check(not_empty)
      ->group(input);
  const auto repeated = [&](const char* name, std::vector<std::string>* values, const char* text,
                            const char* type) {
    app->add_option(name, *values, text)->type_name(type)->allow_extra_args(false)->group(input);
  };
  repeated("--point", &a.points,
           "A point of the object; LABEL 1 (default) says \"this\", 0 \"not this\". Repeatable.",
           "X,Y[,LABEL]");
  repeated("--box", &a.boxes, "A box around the object. Repeatable: each box is a prompt.",
           "X0,Y0,X1,Y1");
  add_text(app, "--prompts", &a.prompts, "F.jsonl|-",
           "Prompts from a file, or from standard input: one JSON object per line with image, "
           "points, labels, box, multimask, id.",
           input);
  add_text(app, "--mask-input", &a.mask_input, "F.npy",
           "Low-resolution logits of an earlier answer (one mask of --save-logits) to refine: "
           "float16, float32 or float64, [side, side] or with ones before.",
           input);
  add_switch(app, "--multimask", &a.multimask,
             "Three candidates for each prompt instead of one mask; for ambiguous prompts. With "
             "--prompts, for lines without multimask.",
             input);
  add_integer(app, "--max-pixels", &a.max_pixels, 1, std::int64_t{1} << 40,
              "Refuse images that claim more pixels. Default: 100000000.", input);
  add_range_option(app, &a.range,
                   "full, all that the files could hold; with --load-embedding, the embedding's",
                   input);
  add_text(
      app, "--load-embedding", &a.load_embedding, "F",
      "Use a saved embedding, or an array (.npy) of [channels, grid, grid] that something else "
      "computed; the image encoder does not run.",
      input);
  add_text(
      app, "--image-size", &a.image_size, "W,H",
      "Size of the image that an array of --load-embedding is of, in pixels, where no IMAGE is "
      "given.",
      input);

  add_text(app, "-o,--output", &a.folder, "DIR",
           "Folder for results, made if need be. Default: the current folder.", output);
  add_text(
      app, "--format", &a.format, "LIST",
      "Comma list of overlay (picture with masks and prompts), mask (PNG per mask, 0 and "
      "255), labelmap (PNG with the index of the prompt, from 1, where its best mask is; where "
      "masks overlap, the smallest is on top), rle and polygon (COCO JSON), or none. Default: "
      "overlay.",
      output);
  add_show_option(app, &a.show, "the run's first overlay", output);
  add_text(app, "--save-embedding", &a.save_embedding, "F",
           "Write the image's embedding (.safetensors). For several images, an existing folder.",
           output);
  add_text(app, "--save-logits", &a.save_logits, "F.npy",
           "Write the low-resolution logits: float32 [masks, side, side], or [prompts, masks, "
           "side, side] for several prompts. For several images, an existing folder.",
           output);

  add_model_option(app, &a.model);
  add_parts_options(app, &a.parts);
  add_runtime_options(app, &a.run);
  add_common_options(app, &a, true,
                     "One JSON object per image and line on standard output: size, masks "
                     "(iou_prediction, area, bbox_xyxy, bbox_xywh, rle), timings in ms, files.");
  add_integer(app, "--jobs", &a.jobs, 1, 1024,
              "Images at a time, which share the threads and take turns on the GPUs. More than one "
              "gives more images per second, and takes the memory of as many. Default: the number "
              "of GPUs of --device, 1 on the CPU.",
              "Running");
  describe_command(
      app,
      "lasso segment IMAGE... [--model FILE | --encoder FILE... --decoder FILE]\n"
      "                     [--point X,Y[,LABEL]]...\n"
      "                     [--box X0,Y0,X1,Y1]... [--prompts F.jsonl|-] [-o DIR] [OPTIONS]",
      kEpilogue);
  set_action(app, arguments, run_segment, action);
}

}  // namespace lasso::app
