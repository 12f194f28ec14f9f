#include "cli/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <sstream>
#include <string_view>
#include <vector>

#include "cli/console.h"
#include "cli/values.h"
#include "lasso/machine.h"

namespace lasso::app {

namespace {

constexpr const char* kRunGroup = "Running";
constexpr const char* kModelGroup = "Model";
constexpr const char* kOutputGroup = "Messages";

constexpr std::size_t kTextColumn = 28;
constexpr std::size_t kLineWidth = 96;

// Usage line and epilogue of each command, which CLI11 has no place for.
std::map<const CLI::App*, std::string>& usages() {
  static std::map<const CLI::App*, std::string> instance;
  return instance;
}

// Breaks `text` at spaces; a line feed in it begins a new line.
std::string wrap(const std::string& text, std::size_t indent) {
  std::string result;
  std::istringstream lines(text);
  std::string line;
  bool first_line = true;
  while (std::getline(lines, line)) {
    if (!first_line) result += "\n" + std::string(indent, ' ');
    first_line = false;
    std::istringstream words(line);
    std::string word;
    std::size_t column = indent;
    while (words >> word) {
      if (column > indent && column + 1 + word.size() > kLineWidth) {
        result += "\n" + std::string(indent, ' ');
        column = indent;
      }
      if (column > indent) {
        result += ' ';
        ++column;
      }
      result += word;
      column += word.size();
    }
  }
  return result;
}

std::string entry(const std::string& left, const std::string& text) {
  std::string line = std::string(2, ' ') + left;
  if (line.size() + 2 > kTextColumn) {
    line += "\n" + std::string(kTextColumn, ' ');
  } else {
    line.append(kTextColumn - line.size(), ' ');
  }
  return line + wrap(text, kTextColumn) + "\n";
}

std::string option_left(const CLI::Option* option) {
  std::string left = option->get_name(option->get_positional(), true);
  std::replace(left.begin(), left.end(), ',', ' ');
  if (const std::size_t space = left.find(' '); space != std::string::npos) {
    left.replace(space, 1, ", ");
  }
  if (!option->get_positional() && option->get_type_size() > 0) {
    left += " " + option->get_type_name();
  }
  return left;
}

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
  (void)name;
  (void)mode;
  std::string help;
  const auto usage = usages().find(app);
  help += app->get_description() + "\n\n";
  if (usage != usages().end()) help += "Usage: " + usage->second + "\n";

  const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
  if (!commands.empty()) {
    help += "\nCommands:\n";
    for (const CLI::App* command : commands) {
      help += entry(command->get_name(), command->get_description());
    }
  }
  for (const std::string& group : app->get_groups()) {
    const auto options = app->get_options(
        [&](const CLI::Option* option) { return option->get_group() == group && !group.empty(); });
    if (options.empty()) continue;
    help += "\n" + group + ":\n";
    for (const CLI::Option* option : options) {
      help += entry(option_left(option), option->get_description());
    }
  }
  if (!app->get_footer().empty()) help += "\n" + app->get_footer();
  return help;
}

void describe_command(CLI::App* app, const std::string& usage, const std::string& epilogue) {
  usages()[app] = usage;
  app->footer(epilogue);
  app->set_help_flag("-h,--help", "Show this text and exit.")->group(kOutputGroup);
}

std::string closest_option(const CLI::App& app, const std::string& mistyped) {
  const std::string name = mistyped.substr(0, mistyped.find('='));
  std::string best;
  std::size_t best_distance = 3;  // more is no typing error
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& candidate : option->get_lnames()) {
      const std::size_t distance = edit_distance(name, "--" + candidate);
      if (distance < best_distance) {
        best_distance = distance;
        best = "--" + candidate;
      }
    }
  }
  return best;
}

std::string not_empty(const std::string& text) { return text.empty() ? "the value is empty" : ""; }

CLI::Option* add_text(CLI::App* app, const std::string& name, std::string* value,
                      const std::string& placeholder, const std::string& description,
                      const std::string& group) {
  return app->add_option(name, *value, description)
      ->type_name(placeholder)
      ->check(not_empty)
      ->group(group);
}

CLI::Option* add_switch(CLI::App* app, const std::string& name, bool* value,
                        const std::string& description, const std::string& group) {
  return app->add_flag(name, *value, description)->group(group);
}

void add_integer(CLI::App* app, const std::string& name, std::int64_t* value, std::int64_t min,
                 std::int64_t max, const std::string& description, const std::string& group,
                 const std::string& placeholder) {
  app->add_option_function<std::string>(
         name, [=](const std::string& text) { *value = parse_integer(name, text, min, max); },
         description)
      ->type_name(placeholder)
      ->group(group);
}

void add_integer(CLI::App* app, const std::string& name, int* value, int min, int max,
                 const std::string& description, const std::string& group,
                 const std::string& placeholder) {
  app->add_option_function<std::string>(
         name,
         [=](const std::string& text) {
           *value = static_cast<int>(parse_integer(name, text, min, max));
         },
         description)
      ->type_name(placeholder)
      ->group(group);
}

