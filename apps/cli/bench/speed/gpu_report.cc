#include "cli/bench/speed/gpu_report.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

namespace lasso::app {

namespace {

constexpr std::size_t kNameWidth = 25;

template <typename T>
std::string number_text(const std::optional<T>& number) {
  return number ? fmt::format("{:.0f}", static_cast<double>(*number)) : "";
}

std::string mib_text(const std::optional<std::uint64_t>& bytes) {
  return bytes ? fmt::format("{:.0f}", static_cast<double>(*bytes) / 1048576) : "";
}

std::string peaks_text(const GpuPeaks& peaks) {
  std::string text;
  for (const GpuRate& rate : peaks.rates) {
    const double tflop_per_s = rate.gflop_per_s * 1e-3;
    text += fmt::format("{}{} {:.{}f}", text.empty() ? "" : ", ", rate.precision, tflop_per_s,
                        tflop_per_s < 100 ? 1 : 0);
  }
  return fmt::format("peak of products of matrices, TFLOP/s: {}; of copies {:.2f} TB/s", text,
                     peaks.bytes_per_s * 1e-12);
}

}  // namespace

std::vector<std::string> describe_gpus(const std::vector<MachineGpu>& gpus) {
  std::vector<std::string> lines;
  for (const MachineGpu& gpu : gpus) {
    lines.push_back(fmt::format("{}: {}, {} multiprocessors, {}, {:.1f} GiB", gpu.info.device,
                                gpu.info.model, gpu.info.multiprocessors, gpu.info.isa,
                                static_cast<double>(gpu.info.memory_bytes) / (1 << 30)));
    lines.push_back(fmt::format("driver {}; {}", gpu.info.driver, gpu.info.libraries));
    if (!gpu.peaks.rates.empty()) lines.push_back(peaks_text(gpu.peaks));
  }
  return lines;
}

std::vector<ReportTable> gpu_tables(const SpeedResults& results) {
  ReportTable table;
  table.title = "GPUs right after the runs";
  table.note =
      "Clocks are medians, the rest is the most that was seen. Between runs a GPU waits, so that "
      "it "
      "takes less power than under steady load. Own memory: of the candidate's weights, "
      "activations "
      "and images; memory in use: of all processes.";
  table.name_width = kNameWidth;
  table.columns = {
      "",         "GPU",      "SM clock, MHz",  "highest, MHz",    "memory clock, MHz",
      "power, W", "limit, W", "temperature, C", "own memory, MiB", "memory in use, MiB"};
  table.text_columns = {1};
  table.wide_columns = {3, 4, 6, 7, 9};
  for (const SpeedRow& row : results.rows) {
    if (row.gpu_states.empty()) continue;
    const GpuState state = summary_of(row.gpu_states);
    table.rows.push_back({row.name, row.info.at("gpu").get<std::string>(),
                          number_text(state.sm_clock_mhz), number_text(state.most_sm_clock_mhz),
                          number_text(state.memory_clock_mhz), number_text(state.power_w),
                          number_text(state.power_limit_w), number_text(state.temperature_c),
                          mib_text(state.most_own_memory_bytes),
                          mib_text(state.memory_used_bytes)});
  }
  if (table.rows.empty()) return {};
  return {table};
}

void add_gpu(const SpeedRow& row, OrderedJson* json) {
  if (row.gpu_states.empty()) return;
  const GpuState state = summary_of(row.gpu_states);
  (*json)["gpu_memory_bytes"] = state.most_own_memory_bytes;
  OrderedJson about = to_json(state);
  about.erase("own_memory_bytes");
  about.erase("most_own_memory_bytes");
  (*json)["gpu_state"] = std::move(about);
}

}  // namespace lasso::app
