// A program bound to sizes: kernels with their states, and every pointer resolved but for the
// program's inputs and outputs.
#ifndef LASSO_ENGINE_RUN_PLAN_H_
#define LASSO_ENGINE_RUN_PLAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend/device.h"
#include "engine/compile/choose_kernel.h"
#include "engine/compile/compile.h"
#include "engine/run/memory_plan.h"
#include "engine/run/tensor_ref.h"
#include "kernels/family.h"

namespace lasso::engine {

class Plan {
 public:
  // `weights` are the module's on the device. Throws kInvalidArgument for a symbol below 1 or sizes
  // that overflow.
  Plan(const CompiledModule& module, const CompiledProgram& program, const backend::Device& device,
       const std::byte* weights, std::span<const std::int64_t> symbols);

  std::size_t arena_bytes() const { return memory_.arena_bytes; }
  void set_arena(std::byte* arena);

  // A step's node, the shape of its first result, its results on the device, and the time that it
  // took.
  using AfterStep = std::function<void(const graph::Node& node, const Dims& dims,
                                       std::span<void* const> results, double ms)>;
  // Asks the stream for all steps, in their order, after the arguments' uploads and before their
  // downloads. Arguments on the host may change when it returns, results there hold when the stream
  // has been waited for. With `after`, each step is waited for; poison: see SessionOptions. Throws
  // kInvalidArgument for arguments of another number or type.
  void enqueue(backend::Stream& stream, std::span<const ConstTensorRef> inputs,
               std::span<const TensorRef> outputs, bool poison, const AfterStep& after);
  // Makes the recording that enqueue() would make later, after a first run with whatever the arena
  // holds; nothing on devices that have no recordings.
  void record(backend::Stream& stream);

 private:
  // Where a value lies.
  struct Place {
    enum class Kind : std::uint8_t { kNone, kArena, kConstant, kInput, kOutput };
    Kind kind = Kind::kNone;
    std::size_t index = 0;  // of the block, input or output
    const void* constant = nullptr;
  };
  struct Step {
    backend::KernelRun run = nullptr;
    std::unique_ptr<backend::KernelState> state;
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
  // An input or output of the program.
  struct Argument {
    DType dtype = DType::kF32;
    std::size_t bytes = 0;
    std::size_t block = 0;  // of the arena, on devices that are not the host
  };

  void check_sizes() const;
  void place_values(const std::byte* weights);
  void place_arguments();
  void add_steps(const CompiledModule& module, const backend::TargetInfo& target,
                 const std::byte* weights);
  void add_operands(const graph::Node& node, const CompiledNode& compiled, Step& step);
  KernelChoice choose(const CompiledModule& module, const graph::Node& node,
                      const CompiledNode& compiled, const kernels::Call& call,
                      const backend::TargetInfo& target) const;
  void plan_arena(std::size_t alignment);
  Place place_of(graph::ValueId id) const;
  void set_arguments(backend::Stream& stream, std::span<const ConstTensorRef> inputs,
                     std::span<const TensorRef> outputs);
  std::byte* place_in_arena(const Argument& argument) const {
    return arena_ + memory_.offsets[argument.block];
  }
  // Puts input_pointers_ and output_pointers_ into the steps: of the call on the host, of the arena
  // on other devices.
  void set_argument_pointers();
  // Errors name the program and the value that the step computes.
  void launch(backend::Stream& stream, const Step& step) const;
  void run_step(backend::Stream& stream, const Step& step, const AfterStep& after) const;
  void run_steps(backend::Stream& stream, bool poison, const AfterStep& after) const;
  void run_recorded(backend::Stream& stream);
  void poison_before(backend::Stream& stream, const Step& step) const;
  void poison_after(backend::Stream& stream, std::size_t index) const;

  const CompiledProgram& program_;
  bool is_host_;  // kernels read and write the host's memory
  graph::Bindings bindings_;
  std::vector<graph::ValueId> root_;  // the value whose memory a value is: itself but for reshapes
  std::vector<Place> places_;         // by root value
  std::vector<Block> blocks_;
  MemoryPlan memory_;
  std::vector<Argument> inputs_;
  std::vector<Argument> outputs_;
  std::vector<Step> steps_;
  std::vector<Patch> input_patches_;
  std::vector<Patch> output_patches_;
  std::vector<Patch>
      read_back_patches_;  // a step that reads what an earlier one wrote to an output
  std::byte* arena_ = nullptr;
  // Of all steps with this arena, where the device has such a thing.
  std::unique_ptr<backend::Recording> recording_;
  bool has_run_ = false;
  bool can_record_ = true;
  std::vector<const void*> input_pointers_;  // where kernels find them
  std::vector<void*> output_pointers_;
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_RUN_PLAN_H_
