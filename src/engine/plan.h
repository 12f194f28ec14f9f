// A program bound to sizes: kernels with their states, and every pointer resolved but for the
// program's inputs and outputs.
#ifndef LASSO_ENGINE_PLAN_H_
#define LASSO_ENGINE_PLAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/choose_kernel.h"
#include "engine/compile.h"
#include "engine/memory_plan.h"
#include "kernels/family.h"

namespace lasso::engine {

class Plan {
 public:
  // Throws kInvalidArgument for a symbol below 1 or sizes that overflow.
  Plan(const CompiledProgram& program, const CompileOptions& options, int threads,
       std::span<const std::int64_t> symbols);

  std::size_t arena_bytes() const { return memory_.arena_bytes; }
  void set_arena(std::byte* arena);
  void set_arguments(std::span<const void* const> inputs, std::span<void* const> outputs);

  // A step's node, the shape of its first result, its results, and the time that it took.
  using AfterStep = std::function<void(const graph::Node& node, const Dims& dims,
                                       void* const* results, double ms)>;
  // Runs the steps in their order. `after` may be empty; poison: see SessionOptions.
  void run(bool poison, const AfterStep& after) const;

 private:
  // Where a value lies.
  struct Place {
    enum class Kind : std::uint8_t { kNone, kArena, kConstant, kInput, kOutput };
    Kind kind = Kind::kNone;
    std::size_t index = 0;  // of the block, input or output
    const void* constant = nullptr;
  };
  struct Step {
    kernels::Family::Run run = nullptr;
    std::unique_ptr<kernels::KernelState> state;
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    const std::byte* packed = nullptr;
    std::byte* workspace = nullptr;
    std::vector<Place> input_places;
    std::vector<Place> output_places;
    std::size_t workspace_block = 0;
    bool has_workspace = false;
    std::size_t node = 0;
    Dims dims;  // of the first result
    std::vector<std::size_t> result_bytes;
  };
  // A pointer of a step that changes with the arguments of the call.
  struct Patch {
    std::size_t step = 0;
    std::size_t operand = 0;
    std::size_t argument = 0;
  };

  void check_sizes() const;
  void place_values();
  void add_steps(const CompileOptions& options, const kernels::Target& target);
  KernelChoice choose(const graph::Node& node, const CompiledNode& compiled,
                      const kernels::Call& call, const CompileOptions& options,
                      const kernels::Target& target) const;
  void plan_arena();
  Place place_of(graph::ValueId id) const;
  void poison_before(const Step& step) const;
  void poison_after(std::size_t index) const;

  const CompiledProgram& program_;
  graph::Bindings bindings_;
  std::vector<graph::ValueId> root_;  // the value whose memory a value is: itself but for reshapes
  std::vector<Place> places_;         // by root value
  std::vector<Block> blocks_;
  MemoryPlan memory_;
  std::vector<Step> steps_;
  std::vector<Patch> input_patches_;
  std::vector<Patch> output_patches_;
  std::vector<Patch>
      read_back_patches_;  // a step that reads what an earlier one wrote to an output
  std::byte* arena_ = nullptr;
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_PLAN_H_
