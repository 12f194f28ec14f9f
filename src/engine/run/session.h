// Running compiled programs: one session per thread. It owns a stream of the device, the arena, and
// a bounded cache of plans, one for each program and binding of its symbols that was seen lately.
#ifndef LASSO_ENGINE_RUN_SESSION_H_
#define LASSO_ENGINE_RUN_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/device.h"
#include "engine/compile/compile.h"
#include "engine/run/plan.h"
#include "engine/run/tensor_ref.h"
#include "engine/run/trace_values.h"

namespace lasso::engine {

struct SessionOptions {
  int threads = 1;
  // Where programs run; null: on the module's devices, in turn, or the CPU, with the module's
  // target and `threads`.
  std::shared_ptr<const backend::Device> device;
  std::size_t cached_plans = 16;
#ifdef NDEBUG
  bool poison = false;
#else
  bool poison = true;
#endif
  // poison: memory is filled with NaN before a step writes it and after its last reader, so that a
  // read of something unwritten or overwritten shows in the results.
};

class Session {
 public:
  Session(std::shared_ptr<const CompiledModule> module, const SessionOptions& options);
  ~Session();
  Session(Session&&) noexcept = default;
  Session& operator=(Session&&) = delete;  // it would have to wait, as the destructor does

  // Index of the program; throws kNotFound.
  std::size_t program(const std::string& name) const;

  // Asks for a run of a program. `symbols` are the values of CompiledProgram::symbols, in their
  // order; inputs and outputs are dense tensors in the order and with the types and shapes of the
  // graph's. Outputs must not overlap inputs. Inputs on the host may change when it returns;
  // outputs hold the results after wait(), and their memory must live until then, as must device
  // memory. Runs are done in the order in which they were asked for. Allocates only when the
  // binding is new. Throws kInvalidArgument for sizes or arguments that the program does not take,
  // and kCorruptFile where the weights lie in a file that has become shorter; when it has thrown,
  // nothing of what was asked for before is under way, and outputs hold anything.
  void enqueue(std::size_t program, std::span<const std::int64_t> symbols,
               std::span<const ConstTensorRef> inputs, std::span<const TensorRef> outputs);
  // Returns when all runs are done; throws what failed in them, and kCorruptFile as enqueue() does.
  void wait();
  // Both.
  void run(std::size_t program, std::span<const std::int64_t> symbols,
           std::span<const ConstTensorRef> inputs, std::span<const TensorRef> outputs) {
    enqueue(program, symbols, inputs, outputs);
    wait();
  }

  // Keeps at least that many plans from now on.
  void keep_plans(std::size_t count);

  // Calls `work`. When it throws, all runs are done, and what they would still write is forgotten.
  template <typename Work>
  void or_abandon(const Work& work) {
    try {
      work();
    } catch (...) {
      stream_->abandon();
      throw;
    }
  }

  // Plans a binding and touches the arena's pages, so that run() need not.
  void prepare(std::size_t program, std::span<const std::int64_t> symbols);
  // Records all plans that there are, on a device that gains by it, each after a first run with
  // whatever the arena holds: run() then need not. A plan that makes the arena larger undoes it.
  void record_plans();

  using Trace = std::function<void(const std::string& program, const std::string& value,
                                   const Dims& dims, const float* data, double ms)>;
  // Called after every step with its first result in float32 (null for indices) and the time that
  // it took; empty: none.
  void set_trace(Trace trace) { trace_ = std::move(trace); }

  const CompiledModule& module() const { return *module_; }
  const std::shared_ptr<const backend::Device>& device() const { return device_; }
  backend::Stream& stream() { return *stream_; }
  const backend::TargetInfo& target() const { return device_->target(); }
  int threads() const { return device_->is_host() ? target().threads : options_.threads; }

 private:
  struct CachedPlan {
    std::size_t program = 0;
    std::vector<std::int64_t> symbols;
    std::uint64_t last_used = 0;
    std::unique_ptr<Plan> plan;
  };

  // Before and after kernels read the weights where they lie.
  void check_weights() const;
  void enqueue(Plan& plan, std::size_t program, std::span<const ConstTensorRef> inputs,
               std::span<const TensorRef> outputs);
  Plan& find_or_bind(std::size_t program, std::span<const std::int64_t> symbols);

  std::shared_ptr<const CompiledModule> module_;
  SessionOptions options_;
  std::shared_ptr<const backend::Device> device_;
  std::unique_ptr<backend::Stream> stream_;
  const std::byte* weights_;  // on the device
  std::vector<CachedPlan> plans_;
  std::uint64_t clock_ = 0;
  backend::Buffer arena_;
  bool is_arena_touched_ = false;
  Trace trace_;
  TraceValues trace_values_;
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_RUN_SESSION_H_
