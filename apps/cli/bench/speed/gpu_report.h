// GPUs in the report of `lasso bench speed`.
#ifndef LASSO_CLI_BENCH_SPEED_GPU_REPORT_H_
#define LASSO_CLI_BENCH_SPEED_GPU_REPORT_H_

#include <string>
#include <vector>

#include "cli/bench/report/report.h"
#include "cli/bench/speed/results.h"
#include "common/json_text.h"

namespace lasso::app {

// What each GPU is, and its peaks.
std::vector<std::string> describe_gpus(const std::vector<MachineGpu>& gpus);

// One with what GPUs did while candidates ran; none where no candidate runs on one.
std::vector<ReportTable> gpu_tables(const SpeedResults& results);

// Adds "gpu_memory_bytes" and "gpu_state" for a candidate on a GPU.
void add_gpu(const SpeedRow& row, OrderedJson* json);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_SPEED_GPU_REPORT_H_
