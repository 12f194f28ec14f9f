// Runners: the named tensors of any engine's programs, whatever the model is.
#ifndef LASSO_RUNNER_H_
#define LASSO_RUNNER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lasso/argument.h"
#include "lasso/device.h"
#include "lasso/engine.h"
#include "lasso/export.h"
#include "lasso/model_runner.h"
#include "lasso/tensor.h"

namespace lasso {

struct RunnerOptions {
  std::string program;  // one of EngineInfo::programs; empty: the only one
  int threads = 0;      // 0: MachineInfo::threads
};

// It belongs to one thread at a time: it owns the arena. Not copyable; may be moved. A runner keeps
// its engine alive. What SegmenterOptions says of threads holds for it, too.
class LASSO_EXPORT Runner : public ModelRunner {
 public:
  // Throws kNotFound for a program that the engine lacks, and kInvalidArgument where it has several
  // and none is named and for a number of threads out of range. Where all symbols have a most,
  // memory for it is taken at once: kOutOfMemory if there is not as much.
  explicit Runner(const Engine& engine, const RunnerOptions& options = {});
  ~Runner() override;
  Runner(Runner&&) noexcept;
  Runner& operator=(Runner&&) noexcept;

  const Engine& engine() const;
  int threads() const override;
  const std::string& program() const;
  const std::vector<ArgumentInfo>& inputs() const override;   // in the program's order
  const std::vector<ArgumentInfo>& outputs() const override;  // in the program's order
  // Of those that the inputs' shapes name: where the engine was built for.
  std::map<std::string, std::int64_t> typical_sizes() const override;
  // "runtime", "device", "precision", "isa" and "threads".
  std::vector<std::pair<std::string, std::string>> settings() const override;

  // Runs the program on one tensor for each input, by name, and returns one for each output. Throws
  // kInvalidArgument, naming the tensor, what it is and what is expected, for an input that is
  // missing or unknown, of another type or shape, outside of the profile of a size or computes one
  // that is, or, where it is itself an index into a table, be it reshaped or of another type,
  // outside of that table; kCorruptFile where the engine's file has become shorter.
  // Outputs are what the program computes, be they finite or not; of those with a count, the rows
  // that count, and no counts. Integers of 64 bits must fit into 32, in which programs compute.
  std::map<std::string, HostTensor> run(const std::map<std::string, HostTensorView>& inputs);
  // The same into `outputs`, whose memory is reused; no input may lie in it.
  void run(const std::map<std::string, HostTensorView>& inputs,
           std::map<std::string, HostTensor>* outputs) override;

  // The same without names: one tensor for each of inputs(), and one for each of outputs() that is
  // no count, in their order.
  std::vector<HostTensor> run_in_order(const std::vector<HostTensorView>& inputs);

  // Asks for the same on tensors in the memory of the engine's GPU, and returns: the work begins
  // after what has been asked of `stream`, and what is asked of it from now on begins after the
  // work. There is one output for each of the program's, whose memory does not overlap an input's.
  // Indices are not checked: one outside of its table gives any row. Outputs with a count have the
  // most rows that there may be. Throws as run() does, also for
  // outputs of another type or shape, and kUnsupported for an engine on the CPU. Inputs in
  // `host_inputs` lie in the host's memory, which may change when the call returns: those that
  // decide sizes (ArgumentRole::kSizes) must, and any may.
  void enqueue(const std::map<std::string, DeviceTensorView>& inputs,
               const std::map<std::string, DeviceTensorView>& outputs, DeviceStream stream,
               const std::map<std::string, HostTensorView>& host_inputs = {});
  // Where the tensors of enqueue() must lie: "cuda:0"; "cpu" for an engine on the CPU.
  std::string device() const;

  // What the program of the last run() took, milliseconds; 0 before the first.
  double last_run_ms() const override;

  // Called after every step of run() but those that compute nothing (another shape of a value), in
  // the order of LayerInfo, with the name of the step's first result, its shape, its values in
  // float32 (null for integers and truths), valid during the call, and the time of the step in
  // milliseconds. Empty: none. Runs that are traced are slower.
  using Trace = std::function<void(const std::string& name, const std::vector<std::int64_t>& shape,
                                   const float* values, double ms)>;
  void set_trace(Trace trace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lasso

#endif  // LASSO_RUNNER_H_
