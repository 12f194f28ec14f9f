// sam_micro on devices, run by run.
#ifndef LASSO_TESTS_GPU_MICRO_H_
#define LASSO_TESTS_GPU_MICRO_H_

#include <memory>
#include <vector>

#include "core/random.h"
#include "engine/run/session.h"
#include "models/sam/checkpoint/checkpoint.h"
#include "models/sam/describe/describe.h"
#include "support/files.h"

namespace lasso::test {

// For these devices, or the CPU where there is none.
inline std::shared_ptr<const engine::CompiledModule> micro(
    const std::vector<std::shared_ptr<const backend::Device>>& devices) {
  const sam::SamCheckpoint checkpoint =
      sam::load_sam_checkpoint(data_path("sam_micro") + "/checkpoint.pth", "");
  engine::CompileOptions options;
  if (!devices.empty()) {
    options.devices = std::make_shared<const backend::DeviceSet>(devices);
    options.target = devices.front()->target();
  }
  return engine::compile(sam::describe(checkpoint), options);
}

// The embedding of a random image.
inline std::vector<float> encode(engine::Session& session, std::uint64_t seed) {
  const std::size_t program = session.program(sam::kImageEncoder);
  const graph::Graph& graph = session.module().programs[program].graph;
  const auto elements = [&](graph::ValueId id) {
    return static_cast<std::size_t>(
        element_count(graph::evaluate(graph.value(id).shape, {{"batch", 1}})));
  };
  std::vector<float> image(elements(graph.inputs.front()));
  SplitMix64 random(seed);
  for (float& value : image) value = random.uniform(-1.0F, 1.0F);
  std::vector<float> embedding(elements(graph.outputs.front()));
  const std::vector<std::int64_t> symbols{1};
  const std::vector<engine::ConstTensorRef> inputs{image.data()};
  const std::vector<engine::TensorRef> outputs{embedding.data()};
  session.run(program, symbols, inputs, outputs);
  return embedding;
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_GPU_MICRO_H_
