// lasso compare: two kernels, precisions, devices or files, value by value and layer by layer.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/compare/compare_layer.h"
#include "cli/compare/compare_side.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/table.h"
#include "cli/values.h"
#include "common/text.h"
#include "core/tensor.h"
#include "lasso/mask.h"

namespace lasso::app {

namespace {

struct CompareArguments : CommonArguments {
  std::vector<std::string> operands;
  std::vector<std::string> devices;
  bool layers = false;
  std::string tolerance = "1e-4";
  std::string image;
  std::vector<std::string> points;
  std::string box;
};

struct MaskDifference {
  std::optional<double> iou;  // none where both masks are empty
  std::int64_t pixels = 0;
  std::int64_t differing = 0;
};

struct Comparison {
  OrderedJson info_a;
  OrderedJson info_b;
  std::vector<LayerDifference> layers;
  std::vector<LayerDifference> results;
  std::vector<std::string> only_a;
  std::vector<std::string> only_b;
  std::vector<MaskDifference> masks;
  std::vector<std::string> failures;  // of sides that end without results: "FILE@VARIANT: why"
};

// One device is both sides', of two each has its own.
RunOptions run_options(const CompareArguments& arguments) {
  RunOptions run = arguments.run;
  for (const std::string& device : arguments.devices) parse_device("--device", device);
  if (arguments.devices.size() == 1) run.device = arguments.devices.front();
  apply(run);
  return run;
}

std::array<Operand, 2> choose_operands(const CompareArguments& arguments) {
  const Operand a = parse_operand(arguments.operands.front(), "fast");
  const bool alone = arguments.operands.size() == 1;
  if (arguments.devices.size() < 2) {
    const Operand b =
        alone ? Operand{a.file, "reference"} : parse_operand(arguments.operands[1], "fast");
    return {a, b};
  }
  const Operand b = alone ? a : parse_operand(arguments.operands[1], "fast");
  for (const Operand* operand : {&a, &b}) {
    if (!names_device(*operand)) continue;
    usage_error("{}: names a device, and --device is given twice", operand->text());
  }
  return {on_device(a, arguments.devices.front()), on_device(b, arguments.devices.back())};
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
  return task;
}

LayerDifference compare_tensors(Side* a, Side* b) {
  LayerDifference layer;
  layer.key = a->current().key();
  layer.shape_a = a->current().meta.at("shape").get<std::vector<std::int64_t>>();
  layer.shape_b = b->current().meta.at("shape").get<std::vector<std::int64_t>>();
  if (layer.shape_a != layer.shape_b) return layer;
  constexpr std::size_t kChunk = 1 << 16;
  std::vector<float> values_a(kChunk);
  std::vector<float> values_b(kChunk);
  for (std::uint64_t rest = a->current().count; rest > 0;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(rest, kChunk));
    a->read_values(values_a.data(), count);
    b->read_values(values_b.data(), count);
    layer.values.add(values_a.data(), values_b.data(), count);
    rest -= count;
  }
  return layer;
}

Mask read_mask(const Record& record) {
  return decode_rle(rle_from_string(record.meta.at("rle").get<std::string>(),
                                    record.meta.at("width").get<int>(),
                                    record.meta.at("height").get<int>()));
}

MaskDifference compare_masks(const Record& a, const Record& b) {
  const Mask mask_a = read_mask(a);
  const Mask mask_b = read_mask(b);
  MaskDifference difference;
  if (mask_area(mask_a) > 0 || mask_area(mask_b) > 0) difference.iou = mask_iou(mask_a, mask_b);
  difference.pixels = static_cast<std::int64_t>(mask_a.data.size());
  for (std::size_t i = 0; i < mask_a.data.size(); ++i) {
    difference.differing += mask_a.data[i] != mask_b.data[i] ? 1 : 0;
  }
  return difference;
}

// True where a side has ended without results.
bool add_failure(const Record& record, const std::string& name, Comparison* comparison) {
  if (record.kind != RecordKind::kEnd || !record.meta.contains("failure")) return false;
  comparison->failures.push_back(name + ": " + record.meta.at("failure").get<std::string>());
  return true;
}

// Walks both streams in step. Where the sides run different layers (other kernels may split an
// operation), those that one side lacks are passed over. Ends where a side ends without results.
Comparison compare_sides(Side* a, Side* b, Progress* progress) {
  Comparison comparison;
  comparison.info_a = a->next().meta;
  comparison.info_b = b->next().meta;
  const auto known_a = comparison.info_a.at("layers").get<std::set<std::string>>();
  const auto known_b = comparison.info_b.at("layers").get<std::set<std::string>>();
  a->next();
  b->next();
  while (true) {
    const Record& record_a = a->current();
    const Record& record_b = b->current();
    const bool a_failed = add_failure(record_a, a->name(), &comparison);
    const bool b_failed = add_failure(record_b, b->name(), &comparison);
    if (a_failed || b_failed) return comparison;
    const bool tensor_a = record_a.kind == RecordKind::kTensor;
    const bool tensor_b = record_b.kind == RecordKind::kTensor;
    const std::string key_a = tensor_a ? record_a.key() : "";
    const std::string key_b = tensor_b ? record_b.key() : "";
    if (tensor_a && tensor_b && key_a == key_b) {
      LayerDifference layer = compare_tensors(a, b);
      const bool result = key_a.rfind("results/", 0) == 0;
      (result ? comparison.results : comparison.layers).push_back(std::move(layer));
      progress->set(fmt::format("comparing layer {}: {}", comparison.layers.size(), key_a));
    } else if (tensor_a && known_a.count(key_a) > 0 && known_b.count(key_a) == 0) {
      comparison.only_a.push_back(key_a);
      a->next();
      continue;
    } else if (tensor_b && known_b.count(key_b) > 0 && known_a.count(key_b) == 0) {
      comparison.only_b.push_back(key_b);
      b->next();
      continue;
    } else if (record_a.kind == RecordKind::kMask && record_b.kind == RecordKind::kMask) {
      comparison.masks.push_back(compare_masks(record_a, record_b));
    } else if (record_a.kind == RecordKind::kEnd && record_b.kind == RecordKind::kEnd) {
      return comparison;
    } else {
      throw Failure(Exit::kThresholdMissed,
                    fmt::format("the two sides run different layers: {} against {}",
                                tensor_a ? key_a : "the end", tensor_b ? key_b : "the end"));
    }
    a->next();
    b->next();
  }
}

bool diverges(const LayerDifference& layer, double tolerance) {
  return !(layer.relative() <= tolerance);
}

// The first of the layers, or else of the results, above the tolerance; null if there is none.
const LayerDifference* first_divergence(const Comparison& comparison, double tolerance) {
  for (const auto* list : {&comparison.layers, &comparison.results}) {
    for (const LayerDifference& layer : *list) {
      if (diverges(layer, tolerance)) return &layer;
    }
  }
  return nullptr;
}

const LayerDifference* worst_layer(const Comparison& comparison) {
  const auto worst =
      std::max_element(comparison.layers.begin(), comparison.layers.end(),
                       [](const auto& a, const auto& b) { return a.relative() < b.relative(); });
  return worst == comparison.layers.end() ? nullptr : &*worst;
}

// JSON has no infinity.
OrderedJson number(double value) {
  return std::isfinite(value) ? OrderedJson(value) : OrderedJson("inf");
}
OrderedJson number(float value) {
  if (std::isnan(value)) return "nan";
  return std::isfinite(value) ? OrderedJson(value) : OrderedJson(value > 0 ? "inf" : "-inf");
}

OrderedJson layer_json(const LayerDifference& layer) {
  OrderedJson json = {
      {"layer", layer.key}, {"shape", layer.shape_a}, {"relative_error", number(layer.relative())}};
  if (layer.shape_a != layer.shape_b) {
    json["shape_b"] = layer.shape_b;
    return json;
  }
  json["max_abs_difference"] = number(std::max(layer.values.max_abs(), 0.0));
  json["index"] = layer.index_text();
  json["a"] = number(layer.values.a());
  json["b"] = number(layer.values.b());
  json["not_finite_a"] = layer.values.not_finite_a();
  json["not_finite_b"] = layer.values.not_finite_b();
  return json;
}

OrderedJson to_json(const Comparison& comparison, const Operand& a, const Operand& b,
                    double tolerance, bool layers) {
  const auto side = [](const Operand& operand, const OrderedJson& info) {
    return OrderedJson{{"file", json_name(operand.file)}, {"variant", operand.variant},
                       {"model", info.at("model")},       {"model_hash", info.at("model_hash")},
                       {"device", info.at("device")},     {"isa", info.at("isa")},
                       {"threads", info.at("threads")}};
  };
  const LayerDifference* first = first_divergence(comparison, tolerance);
  const LayerDifference* worst = worst_layer(comparison);
  OrderedJson json = {{"a", side(a, comparison.info_a)},
                      {"b", side(b, comparison.info_b)},
                      {"tolerance", tolerance},
                      {"equal_within_tolerance", first == nullptr && comparison.failures.empty()},
                      {"layer_count", comparison.layers.size()},
                      {"worst", worst != nullptr ? layer_json(*worst) : OrderedJson()},
                      {"first_divergence", first != nullptr ? layer_json(*first) : OrderedJson()},
                      {"results", OrderedJson::array()},
                      {"masks", OrderedJson::array()},
                      {"only_a", comparison.only_a},
                      {"only_b", comparison.only_b},
                      {"failures", comparison.failures}};
  for (const LayerDifference& result : comparison.results) {
    json["results"].push_back(layer_json(result));
  }
  for (const MaskDifference& mask : comparison.masks) {
    json["masks"].push_back({{"iou", mask.iou ? OrderedJson(*mask.iou) : OrderedJson()},
                             {"both_empty", !mask.iou},
                             {"pixels", mask.pixels},
                             {"differing_pixels", mask.differing}});
  }
  if (layers) {
    json["layers"] = OrderedJson::array();
    for (const LayerDifference& layer : comparison.layers) {
      json["layers"].push_back(layer_json(layer));
    }
  }
  return json;
}

void add_row(Table* table, const LayerDifference& layer, double tolerance,
             const LayerDifference* first) {
  const bool same_shape = layer.shape_a == layer.shape_b;
  const std::uint64_t bad_a = layer.values.not_finite_a();
  const std::uint64_t bad_b = layer.values.not_finite_b();
  std::string mark;
  if (&layer == first) {
    mark = "<- first divergence";
  } else if (diverges(layer, tolerance)) {
    mark = "<- above";
  }
  table->add({layer.key,
              same_shape ? to_string(layer.shape_a)
                         : to_string(layer.shape_a) + " " + to_string(layer.shape_b),
              same_shape ? fmt::format("{:.2e}", std::max(layer.values.max_abs(), 0.0)) : "",
              fmt::format("{:.2e}", layer.relative()),
              bad_a + bad_b > 0 ? fmt::format("{}/{}", bad_a, bad_b) : "", mark},
             diverges(layer, tolerance) ? Style::kRed : Style::kPlain);
}

std::string divergence_text(const LayerDifference& layer) {
  if (layer.shape_a != layer.shape_b) {
    return fmt::format("first divergence: {}, shapes {} and {}", layer.key,
                       to_string(layer.shape_a), to_string(layer.shape_b));
  }
  return fmt::format("first divergence: {} (relative error {:.2e}), most at {}: A {}, B {}",
                     layer.key, layer.relative(), layer.index_text(), layer.values.a(),
                     layer.values.b());
}

void print_comparison(const Comparison& comparison, const Operand& a, const Operand& b,
                      double tolerance, bool layers) {
  const auto side = [](const char* name, const Operand& operand, const OrderedJson& info) {
    const bool reference = operand.variant == "reference";
    print(fmt::format("{}  {}  {}, {}", styled(Style::kBold, name), printable(operand.text()),
                      info.at("model").get<std::string>(),
                      reference ? "reference kernels" : info.at("isa").get<std::string>()));
  };
  side("A", a, comparison.info_a);
  side("B", b, comparison.info_b);

  const LayerDifference* first = first_divergence(comparison, tolerance);
  Table table({{"layer"},
               {"shape"},
               {"max |A-B|", Align::kRight},
               {"|A-B|/|B|", Align::kRight},
               {"not finite A/B", Align::kRight},
               {""}});
  if (layers) {
    for (const LayerDifference& layer : comparison.layers) {
      add_row(&table, layer, tolerance, first);
    }
  }
  for (const LayerDifference& result : comparison.results) {
    add_row(&table, result, tolerance, first);
  }
  print(table.text());
  for (const MaskDifference& mask : comparison.masks) {
    if (!mask.iou) {
      print("  both masks are empty, and have no IoU");
      continue;
    }
    print(fmt::format("  mask IoU {:.6f} ({} of {} pixels differ)", *mask.iou, mask.differing,
                      mask.pixels));
  }
  const std::size_t only = comparison.only_a.size() + comparison.only_b.size();
  if (only > 0) print(fmt::format("  {} layers exist on one side only", only));
  if (const LayerDifference* worst = worst_layer(comparison)) {
    print(fmt::format("{} layers compared, worst relative error {:.2e} in {}",
                      comparison.layers.size(), worst->relative(), worst->key));
  }
  if (first != nullptr) {
    print(styled(Style::kRed, divergence_text(*first)));
  } else if (comparison.failures.empty()) {
    print(styled(Style::kGreen, fmt::format("all within the tolerance of {:g}", tolerance)));
  }
}

Exit run_compare(const CompareArguments& arguments) {
  const double tolerance = parse_positive("--tolerance", arguments.tolerance);
  const auto [a, b] = choose_operands(arguments);
  const SideTask task = make_task(arguments);
  // Forked before this process has threads.
  Side side_a(a, task);
  Side side_b(b, task);
  Comparison comparison;
  {
    Progress progress("loading two models");
    comparison = compare_sides(&side_a, &side_b, &progress);
  }
  if (arguments.output.json) {
    print(json_line(to_json(comparison, a, b, tolerance, arguments.layers)));
  } else if (!quiet()) {
    print_comparison(comparison, a, b, tolerance, arguments.layers);
  }
  for (const std::string& failure : comparison.failures) print_error(failure);
  const LayerDifference* first = first_divergence(comparison, tolerance);
  if (first == nullptr) return comparison.failures.empty() ? Exit::kDone : Exit::kUnsupported;
  print_error(fmt::format("{} and {} differ by more than {:g}, first in {}", a.text(), b.text(),
                          tolerance, first->key));
  return Exit::kThresholdMissed;
}

constexpr const char* kEpilogue =
    R"(VARIANT is fast (the default) or reference (plain loops, slow); a precision, fp32, fp16, bf16 or
int8; a device, cpu, cuda or cuda:1, in place of --device; an instruction set, avx2, avx_vnni,
avx512, avx512_vnni or avx512_bf16 (the fast kernels with no better instructions; LASSO_MAX_ISA, if
lower, still holds), or a GPU's, such as sm_80; or several of these with +, as in
model.pth@int8+avx2 or model.pth@cuda+bf16. The reference kernels run on the CPU, whatever --device
is. An engine file has its precision and device, and no reference kernels to be compared with.
Both sides see the same picture and prompt and run at the same time, each in a process of its own.
The relative error of a layer is |A-B| / |B| in Euclidean norms.

Exit status: 0 if every layer is within the tolerance, 6 if not; else as with "lasso segment".

Examples:
  lasso compare sam_vit_b_01ec64.pth --layers
  lasso compare model.pth@avx512 model.pth@avx2 --image truck.jpg --point 500,375
  lasso compare model.pth converted.safetensors --tolerance 1e-6 --json
  lasso compare model.pth --device cpu --device cuda
  lasso compare model.pth@cuda+bf16 model.pth --tolerance 0.02
)";

}  // namespace

