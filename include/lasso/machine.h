// What this machine can do, to judge measurements by.
#ifndef LASSO_MACHINE_H_
#define LASSO_MACHINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lasso/export.h"

namespace lasso {

struct MachineInfo {
  int cores = 0;  // physical ones that the process may use
  // What 0 threads means wherever it is the default: as many as cores, but no more than
  // OMP_NUM_THREADS or omp_set_num_threads() allow the calling thread.
  int threads = 0;
  std::string isa;  // the best that the CPU has and the cap allows: "amx_bf16"
};

// `isa` caps what is told, as EngineOptions::isa does. Throws kUnsupported for a CPU without AVX2,
// kInvalidArgument for an unknown name.
LASSO_EXPORT MachineInfo machine_info(const std::string& isa = {});

// The names that caps may have, in their order: "avx2", ...
LASSO_EXPORT std::vector<std::string> isa_names();

// The highest rate at which the CPU multiplies and adds, on registers alone: no model is faster.
struct PeakRate {
  std::string precision;    // of the factors: "fp32", "bf16" or "int8"
  std::string isa;          // the first instruction set that has the instruction: "avx2", ...
  std::string instruction;  // "vfmadd231ps"
  int threads = 0;
  // 1e9 operations per second of all threads together; a multiplication and an addition are two. Of
  // integers for int8.
  double gflop_per_s = 0;
};

// Measures it for every kind of multiply-add that the CPU has and the cap allows, fp32 with AVX2
// first; takes about a tenth of a second for each. threads: at most the physical cores that
// the process may use; 0: MachineInfo::threads. Throws kInvalidArgument for a negative number,
// kUnsupported for a CPU without AVX2.
LASSO_EXPORT std::vector<PeakRate> measure_peaks(int threads = 0, const std::string& isa = {});

// An NVIDIA GPU.
struct GpuInfo {
  std::string device;  // as EngineOptions::device takes it: "cuda:0"
  std::string model;   // "NVIDIA H200"
  std::string isa;     // its compute capability: "sm_90"
  int multiprocessors = 0;
  std::uint64_t memory_bytes = 0;
  std::string driver;     // "580.95.05, CUDA 13.0": with the newest CUDA that it runs
  std::string libraries;  // that compute on it: "cuBLASLt 13.0.2"
};

// The GPUs that the driver shows. Throws kUnsupported where this build has no CUDA, and kDevice
// where there is no driver, one that is too old (docs/gpu.md), or no GPU.
LASSO_EXPORT std::vector<GpuInfo> gpus();

// What a GPU does at a moment. What the driver does not tell is absent; clocks, power and memory
// are of the whole GPU, whatever uses it.
struct GpuState {
  std::optional<int> sm_clock_mhz;
  std::optional<int> most_sm_clock_mhz;  // that it may have
  std::optional<int> memory_clock_mhz;
  std::optional<double> power_w;  // on most GPUs the mean of the last second
  std::optional<double> power_limit_w;
  std::optional<int> temperature_c;
  std::optional<std::uint64_t> memory_used_bytes;
  std::optional<std::uint64_t> memory_bytes;
  // Of weights, activations and images that Lasso has there in this process, now and at most until
  // now; what CUDA itself takes is not counted.
  std::uint64_t own_memory_bytes = 0;
  std::uint64_t most_own_memory_bytes = 0;
};

// `device` is as EngineOptions::device takes it; of several GPUs it is the first. Throws
// kInvalidArgument for the CPU, kNotFound for an index that no GPU has, and what gpus() throws.
LASSO_EXPORT GpuState gpu_state(const std::string& device);

// The rate at which a GPU multiplies matrices.
struct GpuRate {
  std::string precision;  // of the factors: "fp32", "tf32", "bf16" or "fp16"
  std::string kernel;     // of Lasso, that was measured
  double gflop_per_s = 0;
};

// The highest rates that Lasso reaches on a GPU.
struct GpuPeaks {
  std::string device;          // "cuda:0"
  std::vector<GpuRate> rates;  // of the precisions for which the GPU has a fast kernel
  double bytes_per_s = 0;      // of a copy in its memory: what is read and what is written
};

// Measures them: products of two matrices of 8192 x 8192 random numbers, and a copy of a GiB. Takes
// seconds, and about a GiB of the GPU's memory. Throws what gpu_state() does, and kOutOfMemory.
LASSO_EXPORT GpuPeaks gpu_peaks(const std::string& device);

// The libraries that compute, with their versions: "oneDNN 2.6.3"; empty where there are none.
LASSO_EXPORT std::string compute_libraries();

}  // namespace lasso

#endif  // LASSO_MACHINE_H_
