// The inputs that both models get: somebody's arrays, or random numbers.
#ifndef LASSO_CLI_COMPARE_TENSORS_TENSOR_INPUTS_H_
#define LASSO_CLI_COMPARE_TENSORS_TENSOR_INPUTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/compare/tensors/layout.h"
#include "cli/model/host_tensors.h"
#include "common/json_text.h"
#include "lasso/tensor.h"

namespace lasso::app {

// Of two types the one that holds fewer numbers: what both hold is exact in it.
ElementType narrower(ElementType a, ElementType b);

// A tensor of A's as B takes it.
HostTensor as_other(const HostTensor& tensor, ElementType type, Layout layout);

// What one side is to make of an input.
struct InputTask {
  std::string name;  // of the side's own input
  ElementType type = ElementType::kFloat32;
  Layout layout = Layout::kSame;
  std::string source;                               // the array's name in the file, or of A's input
  bool given = false;                               // by the file
  ElementType source_type = ElementType::kFloat32;  // of random numbers
  std::vector<std::int64_t> source_shape;
  std::int64_t size = 0;  // what all elements are; 0: random numbers
};
OrderedJson to_json(const InputTask& input);
InputTask input_task_from_json(const OrderedJson& json);

// `arrays` holds those that are given.
std::map<std::string, HostTensor> make_inputs(const std::vector<InputTask>& inputs,
                                              const std::map<std::string, HostTensor>& arrays,
                                              std::uint64_t seed);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_TENSORS_TENSOR_INPUTS_H_
