// The GPUs that figures come from: what they can do, and what they did meanwhile.
#ifndef LASSO_CLI_MODEL_GPU_H_
#define LASSO_CLI_MODEL_GPU_H_

#include <string>
#include <vector>

#include "common/json_text.h"
#include "lasso/machine.h"

namespace lasso::app {

struct MachineGpu {
  GpuInfo info;
  GpuPeaks peaks;

  double peak_gflop_per_s(const std::string& precision) const;  // 0: not known
};

// For lists of devices: "cuda:0 (NVIDIA H200, sm_90)", and whether it can't be used.
std::string describe_gpu(const GpuInfo& gpu);

OrderedJson to_json(const MachineGpu& gpu);
MachineGpu gpu_from_json(const OrderedJson& json);

// Measures a GPU in this process; where its memory is full, there is a warning and no peak.
MachineGpu measure_gpu(const std::string& device);

// Adds the measurement of a GPU, or its higher rates where there is one: the clock may be held down
// now and then.
void add_measurement(const MachineGpu& measured, std::vector<MachineGpu>* gpus);

OrderedJson to_json(const GpuState& state);
GpuState gpu_state_from_json(const OrderedJson& json);

// Of several moments the medians of clocks, and the most of everything else.
GpuState summary_of(const std::vector<GpuState>& states);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_GPU_H_
