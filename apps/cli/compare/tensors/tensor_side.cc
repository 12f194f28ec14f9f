#include "cli/compare/tensors/tensor_side.h"

#include <cstdint>
#include <map>
#include <utility>

#include "cli/compare/tensors/tensor_inputs.h"
#include "cli/exit_codes.h"
#include "cli/model/idle_threads.h"
#include "cli/model/other_runtime.h"
#include "cli/model/size_inputs.h"
#include "cli/model/tensor_model.h"
#include "common/model_files.h"
#include "core/tensor.h"
#include "formats/onnx/check_onnx.h"
#include "formats/onnx/onnx_reader.h"
#include "lasso/tensor.h"

namespace lasso::app {

namespace {

OrderedJson to_json(const std::vector<ArgumentInfo>& arguments) {
  OrderedJson json = OrderedJson::array();
  for (const ArgumentInfo& argument : arguments) {
    json.push_back({{"name", argument.name}, {"type", argument.type}, {"shape", argument.shape}});
  }
  return json;
}

// What nodes of the file compute, in their order.
std::vector<std::string> values_of(const std::string& path) {
  std::vector<std::string> names;
  const OnnxModel model = check_onnx(read_onnx(path));
  for (const OnnxNode& node : model.graph.nodes) {
    for (const std::string& output : node.outputs) {
      if (!output.empty()) names.push_back(output);
    }
  }
  return names;
}

// An engine file holds what was fixed when it was built.
ModelOptions options_for(const Operand& operand, const ModelOptions& model) {
  ModelOptions options = model;
  options.model = operand.file;
  if (begins_like_engine(operand.file)) options.fixed_inputs.clear();
  return options;
}

class TensorSide {
 public:
  TensorSide(const Operand& operand, const SideTask& task, const RunOptions& run,
             std::optional<OpenModel> model, Parent* parent)
      : operand_(operand),
        task_(task),
        run_(run),
        options_(options_for(operand, task.model)),
        parent_(parent),
        size_inputs_(run.runtime == "lasso" ? SymbolSizes() : size_inputs_of(options_)),
        model_(model ? make_tensor_model(std::move(*model), run, task.program)
                     : open_tensor_model(options_, run, task.program)) {}

  void send_info() const {
    OrderedJson info = {
        {"model", model_.name},
        {"program", model_.program},
        {"settings", settings_json(model_.runner().settings())},
        {"settings_text", settings_text(model_.runner().settings())},
        {"load_ms", model_.load_ms},
        {"inputs", to_json(model_.runner().inputs())},
        {"outputs", to_json(model_.runner().outputs())},
        {"typical", model_.runner().typical_sizes()},
        {"size_inputs", model_.lasso() == nullptr
                            ? size_inputs_
                            : size_inputs(model_.runner().inputs(), model_.runner().outputs())},
        {"traces", model_.lasso() != nullptr}};
    if (model_.lasso() == nullptr) info["values"] = values_of(model_.path);
    parent_->send(RecordKind::kInfo, info);
  }

  void answer(const OrderedJson& request) {
    if (request.contains("inputs")) {
      make(request);
    } else if (request.contains("run")) {
      run(request.at("run").get<bool>());
    } else if (request.contains("output")) {
      const auto name = request.at("output").get<std::string>();
      send(name, outputs_.at(name));
    } else if (request.contains("layers")) {
      send_layers();
    } else {
      send_values(request.at("values").get<std::vector<std::string>>());
    }
  }

 private:
  void make(const OrderedJson& request) {
    std::vector<InputTask> inputs;
    for (const OrderedJson& input : request.at("inputs")) {
      inputs.push_back(input_task_from_json(input));
    }
    std::map<std::string, HostTensor> arrays;
    if (!task_.inputs.empty()) {
      arrays = for_option("--inputs", [&] { return load_npz(task_.inputs); });
    }
    inputs_ = make_inputs(inputs, arrays, request.at("seed").get<std::uint64_t>());
    parent_->send(RecordKind::kAnswer, OrderedJson::object());
  }

  void run_once(ModelRunner& runner, std::map<std::string, HostTensor>* outputs) const {
    std::map<std::string, HostTensorView> views;
    for (const auto& [name, tensor] : inputs_) views.emplace(name, tensor.view());
    try {
      with_model([&] { runner.run(views, outputs); });
    } catch (const lasso::Error& error) {
      if (error.code() == ErrorCode::kInvalidArgument) {
        usage_error("{}: {}", operand_.text(), error.what());
      }
      if (error.code() != ErrorCode::kUnsupported) throw;
      throw Failure(Exit::kUnsupported, operand_.text() + ": " + error.what());
    }
  }

