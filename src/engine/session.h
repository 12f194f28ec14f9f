// Running compiled programs: one session per thread. It owns the arena, and a bounded cache of
// plans, one for each program and binding of its symbols that was seen lately.
#ifndef LASSO_ENGINE_SESSION_H_
#define LASSO_ENGINE_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "engine/compile.h"
#include "engine/plan.h"
#include "engine/trace_values.h"

namespace lasso::engine {

struct SessionOptions {
  int threads = 1;
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

  // Index of the program; throws kNotFound.
  std::size_t program(const std::string& name) const;

  // Runs a program. `symbols` are the values of CompiledProgram::symbols, in their order; inputs
  // and outputs are dense arrays in the order and with the types and shapes of the graph's. Outputs
  // must not overlap inputs. Allocates only when the binding is new.
  void run(std::size_t program, std::span<const std::int64_t> symbols,
           std::span<const void* const> inputs, std::span<void* const> outputs);

  // Keeps at least that many plans from now on.
  void keep_plans(std::size_t count);

  // Plans a binding and touches the arena's pages, so that run() need not.
  void prepare(std::size_t program, std::span<const std::int64_t> symbols);

  using Trace = std::function<void(const std::string& program, const std::string& value,
                                   const Dims& dims, const float* data, double ms)>;
  // Called after every step with its first result in float32 (null for indices) and the time that
  // it took; empty: none.
  void set_trace(Trace trace) { trace_ = std::move(trace); }

  std::size_t arena_bytes() const { return arena_.size(); }
  std::size_t plan_count() const { return plans_.size(); }
  const CompiledModule& module() const { return *module_; }
  int threads() const { return options_.threads; }

 private:
  struct CachedPlan {
    std::size_t program = 0;
    std::vector<std::int64_t> symbols;
    std::uint64_t last_used = 0;
    std::unique_ptr<Plan> plan;
  };

  Plan& find_or_bind(std::size_t program, std::span<const std::int64_t> symbols);

  std::shared_ptr<const CompiledModule> module_;
  SessionOptions options_;
  std::vector<CachedPlan> plans_;
  std::uint64_t clock_ = 0;
  AlignedBuffer arena_;
  Trace trace_;
  TraceValues trace_values_;
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_SESSION_H_
