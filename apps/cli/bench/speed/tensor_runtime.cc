#include "cli/bench/speed/tensor_runtime.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/model/host_tensors.h"
#include "cli/model/layer_json.h"
#include "cli/model/other_runtime.h"
#include "cli/model/size_inputs.h"
#include "cli/model/tensor_model.h"
#include "cli/values.h"
#include "core/check.h"
#include "lasso/machine.h"

namespace lasso::app {

namespace {

ModelOptions options_for(const Operand& operand, const SpeedSetup& setup) {
  ModelOptions options = setup.model;
  options.model = operand.file;
  return options;
}

// What Lasso's own runtime knows when it has loaded the model.
SymbolSizes sizes_before_loading(const Operand& operand, const SpeedSetup& setup,
                                 const RunOptions& run) {
  if (run.runtime == "lasso") return {};
  return size_inputs_of(options_for(operand, setup));
}

class TensorRuntime final : public SpeedRuntime {
 public:
  TensorRuntime(const Operand& operand, const SpeedSetup& setup)
      : operand_(operand),
        run_(apply_variant(operand, setup.run)),
        size_inputs_(sizes_before_loading(operand, setup, run_)),
        model_(open_tensor_model(options_for(operand, setup), run_, setup.program)) {
    if (engine() != nullptr) {
      size_inputs_ = size_inputs(model_.runner().inputs(), model_.runner().outputs());
    }
    constexpr std::uint64_t kSeed = 1;
    const SymbolSizes sizes = sizes_for(setup);
    for (const ArgumentInfo& input : model_.runner().inputs()) {
      const std::vector<std::int64_t> shape = shape_of(input, sizes);
      const auto size = size_inputs_.find(input.name);
      inputs_[input.name] =
          size == size_inputs_.end()
              ? random_tensor(input.type, shape, kSeed, input.name)
              : filled_tensor(input.type, shape, static_cast<double>(size->second));
    }
    for (const auto& [name, tensor] : inputs_) views_.emplace(name, tensor.view());
  }

  OrderedJson info() const override {
    OrderedJson json = {{"file", json_name(operand_.model())},
                        {"variant", operand_.variant},
                        {"runtime", run_.runtime},
                        {"model", model_.name},
                        {"program", model_.program},
                        {"settings", settings_json(model_.runner().settings())},
                        {"inputs", inputs_json()},
                        {"threads", model_.runner().threads()},
                        {"load_ms", model_.load_ms},
                        {"width", 0},
                        {"height", 0}};
    if (engine() == nullptr) {
      json["isa"] = lasso::machine_info().isa;
      json["gflop"] = OrderedJson::object();
      return json;
    }
    double gflop = 0;
    for (const LayerInfo* layer : layers_of_program()) gflop += layer->gflop;
    json["model_hash"] = engine()->model_hash;
    json["device"] = engine()->device;
    json["precision"] = engine()->precision;
    json["isa"] = engine()->isa;
    json["gflop"] = {{"run", gflop}};
    if (on_gpu()) {
      json["gpu"] = engine()->devices.front();
      json["tf32"] = engine()->tf32;
    }
    return json;
  }

  OrderedJson run() override {
    run_once();
    return {{"ms", model_.runner().last_run_ms()}};
  }

  OrderedJson encode(int /*images*/) override { refuse(); }
  OrderedJson decode(int /*prompts*/) override { refuse(); }
  OrderedJson end_to_end() override { refuse(); }

  OrderedJson gpu_state() override { return on_gpu() ? gpu_state_json(*engine()) : OrderedJson(); }

  // Another runtime shows none.
  OrderedJson layers() override {
    OrderedJson layers = OrderedJson::array();
    if (engine() == nullptr) return layers;
    std::vector<double> times;
    model_.lasso()->set_trace([&](const std::string&, const std::vector<std::int64_t>&,
                                  const float*, double ms) { times.push_back(ms); });
    run_once();
    model_.lasso()->set_trace({});
    std::size_t next = 0;
    for (const LayerInfo* layer : layers_of_program()) {
      if (layer->kernel == "alias" || next == times.size()) continue;
      layers.push_back(layer_json(*layer));
      layers.back()["stage"] = "run";
      layers.back()["ms"] = times[next++];
    }
    return layers;
  }

 private:
  // Models without symbols may stand beside others that have them.
  SymbolSizes sizes_for(const SpeedSetup& setup) const {
    SymbolSizes sizes = model_.runner().typical_sizes();
    if (sizes.empty()) return sizes;
    for (const auto& [symbol, size] : setup.sizes) {
      const auto known = sizes.find(symbol);
      if (known == sizes.end()) {
        std::vector<std::string> names;
        for (const auto& [name, typical] : sizes) names.push_back(name);
        usage_error("--size {}={}: the symbols of {} are {}", symbol, size, operand_.text(),
                    join_choices(names));
      }
      known->second = size;
    }
    return sizes;
  }

  // What Lasso has compiled; null on another runtime.
  const EngineInfo* engine() const { return model_.model ? &model_.model->engine.info() : nullptr; }
  bool on_gpu() const { return engine() != nullptr && engine()->device != "cpu"; }

  std::vector<const LayerInfo*> layers_of_program() const {
    std::vector<const LayerInfo*> layers;
    for (const ProgramInfo& program : engine()->programs) {
      if (program.name != model_.program) continue;
      for (const LayerInfo& layer : program.layers) layers.push_back(&layer);
    }
    return layers;
  }

  OrderedJson inputs_json() const {
    OrderedJson json = OrderedJson::array();
    for (const ArgumentInfo& input : model_.runner().inputs()) {
      json.push_back({{"name", input.name},
                      {"type", to_string(input.type)},
                      {"shape", inputs_.at(input.name).shape}});
    }
    return json;
  }

  void run_once() {
    try {
      with_model([&] { model_.runner().run(views_, &outputs_); });
    } catch (const lasso::Error& error) {
      if (error.code() != ErrorCode::kInvalidArgument) throw;
      usage_error("{}: {}", operand_.text(), error.what());  // a size that does not fit
    }
  }

  [[noreturn]] static void refuse() {
    fail(ErrorCode::kInternal, "a stage of pictures, where tensors are measured");
  }

  Operand operand_;
  RunOptions run_;
  SymbolSizes size_inputs_;
  TensorModel model_;
  std::map<std::string, HostTensor> inputs_;
  std::map<std::string, HostTensorView> views_;
  std::map<std::string, HostTensor> outputs_;
};

}  // namespace

std::unique_ptr<SpeedRuntime> make_tensor_runtime(const Operand& operand, const SpeedSetup& setup) {
  return std::make_unique<TensorRuntime>(operand, setup);
}

}  // namespace lasso::app
