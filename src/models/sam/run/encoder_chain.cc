#include "models/sam/run/encoder_chain.h"

#include <span>

#include "core/check.h"

namespace lasso::sam {

namespace {

std::unique_ptr<engine::Session> make_session(const EncoderStage& stage, engine::Session& main) {
  const backend::DeviceKind own = stage.module->options.target.kind;
  LASSO_CHECK(own == main.target().kind, ErrorCode::kInvalidArgument,
              "an image encoder is for the device \"{}\", and the decoder is for \"{}\"",
              to_string(own), to_string(main.target().kind));
  engine::SessionOptions options;
  options.threads = main.threads();
  // On the CPU each module keeps the features that its kernels were chosen for.
  if (!main.device()->is_host()) options.device = main.device();
  return std::make_unique<engine::Session>(stage.module, options);
}

}  // namespace

EncoderChain::EncoderChain(const std::vector<EncoderStage>& stages, engine::Session& main) {
  for (const EncoderStage& stage : stages) {
    Stage& next = stages_.emplace_back();
    next.what = stage;
    next.session = make_session(stage, main);
    if (stages_.size() == stages.size()) break;  // the caller has the last one's result
    const engine::CompiledProgram& program = stage.module->programs.at(stage.program);
    graph::Bindings bindings;
    for (std::size_t i = 0; i < program.symbols.size(); ++i) {
      bindings[program.symbols[i]] = stage.symbols.at(i);
    }
    for (const graph::ValueId id : program.graph.outputs) {
      const graph::Value& value = program.graph.value(id);
      const Dims dims = graph::evaluate(value.shape, bindings);
      next.memory.push_back(next.session->device()->allocate(
          static_cast<std::size_t>(element_count(dims)) * size_of(value.dtype)));
      next.results.emplace_back(next.memory.back().data(), value.dtype,
                                engine::MemorySpace::kDevice);
    }
  }
}

void EncoderChain::run(const engine::ConstTensorRef& image, const engine::TensorRef& embedding) {
  std::span<const engine::TensorRef> before;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    Stage& stage = stages_[i];
    inputs_.clear();
    if (i == 0) {
      inputs_.push_back(image);
    } else {
      for (const std::size_t input : stage.what.inputs) {
        const engine::TensorRef& result = before[input];
        inputs_.emplace_back(result.data, result.dtype, result.space);
      }
    }
    const bool is_last = i + 1 == stages_.size();
    const std::span<const engine::TensorRef> results =
        is_last ? std::span(&embedding, 1) : std::span<const engine::TensorRef>(stage.results);
    // Each has a stream of its own: what the next reads must be there.
    stage.session->run(stage.what.program, stage.what.symbols, inputs_, results);
    before = results;
  }
}

void EncoderChain::prepare() {
  for (Stage& stage : stages_) stage.session->prepare(stage.what.program, stage.what.symbols);
}

void EncoderChain::set_trace(const engine::Session::Trace& trace) {
  for (Stage& stage : stages_) stage.session->set_trace(trace);
}

}  // namespace lasso::sam
