#include "cli/compare/tensors/tensor_inputs.h"

namespace lasso::app {

namespace {

// A place in the order of types by how much they hold.
int rank_of(ElementType type) {
  if (type == ElementType::kBool) return 0;
  return (is_real_type(type) ? 100 : 1) + static_cast<int>(size_of(type));
}

}  // namespace

ElementType narrower(ElementType a, ElementType b) { return rank_of(b) < rank_of(a) ? b : a; }

HostTensor as_other(const HostTensor& tensor, ElementType type, Layout layout) {
  if (layout == Layout::kSame && type == tensor.type) return tensor;
  const std::vector<double> values = to_doubles(tensor.view());
  if (layout == Layout::kSame) return from_doubles(type, tensor.shape, values);
  std::vector<double> moved;
  moved.reserve(values.size());
  for (const std::size_t place : elements_of_a(tensor.shape, layout)) {
    moved.push_back(values[place]);
  }
  return from_doubles(type, in_order_of_b(tensor.shape, layout), moved);
}

OrderedJson to_json(const InputTask& input) {
  return {{"name", input.name},
          {"type", input.type},
          {"layout", input.layout},
          {"source", input.source},
          {"given", input.given},
          {"source_type", input.source_type},
          {"source_shape", input.source_shape},
          {"size", input.size}};
}

InputTask input_task_from_json(const OrderedJson& json) {
  InputTask input;
  input.name = json.at("name").get<std::string>();
  input.type = json.at("type").get<ElementType>();
  input.layout = json.at("layout").get<Layout>();
  input.source = json.at("source").get<std::string>();
  input.given = json.at("given").get<bool>();
  input.source_type = json.at("source_type").get<ElementType>();
  input.source_shape = json.at("source_shape").get<std::vector<std::int64_t>>();
  input.size = json.at("size").get<std::int64_t>();
  return input;
}

std::map<std::string, HostTensor> make_inputs(const std::vector<InputTask>& inputs,
                                              const std::map<std::string, HostTensor>& arrays,
                                              std::uint64_t seed) {
  std::map<std::string, HostTensor> tensors;
  for (const InputTask& input : inputs) {
    const HostTensor source =
        input.given ? arrays.at(input.source)
        : input.size > 0
            ? filled_tensor(input.source_type, input.source_shape, static_cast<double>(input.size))
            : random_tensor(input.source_type, input.source_shape, seed, input.source);
    tensors[input.name] = as_other(source, input.type, input.layout);
  }
  return tensors;
}

}  // namespace lasso::app
