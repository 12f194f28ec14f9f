// What running an engine's programs takes, so that a test can let a lying one be.
#ifndef LASSO_TESTS_SUPPORT_PROGRAM_WORK_H_
#define LASSO_TESTS_SUPPORT_PROGRAM_WORK_H_

#include <algorithm>
#include <cstdint>

#include "engine/compile/compile.h"
#include "graph/graph.h"

namespace lasso::test {

struct ProgramWork {
  double flops = 0;
  double elements = 0;             // of all values together
  std::int64_t largest_value = 0;  // elements
};

// Counts at the programs' typical sizes. Throws kInvalidArgument where one does not fit 64 bits.
inline ProgramWork work_of(const engine::CompiledModule& module) {
  ProgramWork work;
  for (const engine::CompiledProgram& program : module.programs) {
    const graph::Graph& graph = program.graph;
    for (const graph::Node& node : graph.nodes) {
      work.flops += graph::flops(graph, node, graph.typical);
    }
    for (const graph::Value& value : graph.values) {
      const std::int64_t count = element_count(graph::evaluate(value.shape, graph.typical));
      work.elements += static_cast<double>(count);
      work.largest_value = std::max(work.largest_value, count);
    }
  }
  return work;
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_PROGRAM_WORK_H_