void add_compare(CLI::App* parent, Action* action) {
  CLI::App* app = parent->add_subcommand(
      "compare", "Two kernels, precisions, devices or files, value by value and layer by layer.");
  const auto arguments = std::make_shared<CompareArguments>();
  const std::string input = "What to compare";
  app->add_option("FILE[@VARIANT]", arguments->operands,
                  "One or two checkpoints or engine files. A checkpoint alone is compared with its "
                  "reference kernels, or, with --device twice, with itself.")
      ->required()
      ->expected(1, 2)
      ->check(not_empty)
      ->group(input);
  add_text(app, "--tolerance", &arguments->tolerance, "R",
           "Largest relative error of a layer. Default: 1e-4.", input);
  add_text(app, "--image", &arguments->image, "FILE",
           "Picture to encode. Default: one that is made up, the same every time.", input);
  app->add_option("--point", arguments->points,
                  "Point of the prompt; repeatable. Default: the centre of the picture.")
      ->type_name("X,Y[,LABEL]")
      ->allow_extra_args(false)
      ->group(input);
  add_text(app, "--box", &arguments->box, "X0,Y0,X1,Y1", "Box of the prompt.", input);
  add_switch(app, "--layers", &arguments->layers, "Show every layer.", input);
  add_common_options(app, arguments.get(), false, "One JSON object on standard output.",
                     &arguments->devices);
  describe_command(app, "lasso compare FILE[@VARIANT] [FILE[@VARIANT]] [--layers] [OPTIONS]",
                   kEpilogue);
  set_action(app, arguments, run_compare, action);
}

}  // namespace lasso::app
