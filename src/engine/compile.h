// Compiling: a kernel is chosen for every node and its constants are packed. The result is
// immutable and may be shared by any number of sessions.
#ifndef LASSO_ENGINE_COMPILE_H_
#define LASSO_ENGINE_COMPILE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/file.h"
#include "core/isa.h"
#include "engine/weight_sink.h"
#include "graph/graph.h"
#include "kernels/family.h"
#include "quant/precision_plan.h"

namespace lasso::engine {

struct CompileOptions {
  bool reference = false;  // the last kernel of every list
  Isa isa = Isa::kAvx2;    // no kernel above it
  int threads = 1;         // of the team that packs; kernels are chosen for it
  quant::PrecisionPlan precision;
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
  std::string onednn_version;
  Isa isa = Isa::kAvx2;         // the best that the build could use
  Isa needed_isa = Isa::kAvx2;  // the lowest with which what runs by fast kernels still does
};

struct CompiledModule {
  std::vector<CompiledProgram> programs;
  // What the weights lie in: buffers, or an engine file.
  std::vector<AlignedBuffer> storage;
  std::shared_ptr<const MappedFile> file;
  std::uint64_t weight_bytes = 0;
  CompileOptions options;
  BuildRecord build;
};

// Runs the passes, chooses the kernels at the program's typical sizes, and packs weights one by
// one; the pages of mapped weights are given back as soon as they are packed. Throws kUnsupported
// if no kernel can compute a node.
std::shared_ptr<const CompiledModule> compile(graph::Module module, const CompileOptions& options);

// The same with the weights in `sink`. If that keeps no data in memory the module can't run.
CompiledModule compile(graph::Module module, const CompileOptions& options, WeightSink& sink);

// True where every output is a value that a node writes and that has no other name: neither an
// input, nor a constant, nor a reshape of another output.
bool outputs_are_separate(const graph::Graph& graph);

// The node as kernels see it, with the sizes of a binding.
kernels::Call make_call(const graph::Graph& graph, const graph::Node& node,
                        const graph::Bindings& bindings);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_COMPILE_H_
