// For tests of passes: the pipeline over a program that stands alone.
#ifndef LASSO_PASSES_PASS_TEST_H_
#define LASSO_PASSES_PASS_TEST_H_

#include <utility>

#include "passes/pass.h"

namespace lasso::test {

inline graph::Graph optimized(graph::Graph graph, const passes::PassContext& context = {}) {
  graph::Module module;
  module.programs.push_back(std::move(graph));
  return std::move(passes::optimize(std::move(module), context).programs.front());
}

}  // namespace lasso::test

#endif  // LASSO_PASSES_PASS_TEST_H_
