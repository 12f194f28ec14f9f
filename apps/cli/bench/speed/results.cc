#include "cli/bench/speed/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace lasso::app {

std::string SpeedStage::key() const {
  if (kind == Kind::kRun) return "run";
  if (kind == Kind::kNetwork) return "network";
  if (kind == Kind::kDetect) return "detect";
  if (kind == Kind::kEncode) return count == 1 ? "encode" : fmt::format("encode_{}", count);
  return kind == Kind::kDecode ? fmt::format("decode_{}", count) : "end_to_end";
}

std::string SpeedStage::title() const {
  if (kind == Kind::kEncode) {
    return count == 1 ? "Image encoder" : fmt::format("Image encoder, {} images", count);
  }
  if (kind == Kind::kEndToEnd) return "End to end, from file to mask";
  if (kind == Kind::kRun) return "Program, on random tensors";
  if (kind == Kind::kNetwork) return "Network, without preparation and suppression";
  if (kind == Kind::kDetect) return "Detection, from image to boxes";
  if (kind == Kind::kFileToBoxes) return "End to end, from file to boxes";
  return fmt::format("Decoder, {} prompt{}", count, count == 1 ? "" : "s");
}

double SpeedStage::fps(double ms) const { return (kind == Kind::kEncode ? count : 1) * 1000 / ms; }

std::vector<SpeedStage> speed_stages(const std::vector<std::int64_t>& image_counts,
                                     const std::vector<std::int64_t>& prompt_counts) {
  std::vector<SpeedStage> stages;
  for (const std::int64_t count : image_counts) {
    stages.push_back({SpeedStage::Kind::kEncode, static_cast<int>(count)});
  }
  for (const std::int64_t count : prompt_counts) {
    stages.push_back({SpeedStage::Kind::kDecode, static_cast<int>(count)});
  }
  stages.push_back({SpeedStage::Kind::kEndToEnd});
  return stages;
}

std::vector<SpeedStage> detect_stages() {
  return {
      {SpeedStage::Kind::kNetwork}, {SpeedStage::Kind::kDetect}, {SpeedStage::Kind::kFileToBoxes}};
}

Plan layer_plan(const Plan& plan) {
  return {std::min(plan.warm_up, 1), std::min(plan.iterations, 5), plan.limit_s};
}

StageTimes times_of(std::vector<double> samples_ms) {
  const Statistics statistics = summarize(samples_ms);
  StageTimes times;
  times.mean_ms = statistics.mean;
  times.median_ms = statistics.median;
  times.p95_ms = statistics.p95;
  times.min_ms = statistics.min;
  times.runs = statistics.runs;
  times.samples_ms = std::move(samples_ms);
  return times;
}

double SpeedRow::peak_of(const Machine& machine, const std::string& precision) const {
  if (!info.contains("gpu")) {
    return machine.peak_gflop_per_s(precision, info.at("isa").get<std::string>());
  }
  const bool tf32 = precision == "fp32" && info.value("tf32", false);
  return machine.gpu_peak_gflop_per_s(info.at("gpu").get<std::string>(), tf32 ? "tf32" : precision);
}

std::optional<double> SpeedRow::gflop_per_s(const std::string& stage) const {
  const auto work = gflop.find(stage);
  const auto times = stages.find(stage);
  if (work == gflop.end() || times == stages.end() || !times->second.median_ms) return {};
  return work->second / *times->second.median_ms * 1000;
}

std::optional<double> SpeedRow::peak_percent(const std::string& stage) const {
  const std::optional<double> rate = gflop_per_s(stage);
  if (!rate || peak_gflop_per_s == 0) return {};
  return 100 * *rate / peak_gflop_per_s;
}

int SpeedResults::threads() const {
  return rows.empty() || rows.back().imported ? 0 : rows.back().info.at("threads").get<int>();
}

const StageTimes* SpeedResults::first(const SpeedStage& stage) const {
  for (const SpeedRow& row : rows) {
    const auto times = row.stages.find(stage.key());
    if (times != row.stages.end()) return &times->second;
  }
  return nullptr;
}

}  // namespace lasso::app
