#include "cli/bench/speed/html.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "cli/bench/report/markup.h"
#include "cli/bench/report/report.h"
#include "cli/bench/report/report_folder.h"
#include "cli/bench/speed/gpu_report.h"
#include "cli/bench/speed/layer_report.h"
#include "cli/bench/speed/report.h"
#include "common/machine.h"
#include "lasso/version.h"

namespace lasso::app {

namespace {

constexpr const char* kStyle = R"(
.stages { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); gap: 14px; }
article { padding: 12px 16px 14px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
article h3 { margin: 0 0 8px; font-size: 1rem; }
.bar { margin: 6px 0; font-size: 0.9rem; }
.bar .label { display: flex; justify-content: space-between; gap: 12px; font-variant-numeric: tabular-nums; }
.bar .name { overflow-wrap: anywhere; }
.bar .time { white-space: nowrap; }
.track { position: relative; height: 12px; margin-top: 2px; border-radius: 3px; background: var(--line); }
.fill { position: absolute; inset: 0 auto 0 0; border-radius: 3px; background: #3a7bd5; }
.fill.imported { background: #8a94a3; }
details { margin: 6px 0; }
details summary { cursor: pointer; font-weight: 600; }
details h2 { font-size: 1rem; margin: 18px 0 6px; }
details th, details td { padding: 3px 10px; }
details tbody th { font-weight: 400; }
.p95 { position: absolute; top: -2px; bottom: -2px; width: 2px; background: var(--text); }
)";

// A bar for each row, as long as its mean time, with a mark at the 95th percentile.
std::string bars_html(const SpeedResults& results, const SpeedStage& stage) {
  double longest = 0;
  for (const SpeedRow& row : results.rows) {
    const auto found = row.stages.find(stage.key());
    if (found == row.stages.end()) continue;
    longest = std::max({longest, found->second.mean_ms, found->second.p95_ms.value_or(0)});
  }
  if (longest == 0) return "";
  std::string html = "<article><h3>" + escape_html(stage.title()) + "</h3>\n";
  for (const SpeedRow& row : results.rows) {
    const auto found = row.stages.find(stage.key());
    if (found == row.stages.end()) continue;
    const StageTimes& times = found->second;
    html += fmt::format(
        "<div class=\"bar\"><div class=\"label\"><span class=\"name\">{}</span>"
        "<span class=\"time\">{} ms</span></div><div class=\"track\">"
        "<div class=\"fill{}\" style=\"width:{:.2f}%\"></div>",
        escape_html(row.name), milliseconds_text(times.mean_ms), row.imported ? " imported" : "",
        100 * times.mean_ms / longest);
    if (times.p95_ms) {
      html += fmt::format("<div class=\"p95\" style=\"left:calc({:.2f}% - 2px)\"></div>",
                          100 * *times.p95_ms / longest);
    }
    html += "</div></div>\n";
  }
  return html + "</article>\n";
}

}  // namespace

std::string to_html(const SpeedResults& results, const std::string& made) {
  std::vector<std::string> names;
  for (const SpeedRow& row : results.rows) {
    if (!row.imported) names.push_back(row.name);
  }
  std::string html;
  for (const std::string& line : describe_run(results)) {
    html += "<p class=\"dim\">" + escape_html(line) + "</p>\n";
  }
  html += fmt::format(
      "<p class=\"dim\">Lasso {}, {}, {}; {}</p>\n<p class=\"dim\"><code>{}</code></p>\n",
      LASSO_VERSION, escape_html(build_description()), escape_html(compute_libraries()),
      escape_html(made), escape_html(command_line()));
  for (const SpeedFailure& failure : results.failures) {
    html += fmt::format("<p class=\"verdict missed\">{}: {}</p>\n", escape_html(failure.name),
                        escape_html(failure.message));
  }
  html += table_html(candidate_table(results));
  for (const ReportTable& table : gpu_tables(results)) html += table_html(table);
  html += "<h2>Mean time</h2>\n<div class=\"stages\">\n";
  for (const SpeedStage& stage : results.stages) html += bars_html(results, stage);
  html += "</div>\n<p class=\"dim\">The mark is the 95th percentile.</p>\n";
  for (const ReportTable& table : stage_tables(results)) html += table_html(table);
  if (!results.tensors) html += table_html(part_table(results));
  html +=
      "<p class=\"dim\">FPS is 1000 / mean, for the encoder times the images of a call; FPS and "
      "time in per cent are of the first row's. Peak: "
      "GFLOP/s by the median, of the machine's measured rate for the precision and instructions; "
      "on a "
      "GPU of that of products of large matrices.</p>\n";
  const std::string note = runs_note(results);
  if (!note.empty()) html += "<p class=\"dim\">" + escape_html(note) + "</p>\n";
  html += layers_html(results);
  return html_page(fmt::format("Speed of {}", fmt::join(names, ", ")), kStyle, html);
}

}  // namespace lasso::app
