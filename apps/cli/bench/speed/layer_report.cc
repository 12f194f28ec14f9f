#include "cli/bench/speed/layer_report.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <utility>

#include "cli/bench/report/markup.h"
#include "cli/bench/speed/report.h"
#include "cli/model/layer_json.h"

namespace lasso::app {

namespace {

// The longest name of SAM's layers. With it a line has at most 120 columns, as long as names and
// kernels are not both at their longest; the figures are about in the first 80.
constexpr std::size_t kLayerWidth = 27;

struct LayerStage {
  const char* key;
  const char* title;
};
constexpr LayerStage kStages[] = {
    {"encode", "image encoder"}, {"decode_1", "decoder with 1 prompt"}, {"run", "program"}};

std::string percent_text(std::optional<double> percent) {
  return percent ? fmt::format("{:.1f}", *percent) : "";
}

std::string gflop_text(double gflop) {
  if (gflop == 0) return "";
  return fmt::format("{:.{}f}", gflop, gflop < 1 ? 3 : gflop < 10 ? 2 : gflop < 100 ? 1 : 0);
}

std::string rate_text(std::optional<double> gflop_per_s) {
  return gflop_per_s ? fmt::format("{:.{}f}", *gflop_per_s, *gflop_per_s < 10 ? 1 : 0) : "";
}

double share_percent(double ms, double all_ms) { return all_ms > 0 ? 100 * ms / all_ms : 0; }

// "onednn (brgemm:avx512_core)" becomes "onednn brgemm": the instruction set has its own column.
std::string kernel_text(const std::string& kernel) {
  const std::size_t implementation = kernel.find(" (");
  if (implementation == std::string::npos) return kernel;
  const std::size_t begin = implementation + 2;
  return kernel.substr(0, implementation) + " " +
         kernel.substr(begin, kernel.find_first_of(":)", begin) - begin);
}

LayerGroup all_of(std::vector<const LayerTime*> layers) {
  return {"all", "", "", std::move(layers)};
}

std::vector<std::string> kind_cells(const LayerGroup& group, double all_ms) {
  return {group.name,
          fmt::format("{}", group.layers.size()),
          milliseconds_text(group.ms()),
          percent_text(share_percent(group.ms(), all_ms)),
          gflop_text(group.gflop()),
          rate_text(group.gflop_per_s()),
          percent_text(group.peak_percent()),
          group.precision};
}

ReportTable kind_table(const LayerGroup& all) {
  ReportTable table;
  table.columns = {"kind", "layers", "ms", "share, %", "GFLOP", "GFLOP/s", "peak, %", "precision"};
  table.text_columns = {7};
  for (const LayerGroup& group : group_by_kind(all.layers)) {
    table.rows.push_back(kind_cells(group, all.ms()));
  }
  table.rows.push_back(kind_cells(all, all.ms()));
  return table;
}

ReportTable repeated_table(const LayerGroup& all) {
  ReportTable table;
  table.columns = {"layer",   "layers",  "ms",        "each, ms", "share, %",
                   "GFLOP/s", "peak, %", "precision", "kind",     "kernel"};
  table.text_columns = {7, 8, 9};
  table.wide_columns = {3};
  table.name_width = kLayerWidth;
  for (const LayerGroup& group : group_repeated(all.layers)) {
    table.rows.push_back(
        {group.name, fmt::format("{}", group.layers.size()), milliseconds_text(group.ms()),
         milliseconds_text(group.ms() / static_cast<double>(group.layers.size())),
         percent_text(share_percent(group.ms(), all.ms())), rate_text(group.gflop_per_s()),
         percent_text(group.peak_percent()), group.precision, group.kind,
         kernel_text(group.layers.front()->layer.kernel)});
  }
  return table;
}

ReportTable single_table(const LayerGroup& all) {
  ReportTable table;
  table.columns = {"layer",     "ms", "share, %", "GFLOP", "GFLOP/s", "peak, %",
                   "precision", "op", "kernel",   "ISA",   "input",   "result"};
  table.text_columns = {6, 7, 8, 9, 10, 11};
  table.wide_columns = {9, 10, 11};
  table.name_width = kLayerWidth;
  for (const LayerTime* time : all.layers) {
    const LayerInfo& layer = time->layer;
    table.rows.push_back(
        {layer.name, milliseconds_text(time->ms), percent_text(share_percent(time->ms, all.ms())),
         gflop_text(layer.gflop), rate_text(time->gflop_per_s()),
         percent_text(time->peak_percent()), layer.precision, layer.op, kernel_text(layer.kernel),
         layer.isa, layer.input_shapes.empty() ? "" : layer.input_shapes.front(), layer.shape});
  }
  return table;
}

// "28.10 ms in 48 layers (27.90 ms when they are not timed)"
std::string total_text(const SpeedRow& row, const LayerStage& stage, const LayerGroup& all) {
  std::string text =
      fmt::format("{} ms in {} layers", milliseconds_text(all.ms()), all.layers.size());
  const auto whole = row.stages.find(stage.key);
  if (whole == row.stages.end() || !whole->second.median_ms) return text;
  return text + fmt::format(" ({} ms when they are not timed)",
                            milliseconds_text(*whole->second.median_ms));
}

OrderedJson figures_json(double ms, double all_ms, double gflop, std::optional<double> gflop_per_s,
                         std::optional<double> peak_percent) {
  OrderedJson json = {{"median_ms", std::round(ms * 1e4) / 1e4},
                      {"share_percent", share_percent(ms, all_ms)},
                      {"gflop", gflop}};
  if (gflop_per_s) json["gflop_per_s"] = *gflop_per_s;
  if (peak_percent) json["peak_percent"] = *peak_percent;
  return json;
}

}  // namespace

std::vector<ReportTable> layer_tables(const SpeedRow& row) {
  std::vector<ReportTable> tables;
  for (const LayerStage& stage : kStages) {
    const LayerGroup all = all_of(layers_of(row.layers, stage.key));
    if (all.layers.empty()) continue;
    const std::string title = row.name + ", " + stage.title;
    tables.push_back(kind_table(all));
    tables.back().title = title + " by kind of layer: " + total_text(row, stage, all);
    tables.push_back(repeated_table(all));
    tables.back().title = title + ": equal layers of its blocks together";
    tables.push_back(single_table(all));
    tables.back().title = title + ": every layer";
  }
  return tables;
}

std::string layer_note() {
  return "Times of layers are medians. Peak: of the machine's measured rate for the layer's own "
         "precision. On a GPU a layer's time is that between two events around its kernels, and "
         "the "
         "next layer waits for it: together layers take longer than in a run that is not timed.";
}

void add_layers(const SpeedRow& row, bool single, OrderedJson* json) {
  if (row.layers.empty()) return;
  (*json)["layer_runs"] = row.layer_runs;
  (*json)["layer_kinds"] = OrderedJson::array();
  if (single) (*json)["layers"] = OrderedJson::array();
  for (const LayerStage& stage : kStages) {
    const LayerGroup all = all_of(layers_of(row.layers, stage.key));
    const double all_ms = all.ms();
    for (const LayerGroup& group : group_by_kind(all.layers)) {
      OrderedJson entry = {{"stage", stage.key},
                           {"kind", group.kind},
                           {"precision", group.precision},
                           {"layer_count", group.layers.size()}};
      entry.update(figures_json(group.ms(), all_ms, group.gflop(), group.gflop_per_s(),
                                group.peak_percent()));
      (*json)["layer_kinds"].push_back(std::move(entry));
    }
    if (!single) continue;
    for (const LayerTime* time : all.layers) {
      OrderedJson entry = layer_json(time->layer);
      entry["stage"] = stage.key;
      entry["kind"] = layer_kind(time->layer);
      entry.update(figures_json(time->ms, all_ms, time->layer.gflop, time->gflop_per_s(),
                                time->peak_percent()));
      (*json)["layers"].push_back(std::move(entry));
    }
  }
}

std::string layers_html(const SpeedResults& results) {
  std::string html;
  for (const SpeedRow& row : results.rows) {
    if (row.layers.empty()) continue;
    html += fmt::format("<details><summary>{}, median of {} run{}</summary>\n",
                        escape_html(row.name), row.layer_runs, row.layer_runs == 1 ? "" : "s");
    for (const ReportTable& table : layer_tables(row)) html += table_html(table);
    html += "</details>\n";
  }
  if (html.empty()) return "";
  return "<h2>Layers</h2>\n" + html + "<p class=\"dim\">" + escape_html(layer_note()) + "</p>\n";
}

}  // namespace lasso::app
