#include <utility>

#include "core/check.h"
#include "passes/pass.h"

namespace lasso::passes {

namespace {

// A pass that looks at one program at a time.
template <graph::Graph (*kPass)(graph::Graph, const PassContext&)>
graph::Module each(graph::Module module, const PassContext& context) {
  for (graph::Graph& program : module.programs) program = kPass(std::move(program), context);
  return module;
}

void verify_after(std::string_view pass, const graph::Module& module) {
  try {
    for (const graph::Graph& program : module.programs) graph::verify(program);
  } catch (const Error& error) {
    fail(ErrorCode::kInternal, "after pass {}: {}", pass, error.what());
  }
}

}  // namespace

const std::vector<Pass>& pipeline() {
  static const std::vector<Pass> passes{
      {"hoist", hoist},
      // What importers leave; described models have none of it.
      {"fuse_resize", each<fuse_resize>},
      {"eliminate_dead", each<eliminate_dead>},
      {"sink_transposes", each<sink_transposes>},
      {"eliminate_dead", each<eliminate_dead>},
      {"fuse_layer_norm", each<fuse_layer_norm>},
      {"fuse_functions", each<fuse_functions>},
      {"eliminate_dead", each<eliminate_dead>},
      {"fuse_attention", each<fuse_attention>},
      {"merge_layouts", each<merge_layouts>},
      {"eliminate_dead", each<eliminate_dead>},
      {"fuse_windows", each<fuse_windows>},
      {"eliminate_dead", each<eliminate_dead>},
      {"fuse_two_way", each<fuse_two_way>},
      {"eliminate_dead", each<eliminate_dead>},
      {"chain_pools", each<chain_pools>},
      // A fusion leaves the merged node behind, whose reads would hide other single uses.
      {"fuse_activation", each<fuse_activation>},
      {"eliminate_dead", each<eliminate_dead>},
      // Behind the activation, which stands before the sum in a linear layer.
      {"fuse_residual", each<fuse_residual>},
      {"eliminate_dead", each<eliminate_dead>},
      // Behind the fusions, which know float32 alone.
      {"lower_precision", each<lower_precision>},
      {"eliminate_dead", each<eliminate_dead>},
      // Behind the casts that it takes over, and the types that decide on it.
      {"fuse_norm", each<fuse_norm>},
      {"fuse_upscaling", each<fuse_upscaling>},
      {"fuse_masks", each<fuse_masks>},
      {"fuse_joins", each<fuse_joins>},
      {"pointwise_linear", each<pointwise_linear>},
      {"eliminate_dead", each<eliminate_dead>},
      // Last: whether there is a kernel depends on what was fused and lowered.
      {"decompose", each<decompose>},
      {"eliminate_dead", each<eliminate_dead>},
  };
  return passes;
}

graph::Module optimize(graph::Module module, const PassContext& context) {
  for (const graph::Graph& program : module.programs) graph::verify(program);
  for (const Pass& pass : pipeline()) {
    module = pass.run(std::move(module), context);
    verify_after(pass.name, module);
  }
  return module;
}

}  // namespace lasso::passes
