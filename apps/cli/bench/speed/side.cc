#include "cli/bench/speed/side.h"

#include <filesystem>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "cli/bench/speed/runtime.h"
#include "cli/exit_codes.h"
#include "cli/model/idle_threads.h"
#include "common/machine.h"
#include "core/memory.h"

namespace lasso::app {

namespace {

OrderedJson run_stage(const OrderedJson& request, SpeedRuntime* runtime) {
  const auto kind = request.at("kind").get<SpeedStage::Kind>();
  if (kind == SpeedStage::Kind::kEncode) {
    return runtime->encode(request.at("count").get<int>());
  }
  if (kind == SpeedStage::Kind::kEndToEnd || kind == SpeedStage::Kind::kFileToBoxes) {
    return runtime->end_to_end();
  }
  if (kind == SpeedStage::Kind::kRun) return runtime->run();
  if (kind == SpeedStage::Kind::kNetwork) return runtime->network();
  if (kind == SpeedStage::Kind::kDetect) return runtime->detect();
  return runtime->decode(request.at("count").get<int>());
}

OrderedJson answer_to(const OrderedJson& request, SpeedRuntime* runtime) {
  if (request.contains("kind")) {
    OrderedJson answer = run_stage(request, runtime);
    OrderedJson state = runtime->gpu_state();
    if (!state.is_null()) answer["gpu_state"] = std::move(state);
    return answer;
  }
  if (request.contains("layers")) return runtime->layers();
  return {{"peak_rss_bytes", peak_resident_memory()}};
}

std::uint64_t bytes_of(const std::string& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return error ? 0 : size;
}

void serve(const Operand& operand, const SpeedSetup& setup, Parent* parent) {
  parent->receive();  // asks for the model
  const std::unique_ptr<SpeedRuntime> runtime = make_runtime(operand, setup);
  parent->send(RecordKind::kInfo, runtime->info());
  while (true) {
    const Record request = parent->receive();
    const OrderedJson answer = answer_to(request.meta, runtime.get());
    wait_for_idle_threads();
    parent->send(RecordKind::kAnswer, answer);
  }
}

void serve_machine(int threads, Parent* parent) {
  while (true) {
    const OrderedJson request = parent->receive().meta;
    const OrderedJson answer = request.contains("gpu")
                                   ? to_json(measure_gpu(request.at("gpu").get<std::string>()))
                                   : to_json(measure_machine(threads));
    wait_for_idle_threads();
    parent->send(RecordKind::kAnswer, answer);
  }
}

}  // namespace

std::uint64_t estimated_memory(const Operand& operand, std::int64_t most_prompts) {
  std::uint64_t weights =
      is_random(operand.file) ? random_weight_bytes(operand.file) : bytes_of(operand.file);
  for (const std::string& encoder : operand.encoders) weights += bytes_of(encoder);
  // Read and packed weights, the encoder's activations, the decoder's for each prompt with its
  // mask.
  return 2 * weights + 256 * kMiB + static_cast<std::uint64_t>(most_prompts) * 8 * kMiB;
}

SpeedSide::SpeedSide(const Operand& operand, const SpeedSetup& setup)
    : child_(operand.text(), [&](Parent* parent) { serve(operand, setup, parent); }) {}

OrderedJson SpeedSide::load() {
  child_.send(RecordKind::kRequest, OrderedJson::object());
  return child_.next().meta;
}

OrderedJson SpeedSide::run(const SpeedStage& stage) {
  child_.send(RecordKind::kRequest, {{"kind", stage.kind}, {"count", stage.count}});
  return child_.next().meta;
}

OrderedJson SpeedSide::run_layers() {
  child_.send(RecordKind::kRequest, {{"layers", true}});
  return child_.next().meta;
}

std::uint64_t SpeedSide::peak_rss_bytes() {
  child_.send(RecordKind::kRequest, OrderedJson::object());
  return child_.next().meta.at("peak_rss_bytes").get<std::uint64_t>();
}

MachineSide::MachineSide(int threads)
    : child_("the machine's peak", [=](Parent* parent) { serve_machine(threads, parent); }) {}

MachineGpu MachineSide::measure_gpu(const std::string& device) {
  child_.send(RecordKind::kRequest, {{"gpu", device}});
  return gpu_from_json(child_.next().meta);
}

Machine MachineSide::measure() {
  child_.send(RecordKind::kRequest, OrderedJson::object());
  return machine_from_json(child_.next().meta);
}

}  // namespace lasso::app
