#include "cli/bench/accuracy/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "cli/bench/report/markup.h"
#include "cli/model/other_runtime.h"
#include "common/outputs.h"
#include "lasso/version.h"

namespace lasso::app {

namespace {

std::string count_text(std::size_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string coarse(const Mean& mean) {
  return mean.count() == 0 ? "" : fmt::format("{:.4f}", mean.value());
}
std::string optional_text(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

ReportTable reference_table(const AccuracyResults& results, const IouLimits& limits) {
  ReportTable table;
  table.title = "IoU with the masks of " + results.sides.front().label;
  table.note =
      "1st percentile: the IoU at rank n/100, rounded up, of n prompts in ascending order. Prompts "
      "for which both masks are empty have no IoU, and are counted apart.";
  table.columns = {"candidate",      "prompts", "both empty", "minimum",
                   "1st percentile", "mean",    "worst image"};
  table.text_columns = {6};
  for (std::size_t i = 1; i < results.sides.size(); ++i) {
    const SideSummary summary = results.summarize(i);
    const IouStatistics& iou = summary.reference;
    const auto text = [&](double value) { return iou.count == 0 ? "" : agreement_text(value); };
    const std::string worst =
        fmt::format("{}, prompt {}", summary.worst_image, summary.worst_prompt);
    table.rows.push_back({results.sides[i].label, fmt::format("{}", iou.count),
                          fmt::format("{}", summary.empty_pairs), text(iou.minimum),
                          text(iou.percentile_1), text(iou.mean),
                          iou.count == 0    ? "no IoU"
                          : iou.minimum < 1 ? worst
                                            : "none differs"});
    table.bad.push_back(limits.missed_by(summary));
  }
  return table;
}

ReportTable truth_table(const AccuracyResults& results, bool core_only) {
  ReportTable table;
  table.title = core_only            ? "Mean IoU with the truth, objects of the core"
                : results.has_core() ? "Mean IoU with the truth, all objects"
                                     : "Mean IoU with the truth";
  table.note =
      "1 click: of the three masks the best one by the truth, or the choice by predicted IoU, or "
      "the "
      "single mask. Points: all points of each prompt together, as in the pictures below.";
  if (core_only) table.note = "The core: the objects that the set marks as such.";
  table.columns = {"",         "objects", "1 click: best of 3",
                   "choice",   "single",  "3 clicks",
                   "5 clicks", "box",     "points"};
  for (std::size_t i = 0; i < results.sides.size(); ++i) {
    const SideSummary sides = results.summarize(i);
    const TruthSummary& summary = core_only ? sides.core : sides.all;
    if (summary.points.count() == 0) continue;
    table.rows.push_back({results.sides[i].label, fmt::format("{}", summary.points.count()),
                          coarse(summary.click_best), coarse(summary.click_chosen),
                          coarse(summary.click_single), coarse(summary.after_3),
                          coarse(summary.after_5), coarse(summary.box), coarse(summary.points)});
    table.bad.push_back(false);
  }
  if (const auto flood = results.summarize_flood(core_only)) {
    std::vector<std::string> row(table.columns.size());
    row[0] = fmt::format("flood fill, tolerance {}", flood->tolerance);
    row[1] = fmt::format("{}", flood->objects);
    row[4] = fmt::format("{:.4f}", flood->mean);
    table.rows.push_back(std::move(row));
    table.bad.push_back(false);
  }
  return table;
}

// How other runtimes than Lasso were set up.
ReportTable runtime_table(const AccuracyResults& results) {
  ReportTable table;
  table.title = "Other runtimes";
  table.columns = {"", "settings"};
  table.text_columns = {1};
  for (const SideInfo& side : results.sides) {
    const auto settings = side.info.find("settings");
    if (settings == side.info.end()) continue;
    table.rows.push_back({side.label, settings_text(*settings)});
    table.bad.push_back(false);
  }
  return table;
}

OrderedJson mean_json(const Mean& mean) {
  return mean.count() == 0 ? OrderedJson() : OrderedJson(mean.value());
}

OrderedJson truth_json(const TruthSummary& summary) {
  return {{"objects", summary.points.count()},
          {"points", mean_json(summary.points)},
          {"click_1_best_of_3", mean_json(summary.click_best)},
          {"click_1_predicted_best", mean_json(summary.click_chosen)},
          {"click_1_single", mean_json(summary.click_single)},
          {"clicks_3", mean_json(summary.after_3)},
          {"clicks_5", mean_json(summary.after_5)},
          {"box", mean_json(summary.box)}};
}

OrderedJson flood_json(const FloodSummary& flood) {
  return {
      {"objects", flood.objects}, {"tolerance", flood.tolerance}, {"click_1_single", flood.mean}};
}

// The same names in JSON and CSV.
std::vector<std::pair<const char*, double>> named(const TruthScores& scores) {
  return {{"click_1_best_of_3", scores.click_best}, {"click_1_predicted_best", scores.click_chosen},
          {"click_1_single", scores.click_single},  {"clicks_2", scores.clicks[0]},
          {"clicks_3", scores.clicks[1]},           {"clicks_4", scores.clicks[2]},
          {"clicks_5", scores.clicks[3]},           {"box", scores.box}};
}

OrderedJson side_json(const AccuracyResults& results, std::size_t index) {
  const SideInfo& side = results.sides[index];
  const SideSummary summary = results.summarize(index);
  OrderedJson json = {{"name", side.label}};
  json.update(side.info);
  const IouStatistics& iou = summary.reference;
  if (iou.count + summary.empty_pairs > 0) {
    OrderedJson& agreement = json["with_reference"];
    agreement = {{"prompts", iou.count},   {"empty_pairs", summary.empty_pairs},
                 {"minimum", nullptr},     {"percentile_1", nullptr},
                 {"mean", nullptr},        {"worst_image", nullptr},
                 {"worst_prompt", nullptr}};
    if (iou.count > 0) {
      agreement.update({{"minimum", iou.minimum},
                        {"percentile_1", iou.percentile_1},
                        {"mean", iou.mean},
                        {"worst_image", summary.worst_image},
                        {"worst_prompt", summary.worst_prompt}});
    }
  }
  if (summary.all.points.count() > 0) json["with_truth"] = truth_json(summary.all);
  if (results.has_core()) json["with_truth_core"] = truth_json(summary.core);
  return json;
}

OrderedJson mask_json(const SideInfo& side, const MaskResult& result) {
  OrderedJson json = {{"name", side.label}};
  if (result.with_reference) json["iou_with_reference"] = *result.with_reference;
  if (result.both_empty) json["both_empty"] = true;
  if (result.with_truth) json["iou_with_truth"] = *result.with_truth;
  if (result.iou_prediction) json["iou_prediction"] = shortest(*result.iou_prediction);
  if (!result.scores) return json;
  for (const auto& [name, value] : named(*result.scores)) json["truth"][name] = value;
  return json;
}

OrderedJson prompt_json(const AccuracyResults& results, const PromptResult& prompt) {
  OrderedJson json = {
      {"id", prompt.id}, {"points", OrderedJson::array()}, {"labels", OrderedJson::array()}};
  for (const Point& point : prompt.prompt.points) {
    json["points"].push_back({shortest(point.x), shortest(point.y)});
    json["labels"].push_back(static_cast<int>(point.label));
  }
  if (!prompt.core) json["core"] = false;
  json["results"] = OrderedJson::array();
  for (std::size_t i = 0; i < results.sides.size(); ++i) {
    json["results"].push_back(mask_json(results.sides[i], prompt.sides[i]));
  }
  return json;
}

std::string points_text(const lasso::Prompt& prompt) {
  std::vector<std::string> points;
  for (const Point& point : prompt.points) {
    points.push_back(fmt::format("{} {} {}", point.x, point.y, static_cast<int>(point.label)));
  }
  return fmt::format("{}", fmt::join(points, "; "));
}

}  // namespace

std::vector<ReportTable> report_tables(const AccuracyResults& results, const IouLimits& limits) {
  std::vector<ReportTable> tables;
  if (results.has_reference()) tables.push_back(reference_table(results, limits));
  if (ReportTable truth = truth_table(results, false); !truth.rows.empty()) {
    tables.push_back(std::move(truth));
  }
  if (results.has_core()) tables.push_back(truth_table(results, true));
  if (ReportTable runtimes = runtime_table(results); !runtimes.rows.empty()) {
    tables.push_back(std::move(runtimes));
  }
  return tables;
}

std::string agreement_text(double iou) {
  constexpr double kLargestBelowOne = 0.999999;
  return fmt::format("{:.6f}", iou < 1 ? std::min(iou, kLargestBelowOne) : iou);
}

std::string describe_set(const AccuracyResults& results) {
  const DrawOptions& draw = results.draw;
  const std::string range =
      draw.min_points == draw.max_points ? "" : fmt::format("{} to ", draw.min_points);
  const std::string drawn =
      results.prompt_source == "drawn"
          ? fmt::format("{}{} each, seed {}{}", range,
                        count_text(static_cast<std::size_t>(draw.max_points), "point"), draw.seed,
                        draw.stored_clicks ? ", first clicks of the set" : "")
          : "prompts of the reference masks";
  return fmt::format("{}: {}, {}, {}", results.set.folder,
                     count_text(results.images.size(), "image"),
                     count_text(results.prompt_count(), "prompt"), drawn);
}

ReportTable models_table(const AccuracyResults& results) {
  ReportTable table;
  table.title = "What was measured";
  table.columns = {"", "", "file", "model", "hash", "precision", "runs on"};
  table.text_columns = {1, 2, 3, 4, 5, 6};
  for (const SideInfo& side : results.sides) {
    const auto value = [&](const char* key) {
      const auto found = side.info.find(key);
      if (found == side.info.end()) return std::string();
      return found->is_string() ? found->get<std::string>() : found->dump();
    };
    const bool is_dump = side.info.contains("masks");
    table.rows.push_back({side.label, side.is_reference ? "reference" : "candidate",
                          value(is_dump ? "masks" : "file"), value("model"),
                          value("model_hash").substr(0, 12), value("precision"),
                          is_dump ? ""
                                  : fmt::format("{}, {}, {} threads", value("device"), value("isa"),
                                                value("threads"))});
    table.bad.push_back(false);
  }
  return table;
}

OrderedJson to_json(const AccuracyResults& results) {
  OrderedJson json = {
      {"version", LASSO_VERSION},
      {"set", {{"folder", json_name(results.set.folder)}, {"truth", results.set.has_truth}}},
      {"prompt_source", results.prompt_source}};
  if (results.prompt_source == "drawn") {
    json["seed"] = results.draw.seed;
    json["min_points"] = results.draw.min_points;
    json["max_points"] = results.draw.max_points;
    json["stored_clicks"] = results.draw.stored_clicks;
  }
  json["image_count"] = results.images.size();
  json["prompt_count"] = results.prompt_count();
  json["reference"] = results.has_reference() ? side_json(results, 0) : OrderedJson();
  json["candidates"] = OrderedJson::array();
  for (std::size_t i = results.has_reference() ? 1 : 0; i < results.sides.size(); ++i) {
    json["candidates"].push_back(side_json(results, i));
  }
  json["baselines"] = OrderedJson::array();
  if (const auto flood = results.summarize_flood(false)) {
    OrderedJson baseline = {{"name", "flood-fill"}, {"with_truth", flood_json(*flood)}};
    const auto core = results.summarize_flood(true);
    if (core && results.has_core()) baseline["with_truth_core"] = flood_json(*core);
    json["baselines"].push_back(std::move(baseline));
  }
  json["images"] = OrderedJson::array();
  for (const ImageResult& image : results.images) {
    OrderedJson entry = {{"image", json_name(image.name)},
                         {"width", image.width},
                         {"height", image.height},
                         {"prompts", OrderedJson::array()}};
    for (const PromptResult& prompt : image.prompts) {
      entry["prompts"].push_back(prompt_json(results, prompt));
    }
    json["images"].push_back(std::move(entry));
  }
  json["failures"] = results.failures;
  return json;
}

std::string to_csv(const AccuracyResults& results) {
  std::vector<std::string> names = {
      "image",          "prompt",        "id", "points", "name", "role", "iou_with_reference",
      "iou_with_truth", "iou_prediction"};
  for (const auto& [name, value] : named(TruthScores{})) names.emplace_back(name);
  names.emplace_back("both_empty");
  std::string text = csv_line(names);
  for (const ImageResult& image : results.images) {
    for (std::size_t i = 0; i < image.prompts.size(); ++i) {
      const PromptResult& prompt = image.prompts[i];
      for (std::size_t side = 0; side < results.sides.size(); ++side) {
        const MaskResult& result = prompt.sides[side];
        std::vector<std::string> line = {
            image.name,
            fmt::format("{}", i),
            prompt.id.is_null()     ? ""
            : prompt.id.is_string() ? prompt.id.get<std::string>()
                                    : prompt.id.dump(),
            points_text(prompt.prompt),
            results.sides[side].label,
            results.sides[side].is_reference ? "reference" : "candidate",
            optional_text(result.with_reference),
            optional_text(result.with_truth),
            result.iou_prediction ? fmt::format("{}", *result.iou_prediction) : ""};
        for (const auto& [name, value] : named(result.scores.value_or(TruthScores{}))) {
          line.push_back(result.scores ? fmt::format("{}", value) : "");
        }
        const bool compared = results.has_reference() && !results.sides[side].is_reference;
        line.emplace_back(!compared ? "" : result.both_empty ? "1" : "0");
        text += csv_line(line);
      }
    }
  }
  return text;
}

}  // namespace lasso::app
