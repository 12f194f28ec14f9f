#include "kernels/evaluate.h"

#include <memory>
#include <utility>

#include "core/aligned_buffer.h"
#include "core/convert.h"
#include "kernels/family.h"
#include "kernels/registry.h"

namespace lasso::kernels {

namespace {

// Memory that a tensor owns.
Tensor allocate(DType dtype, Dims dims) {
  Tensor tensor{dtype, std::move(dims), nullptr, nullptr};
  auto buffer = std::make_shared<AlignedBuffer>(tensor.bytes(), Pages::kSmall);
  tensor.data = std::shared_ptr<const void>(buffer, buffer->data());
  return tensor;
}

std::byte* bytes_of(const Tensor& tensor) {
  return const_cast<std::byte*>(static_cast<const std::byte*>(tensor.data.get()));
}

// Kernels read dense tensors, and float32 where a graph's constant is in another float type.
Tensor as_computed(const Tensor& tensor) {
  if (!is_real(tensor.dtype) || tensor.dtype == DType::kF32) return tensor.dense();
  Tensor wide = allocate(DType::kF32, tensor.dims);
  read_f32(tensor.dense().view(), reinterpret_cast<float*>(bytes_of(wide)));
  return wide;
}

Operand operand_of(const Tensor& tensor, bool constant) {
  return {true, tensor.dtype, tensor.dims, constant};
}

}  // namespace

std::optional<std::vector<Tensor>> evaluate(const graph::Op& op,
                                            const std::vector<const Tensor*>& inputs,
                                            const graph::Results& results, WorkBudget& budget) {
  graph::Graph graph;
  graph::Node node{op, {}, {}};
  Call call;
  call.op = op;
  std::vector<Tensor> from;
  for (const Tensor* input : inputs) {
    if (input == nullptr) {
      call.inputs.emplace_back();
      from.emplace_back();
      node.inputs.push_back(graph::kNoValue);
      continue;
    }
    from.push_back(as_computed(*input));
    call.inputs.push_back(operand_of(from.back(), true));
    graph::Value& value = graph.values.emplace_back();
    value.dtype = from.back().dtype;
    value.shape = graph::Shape(from.back().dims.begin(), from.back().dims.end());
    node.inputs.push_back(static_cast<graph::ValueId>(graph.values.size() - 1));
  }
  std::vector<Dims> shapes;
  std::int64_t bytes = 0;
  for (const graph::Value& result : results) {
    graph.values.push_back(result);
    node.outputs.push_back(static_cast<graph::ValueId>(graph.values.size() - 1));
    shapes.push_back(graph::evaluate(result.shape, {}));
    bytes += element_count(shapes.back()) * static_cast<std::int64_t>(size_of(result.dtype));
    call.outputs.push_back({true, result.dtype, shapes.back(), false});
  }
  // What moves elements takes time as well.
  std::int64_t elements = bytes / 4;
  for (const Tensor& tensor : from) {
    if (tensor.data != nullptr) elements += element_count(tensor.dims);
  }
  const double flops = graph::flops(graph, node, {}) + static_cast<double>(elements);
  if (bytes > budget.bytes || flops > budget.flops) return {};

  const Family& family = family_of(op, backend::DeviceKind::kCpu);
  const std::size_t reference = family.size() - 1;
  const backend::TargetInfo target;
  const Offer offer = family.ask(reference, call, target);
  if (!offer) return {};
  budget.bytes -= bytes;
  budget.flops -= flops;

  const std::vector<std::size_t> packed_inputs = family.packed_inputs(call);
  const AlignedBuffer packed(offer.packed_bytes);
  std::vector<TensorView> constants;
  for (const std::size_t i : packed_inputs) {
    constants.push_back(i < from.size() ? from[i].view() : TensorView{});
  }
  if (!offer.packed_layout.empty()) family.pack(reference, call, constants, packed.data());
  std::vector<const void*> pointers;
  for (const Tensor& tensor : from) pointers.push_back(tensor.data.get());
  for (const std::size_t i : packed_inputs) {
    if (i < pointers.size()) pointers[i] = nullptr;
  }
  std::vector<Tensor> values;
  std::vector<void*> outputs;
  for (std::size_t i = 0; i < results.size(); ++i) {
    values.push_back(allocate(results[i].dtype, shapes[i]));
    outputs.push_back(bytes_of(values.back()));
  }
  const AlignedBuffer workspace(offer.workspace_bytes);
  family.run(reference)(*family.create(reference, call, target, offer),
                        {.inputs = pointers,
                         .outputs = outputs,
                         .packed = packed.data(),
                         .workspace = workspace.data()});
  return values;
}

}  // namespace lasso::kernels
