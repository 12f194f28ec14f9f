// lasso bench speed: times of loading, encoder, decoder and the whole, with or without a
// checkpoint.

#include "bench_speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "console.h"
#include "lasso/context.h"
#include "lasso/version.h"
#include "model.h"
#include "prompts.h"
#include "statistics.h"
#include "synthetic.h"
#include "table.h"
#include "values.h"

namespace lasso::cli {

namespace {

struct BenchArguments {
  std::string arch;
  bool random = false;
  int warm_up = 1;
  int iterations = 5;
  std::string limit = "60";
  std::string prompts = "1,16,64";
  std::string image;
  ModelOptions model;
  RunOptions run;
  OutputOptions output;
};

// One thing that was measured.
struct Item {
  std::string name;
  int prompts = 0;  // 0: does not depend on prompts
  std::vector<double> ms;
  double gflop = 0;  // 0: not counted
  bool complete = true;
};

struct Machine {
  std::string cpu;
  int threads = 0;
  std::string isa;
};

// The value of "key : value" in a file of /proc.
std::string proc_value(const char* path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind(key, 0) != 0) continue;
    const std::size_t begin = line.find_first_not_of(" \t", line.find(':') + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

// Peak of the process's resident memory.
std::int64_t peak_rss_bytes() {
  const std::string text = proc_value("/proc/self/status", "VmHWM");  // "123456 kB"
  return std::strtoll(text.c_str(), nullptr, 10) * 1024;
}

double program_gflop(const EngineInfo& info, const std::string& name) {
  double gflop = 0;
  for (const ProgramInfo& program : info.programs) {
    if (program.name != name) continue;
    for (const LayerInfo& layer : program.layers) gflop += layer.gflop;
  }
  return gflop;
}

// Points spread over the image, one a prompt.
std::vector<Prompt> spread_prompts(int count, int width, int height) {
  const int columns = static_cast<int>(std::ceil(std::sqrt(count)));
  const int rows = (count + columns - 1) / columns;
  std::vector<Prompt> prompts;
  for (int i = 0; i < count; ++i) {
    const int column = i % columns;
    const int row = i / columns;
    Prompt prompt;
    prompt.points.push_back(
        {static_cast<float>(width * (2 * column + 1)) / static_cast<float>(2 * columns),
         static_cast<float>(height * (2 * row + 1)) / static_cast<float>(2 * rows)});
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

OpenModel open_random(const BenchArguments& arguments) {
  SamArch arch = SamArch::kVitB;
  if (arguments.arch == "vit_l") arch = SamArch::kVitL;
  if (arguments.arch == "vit_h") arch = SamArch::kVitH;
  lasso::EngineOptions options;
  options.kernels = arguments.run.kernel_choice();
  options.preprocess = arguments.model.preprocess;
  const Progress progress("building " + arguments.arch + " with random weights");
  const auto start = std::chrono::steady_clock::now();
  lasso::Engine engine = open_engine([&] { return lasso::Engine::random(arch, 1, options); });
  return {std::move(engine), arguments.arch + " with random weights", milliseconds_since(start)};
}

OpenModel open_for_bench(const BenchArguments& arguments) {
  if (arguments.arch.empty() && !arguments.random) {
    return open_model(arguments.model, arguments.run);
  }
  if (!arguments.model.model.empty()) {
    usage_error("--model {} with {}: give a checkpoint, or --arch with --random",
                arguments.model.model, arguments.random ? "--random" : "--arch");
  }
  if (arguments.arch.empty())
    usage_error("--random: expected --arch vit_b, vit_l or vit_h with it");
  parse_choice("--arch", arguments.arch, {"vit_b", "vit_l", "vit_h"});
  if (!arguments.random) {
    usage_error(
        "--arch {}: add --random to build it with random weights, or give a checkpoint "
        "with --model",
        arguments.arch);
  }
  return open_random(arguments);
}

// Preprocessing and encoder, from the same runs.
void measure_encoder(const Plan& plan, const Image& image, Context* context,
                     std::vector<Item>* items) {
  Item preprocess{"preprocess", 0, {}, 0};
  Item encode{"encode", 0, {}, program_gflop(context->engine().info(), "image_encoder")};
  int run = 0;
  Progress progress("encoding");
  encode.complete = repeat(plan, [&](bool measured) {
    progress.set(fmt::format("encoding, run {} of {}", ++run, plan.warm_up + plan.iterations));
    context->encode(image.view());
    if (!measured) return;
    preprocess.ms.push_back(context->last_timings().preprocess_ms);
    encode.ms.push_back(context->last_timings().encode_ms);
  });
  preprocess.complete = encode.complete;
  items->push_back(std::move(preprocess));
  items->push_back(std::move(encode));
}

// Decoder and postprocessing for so many prompts in one call.
void measure_decoder(const Plan& plan, const Embedding& embedding, int count, Context* context,
                     std::vector<Item>* items) {
  const auto prompts = spread_prompts(count, embedding.image_width(), embedding.image_height());
  Item decode{"decode", count, {}, program_gflop(context->engine().info(), "mask_decoder") * count};
  Item postprocess{"postprocess", count, {}, 0};
  const Progress progress(fmt::format("decoding {} prompts", count));
  decode.complete = repeat(plan, [&](bool measured) {
    context->segment(embedding, prompts);
    if (!measured) return;
    decode.ms.push_back(context->last_timings().decode_ms);
    postprocess.ms.push_back(context->last_timings().postprocess_ms);
  });
  postprocess.complete = decode.complete;
  items->push_back(std::move(decode));
  items->push_back(std::move(postprocess));
}

// From the image's pixels to one mask of its size.
void measure_all(const Plan& plan, const Image& image, Context* context, std::vector<Item>* items) {
  Item item{"image to mask", 1, {}, 0};
  const std::vector<Prompt> prompts = spread_prompts(1, image.width, image.height);
  const Progress progress("from image to mask");
  item.complete = repeat(plan, [&](bool measured) {
    const auto start = std::chrono::steady_clock::now();
    const Embedding embedding = context->encode(image.view());
    context->segment(embedding, prompts);
    if (measured) item.ms.push_back(milliseconds_since(start));
  });
  items->push_back(std::move(item));
}

Json to_json(const Item& item) {
  const Statistics s = summarize(item.ms);
  Json json = {{"name", item.name}};
  if (item.prompts > 0) json["prompts"] = item.prompts;
  json["runs"] = s.runs;
  json["median_ms"] = s.median;
  json["p95_ms"] = s.p95;
  json["mean_ms"] = s.mean;
  json["min_ms"] = s.min;
  if (item.gflop > 0) {
    json["gflop"] = item.gflop;
    json["gflop_per_s"] = s.median > 0 ? Json(item.gflop / s.median * 1000) : Json();
  }
  json["complete"] = item.complete;
  return json;
}

void print_json(const OpenModel& model, const Machine& machine, const Image& image,
                const Plan& plan, const std::vector<Item>& items) {
  Json json = {
      {"version", LASSO_VERSION},
      {"model", model.engine.info().model},
      {"file", model.path},
      {"precision", model.engine.info().precision},
      {"machine", {{"cpu", machine.cpu}, {"threads", machine.threads}, {"isa", machine.isa}}},
      {"image", {{"width", image.width}, {"height", image.height}}},
      {"warm_up", plan.warm_up},
      {"iterations", plan.iterations},
      {"items", Json::array()}};
  for (const Item& item : items) json["items"].push_back(to_json(item));
  json["peak_rss_bytes"] = peak_rss_bytes();
  print(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string milliseconds(double ms) { return fmt::format("{:.{}f}", ms, ms < 100 ? 2 : 0); }

void print_text(const OpenModel& model, const Machine& machine, const Image& image,
                const std::vector<Item>& items) {
  const EngineInfo& info = model.engine.info();
  print(fmt::format("{}  {}", styled(Style::kBold, info.model), printable(model.path)));
  print(fmt::format("lasso {}  {}  {}  {}, {} thread{}", LASSO_VERSION, info.precision, machine.cpu,
                    machine.isa, machine.threads, machine.threads == 1 ? "" : "s"));
  print(fmt::format("image of {} x {} pixels; times in ms", image.width, image.height));
  Table table({{""},
               {"prompts", Align::kRight},
               {"runs", Align::kRight},
               {"median", Align::kRight},
               {"p95", Align::kRight},
               {"mean", Align::kRight},
               {"min", Align::kRight},
               {"GFLOP", Align::kRight},
               {"GFLOP/s", Align::kRight}});
  for (const Item& item : items) {
    const Statistics s = summarize(item.ms);
    const bool counted = item.gflop > 0 && s.median > 0;
    table.add({item.name, item.prompts > 0 ? fmt::format("{}", item.prompts) : "",
               fmt::format("{}{}", s.runs, item.complete ? "" : "*"), milliseconds(s.median),
               milliseconds(s.p95), milliseconds(s.mean), milliseconds(s.min),
               counted ? fmt::format("{:.3g}", item.gflop) : "",
               counted ? fmt::format("{:.1f}", item.gflop / s.median * 1000) : ""});
  }
  print(table.text());
  print(fmt::format("peak memory {:.0f} MiB", static_cast<double>(peak_rss_bytes()) / 1048576));
  const bool all_complete =
      std::all_of(items.begin(), items.end(), [](const Item& item) { return item.complete; });
  if (!all_complete) print("* fewer runs than asked for: the time limit was reached");
}

Exit run_bench_speed(const BenchArguments& arguments) {
  const Plan plan{arguments.warm_up, arguments.iterations,
                  parse_positive("--limit", arguments.limit)};
  const auto counts = parse_integers("--prompts-per-call", arguments.prompts, 1, 4096);
  apply(arguments.run);
  const Image image = load_picture(arguments.image, 1920, 1080);
  const OpenModel model = open_for_bench(arguments);
  Context context(model.engine, {arguments.run.threads});

  std::vector<Item> items;
  items.push_back({arguments.random ? "build" : "load", 0, {model.load_ms}, 0});
  measure_encoder(plan, image, &context, &items);
  {
    const Embedding embedding = context.encode(image.view());
    for (const std::int64_t count : counts) {
      measure_decoder(plan, embedding, static_cast<int>(count), &context, &items);
    }
  }
  measure_all(plan, image, &context, &items);

  const Machine machine{proc_value("/proc/cpuinfo", "model name"), context.threads(),
                        model.engine.info().isa};
  if (arguments.output.json) {
    print_json(model, machine, image, plan, items);
  } else {
    print_text(model, machine, image, items);
  }
  return Exit::kDone;
}

constexpr const char* kEpilogue =
    R"(load and build are done once. encode is the image encoder alone, decode the prompt encoder and mask
decoder for all prompts of a call together, postprocess the masks at the image's size, and "image to
mask" everything after reading the file. GFLOP counts a multiplication and an addition as two.

Examples:
  lasso bench speed --arch vit_b --random
  lasso bench speed --model sam_vit_h_4b8939.pth --iterations 10 --threads 8 --json
)";

}  // namespace

void add_bench_speed(CLI::App* parent, Action* action) {
  CLI::App* app = parent->add_subcommand("speed", "Times of loading, encoder and decoder.");
  const auto arguments = std::make_shared<BenchArguments>();
  BenchArguments& a = *arguments;
  const std::string group = "What to measure";
  add_model_option(app, &a.model);
  add_text(app, "--arch", &a.arch, "ARCH",
           "With --random: the architecture to build, vit_b, vit_l or vit_h.", "Model");
  add_switch(app, "--random", &a.random,
             "Random weights made in memory: measures speed without a checkpoint.", "Model");
  add_description_options(app, &a.model);
  add_integer(app, "--warmup", &a.warm_up, 0, 1000, "Runs before those that count. Default: 1.",
              group);
  add_integer(app, "--iterations", &a.iterations, 1, 1000000000, "Runs that count. Default: 5.",
              group);
  add_text(app, "--limit", &a.limit, "SECONDS",
           "Begin no further run of an item after so long. Default: 60.", group);
  add_text(app, "--prompts-per-call", &a.prompts, "LIST",
           "Numbers of prompts that the decoder answers in one call. Default: 1,16,64.", group);
  add_text(app, "--image", &a.image, "FILE",
           "Picture to encode. Default: one of 1920 x 1080 pixels that is made up.", group);
  add_run_options(app, &a.run, true);
  add_output_options(app, &a.output, "One JSON object on standard output.");
  describe_command(app, "lasso bench speed [--model FILE | --arch ARCH --random] [OPTIONS]",
                   kEpilogue);
  app->callback([=] {
    begin(arguments->output);
    *action = [=] { return run_bench_speed(*arguments); };
  });
}

}  // namespace lasso::cli