  // The layers that compute something, in the order in which they run.
  std::vector<std::string> operations() const {
    std::vector<std::string> operations;
    for (const ProgramInfo& program : model_.model->engine.info().programs) {
      if (program.name != model_.program) continue;
      for (const LayerInfo& layer : program.layers) {
        if (layer.kernel != "alias") operations.push_back(layer.op);
      }
    }
    return operations;
  }

  void run(bool trace) {
    OrderedJson layers = OrderedJson::array();
    std::vector<std::string> ops;
    if (trace && model_.lasso() != nullptr) {
      ops = operations();
      model_.lasso()->set_trace([&](const std::string& name, const std::vector<std::int64_t>& shape,
                                    const float*, double) {
        const std::string op = layers.size() < ops.size() ? ops[layers.size()] : "";
        layers.push_back({name, op, lasso::to_string(shape)});
      });
    }
    run_once(model_.runner(), &outputs_);
    if (model_.lasso() != nullptr) model_.lasso()->set_trace({});
    wait_for_idle_threads();
    parent_->send(RecordKind::kAnswer,
                  {{"ms", model_.runner().last_run_ms()}, {"layers", std::move(layers)}});
  }

  void send_layers() {
    int index = 0;
    model_.lasso()->set_trace([&](const std::string& name, const std::vector<std::int64_t>& shape,
                                  const float* values, double) {
      const int own = index++;
      if (values == nullptr) return;
      parent_->send(RecordKind::kTensor,
                    {{"program", model_.program},
                     {"name", name},
                     {"shape", shape},
                     {"index", own},
                     {"doubles", false}},
                    values, static_cast<std::uint64_t>(element_count(shape)) * sizeof(float));
    });
    std::map<std::string, HostTensor> outputs;
    run_once(model_.runner(), &outputs);
    model_.lasso()->set_trace({});
    parent_->send(RecordKind::kAnswer, OrderedJson::object());
  }

  // In a session of its own: each value that becomes an output takes memory, and is in the way of
  // what the runtime would do to its graph.
  void send_values(const std::vector<std::string>& names) {
    const TensorModel model = open_tensor_model(options_, run_, task_.program, names);
    std::map<std::string, HostTensor> outputs;
    run_once(model.runner(), &outputs);
    for (const std::string& name : names) send(name, outputs.at(name));
    parent_->send(RecordKind::kAnswer, OrderedJson::object());
  }

  // Types that float32 does not hold go as doubles.
  void send(const std::string& name, const HostTensor& tensor) {
    const bool doubles = tensor.type != ElementType::kFloat32;
    const OrderedJson meta = {{"program", model_.program},
                              {"name", name},
                              {"shape", tensor.shape},
                              {"type", to_string(tensor.type)},
                              {"doubles", doubles}};
    if (!doubles) {
      parent_->send(RecordKind::kTensor, meta, tensor.bytes.data(), tensor.bytes.size());
      return;
    }
    const std::vector<double> values = to_doubles(tensor.view());
    parent_->send(RecordKind::kTensor, meta, values.data(), values.size() * sizeof(double));
  }

  const Operand& operand_;
  const SideTask& task_;
  RunOptions run_;
  ModelOptions options_;
  Parent* parent_;
  SymbolSizes size_inputs_;  // of another runtime's model
  TensorModel model_;
  std::map<std::string, HostTensor> inputs_;
  std::map<std::string, HostTensor> outputs_;
};

}  // namespace

OpenModel open_for_tensors(const Operand& operand, const ModelOptions& model,
                           const RunOptions& run) {
  return open_model(options_for(operand, model), run);
}

void serve_tensors(const Operand& operand, const SideTask& task, const RunOptions& run,
                   std::optional<OpenModel> model, Parent* parent) {
  TensorSide side(operand, task, run, std::move(model), parent);
  side.send_info();
  while (true) side.answer(parent->receive().meta);
}

std::vector<ArgumentInfo> arguments_from_json(const OrderedJson& json) {
  std::vector<ArgumentInfo> arguments;
  for (const OrderedJson& entry : json) {
    ArgumentInfo& argument = arguments.emplace_back();
    argument.name = entry.at("name").get<std::string>();
    argument.type = entry.at("type").get<ElementType>();
    argument.shape = entry.at("shape").get<std::vector<std::string>>();
  }
  return arguments;
}

std::vector<LayerKey> layers_from_json(const OrderedJson& json) {
  std::vector<LayerKey> layers;
  for (const OrderedJson& layer : json) {
    layers.push_back({layer.at(0).get<std::string>(), layer.at(1).get<std::string>(),
                      layer.at(2).get<std::string>()});
  }
  return layers;
}

}  // namespace lasso::app