void add_output_options(CLI::App* app, OutputOptions* options, const std::string& json_help) {
  add_switch(app, "--json", &options->json, json_help, kOutputGroup);
  CLI::Option* verbose = add_switch(app, "-v,--verbose", &options->verbose,
                                    "Say more, on standard error.", kOutputGroup);
  add_switch(app, "-q,--quiet", &options->quiet, "Say nothing but errors (and JSON).", kOutputGroup)
      ->excludes(verbose);
}

void begin(const OutputOptions& options) {
  if (!cpu_is_supported()) {
    throw Failure(Exit::kUnsupported, "this CPU has no AVX2, FMA and BMI2, which Lasso needs");
  }
  configure_console(options.quiet, options.verbose);
}

void add_run_options(CLI::App* app, RunOptions* options, bool variants) {
  add_text(app, "--device", &options->device, "D",
           "Device to run on: cpu, the only one in this release.", kRunGroup);
  add_text(app, "--precision", &options->precision, "P",
           "Numbers of the image encoder's linear layers: fp32, bf16 (needs AVX-512 BF16) or int8; "
           "with \"build\" also auto, which measures. Default: fp32.",
           kRunGroup);
  add_integer(app, "--threads", &options->threads, 1, 4096,
              "Threads. Default: the physical cores that the process may use.", kRunGroup);
  if (!variants) return;
  add_text(app, "--isa", &options->isa, "ISA",
           "Use no better instructions than avx2, avx_vnni, avx512, avx512_vnni or avx512_bf16; "
           "LASSO_MAX_ISA, if lower, still holds. Default: the best that the CPU has.",
           kRunGroup);
  add_text(app, "--kernels", &options->kernels, "KIND",
           "fast, or reference: plain loops, slow, the specification of the fast ones. "
           "Default: fast.",
           kRunGroup);
}

const std::vector<std::string>& precision_names() {
  static const std::vector<std::string> names = {"fp32", "bf16", "int8"};
  return names;
}

const std::vector<std::string>& isa_names() {
  static const std::vector<std::string> names = {"avx2", "avx_vnni", "avx512", "avx512_vnni",
                                                 "avx512_bf16"};
  return names;
}

void cap_isa(const std::string& isa) {
  if (isa.empty()) return;
  const char* outer = std::getenv("LASSO_MAX_ISA");
  if (outer != nullptr && *outer != '\0') {
    const auto rank = [](std::string_view name) {
      return std::find(isa_names().begin(), isa_names().end(), name) - isa_names().begin();
    };
    const auto outer_rank = rank(outer);
    // The library names an unknown value itself.
    const bool known = outer_rank < static_cast<std::ptrdiff_t>(isa_names().size());
    if (!known || outer_rank <= rank(isa)) return;
  }
  setenv("LASSO_MAX_ISA", isa.c_str(), 1);
}

void apply(const RunOptions& options) {
  const bool cuda = options.device.rfind("cuda", 0) == 0;
  if (cuda) {
    throw Failure(Exit::kUnsupported,
                  fmt::format("--device {}: this release of Lasso runs on the CPU only; use "
                              "--device cpu",
                              options.device));
  }
  parse_choice("--device", options.device, {"cpu"});
  check_precision(options, precision_names());
  parse_choice("--kernels", options.kernels, {"fast", "reference"});
  if (!options.isa.empty()) parse_choice("--isa", options.isa, isa_names());
  cap_isa(options.isa);
  require_precision(options);
}

void check_precision(const RunOptions& options, const std::vector<std::string>& known) {
  if (options.precision == "fp16" || options.precision == "fp8") {
    throw Failure(Exit::kUnsupported, fmt::format("--precision {}: this release of Lasso has fp32, "
                                                  "bf16 and int8 on the CPU",
                                                  options.precision));
  }
  if (!options.precision.empty()) parse_choice("--precision", options.precision, known);
}

void require_precision(const RunOptions& options) {
  if (options.precision != "bf16" || options.kernels == "reference") return;
  const std::string isa = lasso::machine_info().isa;
  if (isa == "avx512_bf16") return;
  throw Failure(
      Exit::kUnsupported,
      fmt::format("precision bf16 needs avx512_bf16, and this CPU has, or may use, no more "
                  "than {}; int8 and fp32 run on it",
                  isa));
}

void add_model_option(CLI::App* app, ModelOptions* options) {
  add_text(app, "-m,--model", &options->model, "FILE",
           "SAM checkpoint (.pth, .pt or .safetensors) of any size, or an engine file (.lasso). "
           "Default: the demo checkpoint that comes with Lasso, or what LASSO_MODEL names.",
           kModelGroup);
}

void add_verify_option(CLI::App* app, ModelOptions* options) {
  add_switch(app, "--verify", &options->verify,
             "Compare the weights of an engine file with their checksum, which reads all of them.",
             kModelGroup);
}

void add_description_options(CLI::App* app, ModelOptions* options) {
  add_text(app, "--preprocess", &options->preprocess, "NAME",
           "How images are prepared: sam (longest side resized, padded), or medsam (stretched to "
           "the square, scaled to [0, 1]). Default: sam.",
           kModelGroup);
  add_text(app, "--config", &options->config, "F.json",
           "What the tensors' shapes do not tell about the model.", kModelGroup);
}

}  // namespace lasso::app
