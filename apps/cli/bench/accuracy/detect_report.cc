#include "cli/bench/accuracy/detect_report.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "cli/bench/report/report.h"
#include "cli/bench/report/report_folder.h"
#include "cli/console.h"
#include "cli/viewer.h"
#include "common/files.h"
#include "common/machine.h"
#include "common/text.h"
#include "lasso/version.h"

namespace lasso::app {

namespace {

std::string precision_text(double value) { return value < 0 ? "" : fmt::format("{:.4f}", value); }

ReportTable precision_table(const DetectAccuracyResults& results) {
  ReportTable table;
  table.title = "Mean average precision, as COCO defines it";
  table.columns = {"model", "images", "mAP 0.50:0.95", "mAP 0.50", "mAP 0.75"};
  for (const DetectSideResult& side : results.sides) {
    const MeanPrecision& p = *side.precision;
    table.rows.push_back({side.label, fmt::format("{}", p.images), precision_text(p.map),
                          precision_text(p.map_50), precision_text(p.map_75)});
  }
  return table;
}

ReportTable agreement_table(const DetectAccuracyResults& results) {
  ReportTable table;
  table.title = "Boxes that are those of " + results.sides.front().label;
  table.note =
      "Boxes with a score above 0.25; two are the same where they have one class and an IoU of at "
      "least 0.5. The same, in per cent: of all that either finds. Images in which neither finds "
      "anything tell nothing.";
  table.columns = {"candidate",      "images",    "both empty", "same, %",    "same",
                   "only reference", "only here", "mean IoU",   "lowest IoU", "score differs by"};
  for (const DetectSideResult& side : results.sides) {
    if (!side.agreement) continue;
    const BoxAgreement& a = *side.agreement;
    const auto number = [&](double value) {
      return a.same == 0 ? std::string() : fmt::format("{:.4f}", value);
    };
    table.rows.push_back(
        {side.label, fmt::format("{}", a.images), fmt::format("{}", a.empty_images),
         a.same + a.only_first + a.only_second == 0 ? "" : fmt::format("{:.2f}", 100 * a.part()),
         fmt::format("{}", a.same), fmt::format("{}", a.only_first),
         fmt::format("{}", a.only_second), number(a.mean_iou), number(a.lowest_iou),
         number(a.score_difference)});
  }
  return table;
}

OrderedJson optional_json(double value, bool is_known) {
  return is_known ? OrderedJson(value) : OrderedJson();
}

OrderedJson precision_json(const MeanPrecision& p) {
  OrderedJson json;
  json["map"] = optional_json(p.map, p.map >= 0);
  json["map_50"] = optional_json(p.map_50, p.map >= 0);
  json["map_75"] = optional_json(p.map_75, p.map >= 0);
  json["categories"] = OrderedJson::array();
  for (const double value : p.categories) {
    json["categories"].push_back(optional_json(value, value >= 0));
  }
  return json;
}

OrderedJson agreement_json(const BoxAgreement& a) {
  const bool any = a.same + a.only_first + a.only_second > 0;
  return {{"images", a.images},
          {"empty_images", a.empty_images},
          {"same", a.same},
          {"only_reference", a.only_first},
          {"only_candidate", a.only_second},
          {"same_percent", optional_json(100 * a.part(), any)},
          {"mean_iou", optional_json(a.mean_iou, a.same > 0)},
          {"lowest_iou", optional_json(a.lowest_iou, a.same > 0)},
          {"largest_score_difference", optional_json(a.score_difference, a.same > 0)}};
}

std::vector<ReportTable> tables_of(const DetectAccuracyResults& results) {
  std::vector<ReportTable> tables;
  if (results.sides.front().precision) tables.push_back(precision_table(results));
  if (results.sides.front().is_reference) tables.push_back(agreement_table(results));
  return tables;
}

std::string set_text(const DetectAccuracyResults& results) {
  return fmt::format("{}: {} image{}", results.folder, results.images,
                     results.images == 1 ? "" : "s");
}

OrderedJson results_json(const DetectAccuracyResults& results) {
  OrderedJson json = {{"version", LASSO_VERSION},     {"built_with", build_description()},
                      {"command", command_line()},    {"folder", json_name(results.folder)},
                      {"images", results.images},     {"categories", results.categories},
                      {"sides", OrderedJson::array()}};
  for (const DetectSideResult& side : results.sides) {
    OrderedJson entry = {{"label", side.label}, {"is_reference", side.is_reference}};
    entry.update(side.info);
    if (side.precision) entry["precision_of_boxes"] = precision_json(*side.precision);
    if (side.agreement) entry["agreement"] = agreement_json(*side.agreement);
    json["sides"].push_back(std::move(entry));
  }
  json["failures"] = results.failures;
  return json;
}

}  // namespace

Exit report_detectors(DetectAccuracyTask task, const std::string& folder, bool json, bool show) {
  for_option("-o", [&] { check_output_folder(folder); });
  task.loaded = [&] { for_option("-o", [&] { make_folder(folder); }); };
  ReportFolder report;
  const std::string& model = task.candidates.front().file;
  for_option("-o", [&] { report.check(folder, model); });
  const DetectAccuracyResults results = measure_detectors(task);
  if (results.images == 0) {
    throw Failure(Exit::kSomeFailed, "no image could be measured; there is no report");
  }
  if (!results.has_evidence()) {
    throw Failure(Exit::kThresholdMissed,
                  fmt::format("in {} images no model finds anything, which says nothing about "
                              "accuracy; there is no report",
                              results.images));
  }
  const std::vector<ReportTable> tables = tables_of(results);
  report.make(folder, model);
  const std::string line = report.write_results(results_json(results));
  std::string html;
  for (const ReportTable& table : tables) html += table_html(table);
  report.write("report.html", html_page("Accuracy of boxes", "", html));
  if (json) {
    print(line);
  } else if (!quiet()) {
    print(printable(set_text(results)));
    print_tables(tables);
    print("report: " + printable(report.path("report.html")));
  }
  if (show) show_file(report.path("report.html"));
  return results.failures.empty() ? Exit::kDone : Exit::kSomeFailed;
}

}  // namespace lasso::app
