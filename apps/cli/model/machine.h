// The machine that figures come from, and the rates at which it can compute.
#ifndef LASSO_CLI_MODEL_MACHINE_H_
#define LASSO_CLI_MODEL_MACHINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/model/gpu.h"
#include "common/json_text.h"
#include "lasso/machine.h"

namespace lasso::app {

struct Machine {
  std::string cpu;
  int cores = 0;  // physical ones that the process may use
  std::string isa;
  std::uint64_t memory_bytes = 0;
  std::vector<PeakRate> peaks;
  std::vector<MachineGpu> gpus;  // those that figures come from

  // The CPU's rate for models of this precision with at best this instruction set; 0 if there is
  // none.
  double peak_gflop_per_s(const std::string& precision, const std::string& isa) const;
  // A GPU's rate; 0 if it is not known.
  double gpu_peak_gflop_per_s(const std::string& device, const std::string& precision) const;
};

OrderedJson to_json(const Machine& machine);
Machine machine_from_json(const OrderedJson& json);

// Measures the CPU in this process, which then has threads.
Machine measure_machine(int threads);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_MACHINE_H_
