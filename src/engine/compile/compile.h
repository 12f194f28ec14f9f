// Compiling: a kernel is chosen for every node and its constants are packed. The result is
// immutable and may be shared by any number of sessions.
#ifndef LASSO_ENGINE_COMPILE_COMPILE_H_
#define LASSO_ENGINE_COMPILE_COMPILE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/device.h"
#include "engine/compile/weights.h"
#include "graph/graph.h"
#include "kernels/family.h"
#include "quant/precision_plan.h"

namespace lasso::engine {

class KernelTimes;

struct CompileOptions {
  bool reference = false;  // the last kernel of every list
  // Kernels are chosen for it; the team that packs has its threads.
  backend::TargetInfo target;
  // Where the module's sessions run, with this target; null: on the CPU.
  std::shared_ptr<const backend::DeviceSet> devices;
  quant::PrecisionPlan precision;
  // Where several kernels of a list take a node, or one has tunings, all are timed, and what is
  // clearly faster than the kernel of the least estimated cost is preferred to it. What was timed
  // once is not timed again. Null: nothing is timed.
  std::shared_ptr<KernelTimes> times;
};

// How long a kernel took where kernels were timed, by its fastest tuning.
struct KernelTime {
  std::string kernel;  // Family::label()
  double ms = 0;
};

// What times chose; nothing where both are empty.
struct Preference {
  std::string kernel;  // Family::label()
  std::string tuning;  // Offer::tuning for it

  bool operator==(const Preference&) const = default;
};

// A node, the kernel that computes it and its packed constants.
struct CompiledNode {
  const kernels::Family* family =
      nullptr;             // null: the result is another name of input 0 (a reshape)
  std::size_t kernel = 0;  // index in the family's list, chosen at the typical sizes
  std::vector<std::size_t> packed_inputs;
  std::string packed_layout;
  StoredBytes packed;
  std::string implementation;         // of a vendor library
  std::vector<std::string> rejected;  // "name: reason" of better kernels
  std::vector<KernelTime> times;      // at the typical sizes, in the list's order; empty: not timed
  Preference preferred;               // at the typical sizes
};

struct CompiledProgram {
  graph::Graph graph;  // its constants no longer hold data
  std::vector<std::string> symbols;
  std::vector<CompiledNode> nodes;     // one for each node of the graph
  std::vector<StoredBytes> constants;  // by value; nothing for those that were packed
};

// Who packed the weights, and for what.
struct BuildRecord {
  std::string lasso_version;
  std::map<std::string, std::string> libraries;  // kernels::libraries() of the target
  backend::TargetInfo target;                    // that kernels were chosen for
  std::string processor;                         // model of the CPU or GPU
  // The features with which what runs by fast kernels still does.
  CpuFeatures needed = CpuFeature::kAvx2;
};

struct CompiledModule {
  std::vector<CompiledProgram> programs;
  Weights weights;
  CompileOptions options;
  BuildRecord build;

  // Whether the times in the nodes hold for a session with this target: of the same processor,
  // libraries, and threads and features of a CPU, or cap and TF32 of a GPU.
  bool times_hold(const backend::TargetInfo& target) const;
};

// Runs the passes, chooses the kernels at the program's typical sizes, and packs weights one by
// one; the pages of mapped weights are given back as soon as they are packed. Throws kUnsupported
// if no kernel can compute a node.
std::shared_ptr<const CompiledModule> compile(graph::Module module, const CompileOptions& options);

// The same with the weights in `sink`; a module whose weights a file took can't run.
CompiledModule compile(graph::Module module, const CompileOptions& options, WeightSink& sink);

// True where every output is a value that a node writes and that has no other name: neither an
// input, nor a constant, nor a reshape of another output.
bool outputs_are_separate(const graph::Graph& graph);

// The node as kernels see it, with the sizes of a binding.
kernels::Call make_call(const graph::Graph& graph, const graph::Node& node,
                        const graph::Bindings& bindings);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_COMPILE_COMPILE_H_
