#include "cli/bench/speed/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "cli/bench/report/report_folder.h"
#include "cli/bench/speed/gpu_report.h"
#include "cli/bench/speed/layer_report.h"
#include "cli/model/other_runtime.h"
#include "common/machine.h"
#include "lasso/version.h"

namespace lasso::app {

namespace {

// Columns of numbers leave so much of 100 for the names.
constexpr std::size_t kNameWidth = 25;

std::string optional_ms(const std::optional<double>& ms) {
  return ms ? milliseconds_text(*ms) : "";
}

std::string fps_text(double fps) {
  const int decimals = fps < 1 ? 3 : fps < 10 ? 2 : fps < 1000 ? 1 : 0;
  return fmt::format("{:.{}f}", fps, decimals);
}

std::string percent_text(double percent) {
  return fmt::format("{:.{}f}", percent, percent < 10 ? 1 : 0);
}

std::string mib_text(std::uint64_t bytes) {
  return bytes == 0 ? "" : fmt::format("{:.0f}", static_cast<double>(bytes) / 1048576);
}

// Times to a tenth of a microsecond: more digits are noise.
double rounded(double ms) { return std::round(ms * 1e4) / 1e4; }

std::string runs_text(const StageTimes& times) {
  return times.runs == 0 ? "" : fmt::format("{}{}", times.runs, times.complete ? "" : "*");
}

// The instruction set only where a precision has several.
std::string peaks_text(const Machine& machine) {
  std::string text;
  for (const PeakRate& peak : machine.peaks) {
    const auto same =
        std::count_if(machine.peaks.begin(), machine.peaks.end(),
                      [&](const PeakRate& other) { return other.precision == peak.precision; });
    text += fmt::format("{}{}{} {:.0f}", text.empty() ? "" : ", ", peak.precision,
                        same > 1 ? " " + peak.isa : "", peak.gflop_per_s);
  }
  const int threads = machine.peaks.empty() ? 0 : machine.peaks.front().threads;
  return fmt::format("peak measured with {} thread{}, GFLOP/s: {}", threads,
                     threads == 1 ? "" : "s", text);
}

// How another runtime was set up, but for what has columns of its own.
std::string other_settings(OrderedJson settings) {
  for (const char* name : {"runtime", "threads"}) settings.erase(name);
  return settings_text(settings);
}

// What runs are on.
std::string input_text(const SpeedResults& results) {
  if (!results.tensors) {
    return fmt::format("{}, {} x {} pixels",
                       results.image.empty() ? "made-up picture" : results.image, results.width,
                       results.height);
  }
  std::string text = "random tensors:";
  for (const SpeedRow& row : results.rows) {
    if (row.imported) continue;
    for (const OrderedJson& input : row.info.at("inputs")) {
      text += fmt::format("{} {} {} {}", text.back() == ':' ? "" : ",",
                          input.at("name").get<std::string>(), input.at("type").get<std::string>(),
                          input.at("shape").dump());
    }
    break;
  }
  return text;
}

ReportTable stage_table(const SpeedResults& results, const SpeedStage& stage) {
  const std::string key = stage.key();
  const bool decode = stage.kind == SpeedStage::Kind::kDecode;
  ReportTable table;
  table.title = stage.title();
  table.name_width = kNameWidth;
  table.columns = {"",    "runs",   "mean, ms", "median",  "p95",
                   "FPS", "FPS, %", "time, %",  "peak, %", "GFLOP/s"};
  table.wide_columns = {9};
  if (decode) {
    table.columns.emplace_back("postprocess, ms");
    table.wide_columns.push_back(10);
  }
  const StageTimes* first = results.first(stage);
  for (const SpeedRow& row : results.rows) {
    const auto found = row.stages.find(key);
    if (found == row.stages.end()) continue;
    const StageTimes& times = found->second;
    const auto peak = row.peak_percent(key);
    const auto rate = row.gflop_per_s(key);
    table.rows.push_back(
        {row.name, runs_text(times), milliseconds_text(times.mean_ms), optional_ms(times.median_ms),
         optional_ms(times.p95_ms), fps_text(stage.fps(times.mean_ms)),
         percent_text(100 * (first->mean_ms / times.mean_ms)),
         percent_text(100 * (times.mean_ms / first->mean_ms)), peak ? percent_text(*peak) : "",
         rate ? fmt::format("{:.1f}", *rate) : ""});
    if (!decode) continue;
    table.rows.back().push_back(
        times.parts_ms.empty() ? "" : milliseconds_text(times.parts_ms.front().second));
  }
  return table;
}

OrderedJson stage_json(const SpeedResults& results, const SpeedRow& row, const SpeedStage& stage,
                       bool samples) {
  const StageTimes& times = row.stages.at(stage.key());
  const StageTimes* first = results.first(stage);
  OrderedJson json = {{"mean_ms", rounded(times.mean_ms)}};
  if (times.median_ms) json["median_ms"] = rounded(*times.median_ms);
  if (times.p95_ms) json["p95_ms"] = rounded(*times.p95_ms);
  if (times.min_ms) json["min_ms"] = rounded(*times.min_ms);
  if (times.runs > 0) json["runs"] = times.runs;
  if (!row.imported) {
    json["warm_up_runs"] = times.warm_up_runs;
    json["complete"] = times.complete;
  }
  json["fps"] = stage.fps(times.mean_ms);
  json["relative_fps_percent"] = 100 * (first->mean_ms / times.mean_ms);
  json["relative_time_percent"] = 100 * (times.mean_ms / first->mean_ms);
  if (const auto work = row.gflop.find(stage.key()); work != row.gflop.end()) {
    json["gflop"] = work->second;
  }
  if (const auto rate = row.gflop_per_s(stage.key())) json["gflop_per_s"] = *rate;
  if (const auto peak = row.peak_percent(stage.key())) json["peak_percent"] = *peak;
  for (const auto& [part, ms] : times.parts_ms) json["parts_mean_ms"][part] = rounded(ms);
  if (samples && !times.samples_ms.empty()) {
    for (const double ms : times.samples_ms) json["samples_ms"].push_back(rounded(ms));
  }
  return json;
}

OrderedJson row_json(const SpeedResults& results, const SpeedRow& row, bool samples) {
  OrderedJson json = {{"name", row.name}};
  json.update(row.info);
  if (row.peak_rss_bytes > 0) json["peak_rss_bytes"] = row.peak_rss_bytes;
  add_gpu(row, &json);
  json["stages"] = OrderedJson::object();
  for (const SpeedStage& stage : results.stages) {
    if (row.stages.count(stage.key()) == 0) continue;
    json["stages"][stage.key()] = stage_json(results, row, stage, samples);
  }
  add_layers(row, samples, &json);
  return json;
}

}  // namespace

std::string milliseconds_text(double ms) {
  return fmt::format("{:.{}f}", ms, ms < 1 ? 3 : ms < 100 ? 2 : ms < 1000 ? 1 : 0);
}

std::vector<std::string> describe_run(const SpeedResults& results) {
  const Machine& machine = results.machine;
  std::vector<std::string> lines = {
      fmt::format("{}, {} core{}, {}, {:.1f} GiB", machine.cpu, machine.cores,
                  machine.cores == 1 ? "" : "s", machine.isa,
                  static_cast<double>(machine.memory_bytes) / (1 << 30)),
      peaks_text(machine)};
  for (std::string& line : describe_gpus(machine.gpus)) lines.push_back(std::move(line));
  lines.insert(
      lines.end(),
      {fmt::format("{}; {} thread{}", input_text(results), results.threads(),
                   results.threads() == 1 ? "" : "s"),
       fmt::format("{} warm-up run{}, {} to count, at most {:g} s for each stage of a candidate",
                   results.plan.warm_up, results.plan.warm_up == 1 ? "" : "s",
                   results.plan.iterations, results.plan.limit_s)});
  for (const SpeedRow& row : results.rows) {
    if (row.layers.empty()) continue;
    const Plan plan = layer_plan(results.plan);
    lines.push_back(fmt::format("layers: {} warm-up run{}, {} to count, after the rest",
                                plan.warm_up, plan.warm_up == 1 ? "" : "s", plan.iterations));
    break;
  }
  if (!results.interleaved) {
    lines.push_back("candidates in sequence, not in turn: " + results.order_reason);
  } else if (results.rows.size() > 1) {
    lines.emplace_back("candidates in turn, run by run");
  }
  return lines;
}

ReportTable candidate_table(const SpeedResults& results) {
  ReportTable table;
  table.title = "Candidates";
  table.name_width = kNameWidth;
  table.columns = {"", "model", "precision, ISA", "threads", "load, ms", "peak memory, MiB"};
  table.text_columns = {1, 2};
  table.wide_columns = {3};  // the same for all, and told above
  for (const SpeedRow& row : results.rows) {
    if (row.imported) {
      table.rows.push_back({row.name, "imported", "", "", "", mib_text(row.peak_rss_bytes)});
      continue;
    }
    const auto text = [&](const char* key) { return row.info.at(key).get<std::string>(); };
    if (row.info.value("runtime", "lasso") != "lasso") {
      const OrderedJson& settings = row.info.at("settings");
      table.rows.push_back(
          {row.name, settings.at("runtime").get<std::string>(), other_settings(settings),
           fmt::format("{}", row.info.at("threads").get<int>()),
           milliseconds_text(row.info.at("load_ms").get<double>()), mib_text(row.peak_rss_bytes)});
      continue;
    }
    table.rows.push_back({row.name, text("model"), text("precision") + ", " + text("isa"),
                          fmt::format("{}", row.info.at("threads").get<int>()),
                          milliseconds_text(row.info.at("load_ms").get<double>()),
                          mib_text(row.peak_rss_bytes)});
  }
  return table;
}

std::vector<ReportTable> stage_tables(const SpeedResults& results) {
  std::vector<ReportTable> tables;
  for (const SpeedStage& stage : results.stages) tables.push_back(stage_table(results, stage));
  return tables;
}

ReportTable part_table(const SpeedResults& results) {
  ReportTable table;
  table.title = "What end to end consists of, mean ms";
  table.name_width = kNameWidth;
  table.columns = {""};
  for (const SpeedRow& row : results.rows) {
    const auto found = row.stages.find("end_to_end");
    if (found == row.stages.end() || found->second.parts_ms.empty()) continue;
    std::vector<std::string> cells = {row.name};
    for (const auto& [part, ms] : found->second.parts_ms) {
      if (table.rows.empty()) table.columns.push_back(part);
      cells.push_back(milliseconds_text(ms));
    }
    table.rows.push_back(std::move(cells));
  }
  return table;
}

std::string runs_note(const SpeedResults& results) {
  for (const SpeedRow& row : results.rows) {
    for (const auto& [stage, times] : row.stages) {
      if (times.complete) continue;
      return fmt::format("* fewer than {} runs: {:g} s were over", results.plan.iterations,
                         results.plan.limit_s);
    }
  }
  return "";
}

OrderedJson to_json(const SpeedResults& results, bool samples) {
  OrderedJson json = {
      {"version", LASSO_VERSION},
      {"built_with", build_description()},
      {"libraries", compute_libraries()},
      {"command", command_line()},
      {"machine", to_json(results.machine)},
      {"image",
       {{"file", results.image.empty() ? OrderedJson() : OrderedJson(json_name(results.image))},
        {"width", results.width},
        {"height", results.height}}},
      {"warm_up", results.plan.warm_up},
      {"iterations", results.plan.iterations},
      {"limit_s", results.plan.limit_s},
      {"order", results.interleaved ? "interleaved" : "sequential"}};
  if (!results.interleaved) json["order_reason"] = results.order_reason;
  json["baseline"] = OrderedJson();
  json["candidates"] = OrderedJson::array();
  for (const SpeedRow& row : results.rows) {
    OrderedJson entry = row_json(results, row, samples);
    if (row.imported) {
      json["baseline"] = std::move(entry);
    } else {
      json["candidates"].push_back(std::move(entry));
    }
  }
  json["failures"] = OrderedJson::array();
  for (const SpeedFailure& failure : results.failures) {
    json["failures"].push_back({{"name", failure.name}, {"message", failure.message}});
  }
  return json;
}

}  // namespace lasso::app
