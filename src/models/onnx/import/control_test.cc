// Branches and loops that are decided while a model is imported.
#include <gtest/gtest.h>

#include "models/onnx/import/import_test.h"
#include "support/errors.h"

namespace lasso::onnx {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

std::string branch(const std::string& node, const std::string& result) {
  return onnx_graph({.nodes = {node}, .outputs = {onnx_value(result, 1, {})}});
}

// y = x + 1 or x - 1, by a truth that is an input.
std::string choice_model(const std::string& other = "") {
  const std::string no = other.empty() ? onnx_node("Sub", {"x", "one"}, {"less"}) : other;
  const std::string choose = onnx_node(
      "If", {"flag"}, {"y"}, "choose",
      {graph_attribute("then_branch", branch(onnx_node("Add", {"x", "one"}, {"more"}), "more")),
       graph_attribute("else_branch", branch(no, "less"))});
  return onnx_model(
      onnx_graph({.nodes = {choose},
                  .initializers = {onnx_raw_tensor("one", {1}, {1})},
                  .inputs = {onnx_value("x", 1, {onnx_dim("n")}), onnx_value("flag", 9, {})},
                  .outputs = {onnx_value("y", 1, {})}}));
}

std::vector<std::string> ops_of(const graph::Graph& graph) {
  std::vector<std::string> ops;
  for (const graph::Node& node : graph.nodes) ops.emplace_back(graph::op_name(node.op));
  return ops;
}

TEST(ImportIf, TakesTheBranchThatIsKnown) {
  const auto fixed = [](bool truth) {
    const auto value = std::make_shared<std::uint8_t>(truth ? 1 : 0);
    return FixedInputs{{"flag", {DType::kBool, {}, value, {}}}};
  };
  EXPECT_EQ(ops_of(imported(choice_model(), fixed(true))), std::vector<std::string>{"add"});
  EXPECT_EQ(ops_of(imported(choice_model(), fixed(false))), std::vector<std::string>{"sub"});
}

TEST(ImportIf, ComputesBothWhereTheConditionIsData) {
  EXPECT_EQ(ops_of(imported(choice_model())), (std::vector<std::string>{"add", "sub", "select"}));
  const std::string other = onnx_node("ReduceSum", {"x"}, {"less"});
  EXPECT_ERROR(
      imported(choice_model(other)), ErrorCode::kUnsupported,
      "node 0 (choose, If): a condition that depends on data, between results [n] and [1]");
}

// A count of boxes may be 0, so that an If by it can't be decided.
TEST(ImportIf, IsNotDecidedByACount) {
  const std::string choose = onnx_node(
      "If", {"some"}, {"y"}, "choose",
      {graph_attribute("then_branch", branch(onnx_node("Add", {"one", "one"}, {"two"}), "two")),
       graph_attribute("else_branch", branch(onnx_node("Sub", {"one", "one"}, {"none"}), "none"))});
  EXPECT_ERROR(
      imported(onnx_model(onnx_graph(
          {.nodes = {onnx_node("NonMaxSuppression", {"boxes", "scores", "most"}, {"selected"}),
                     onnx_node("Shape", {"selected"}, {"shape"}),
                     onnx_node("Gather", {"shape", "zero"}, {"count"}, "",
                               {integer_attribute("axis", 0)}),
                     onnx_node("Greater", {"count", "zero"}, {"some"}), choose},
           .initializers = {integers("most", {1}, {3}), integers("zero", {}, {0}),
                            onnx_raw_tensor("one", {1}, {1})},
           .inputs = {onnx_value("boxes", 1, {onnx_dim(1), onnx_dim(5), onnx_dim(4)}),
                      onnx_value("scores", 1, {onnx_dim(1), onnx_dim(2), onnx_dim(5)})},
           .outputs = {onnx_value("y", 1, {onnx_dim(1)})}}))),
      ErrorCode::kUnsupported, "how many of which there are is known at run time only");
}

TEST(ImportIf, NamesWhatABranchLacks) {
  const std::string other = onnx_node("Foo", {"x"}, {"less"}, "foo");
  EXPECT_ERROR(
      imported(choice_model(other)), ErrorCode::kUnsupported,
      "node 0 (choose, If), else_branch, node 0 (foo, Foo): there is no such operator here");
  const std::string wrong =
      onnx_node("Softmax", {"x"}, {"less"}, "s", {integer_attribute("axis", 4)});
  EXPECT_ERROR(imported(choice_model(wrong)), ErrorCode::kCorruptFile,
               "node 0 (choose, If), else_branch, node 0 (s, Softmax): axis 4 of 1 dimensions");
}

// Powers of 2 below a limit: the state doubles, and each one before it is a row of the results.
std::vector<std::string> powers(std::int64_t runs, std::int64_t limit) {
  const std::string body = onnx_graph(
      {.nodes = {onnx_node("Add", {"p", "p"}, {"next"}),
                 onnx_node("Less", {"next", "limit"}, {"go"}),
                 onnx_node("Identity", {"p"}, {"row"})},
       .inputs = {onnx_value("i", 7, {}), onnx_value("c", 9, {}), onnx_value("p", 7, {})},
       .outputs = {onnx_value("go", 9, {}), onnx_value("next", 7, {}), onnx_value("row", 7, {})}});
  return {integers("limit", {}, {limit}), integers("runs", {}, {runs}), integers("first", {}, {1}),
          onnx_node("Loop", {"runs", "true", "first"}, {"y0", "y1"}, "loop",
                    {graph_attribute("body", body)})};
}

TEST(ImportLoop, RunsAsOftenAsItSays) {
  const auto run = [](std::int64_t runs, std::int64_t limit) {
    const std::vector<std::string> parts = powers(runs, limit);
    return computed({parts[3]}, {parts[0], parts[1], parts[2], integers("true", {}, {1}, 9)},
                    {7, 7});
  };
  using Numbers = std::vector<float>;
  EXPECT_EQ(run(4, 1000), (std::vector<Numbers>{{16}, {1, 2, 4, 8}}));
  EXPECT_EQ(run(1000, 20), (std::vector<Numbers>{{32}, {1, 2, 4, 8, 16}}));  // ends by itself
}

TEST(ImportLoop, OfTooManyRunsIsRefused) {
  const std::vector<std::string> parts = powers(1 << 30, 0);
  const std::string body = onnx_graph(
      {.nodes = {onnx_node("Identity", {"c"}, {"go"}), onnx_node("Tanh", {"p"}, {"next"})},
       .inputs = {onnx_value("i", 7, {}), onnx_value("c", 9, {}), onnx_value("p", 1, {})},
       .outputs = {onnx_value("go", 9, {}), onnx_value("next", 1, {})}});
  const std::string loop =
      onnx_node("Loop", {"runs", "", "x"}, {"y"}, "loop", {graph_attribute("body", body)});
  EXPECT_ERROR(imported(onnx_model(onnx_graph({.nodes = {loop},
                                               .initializers = {parts[1]},
                                               .inputs = {onnx_value("x", 1, {onnx_dim(2)})},
                                               .outputs = {onnx_value("y", 1, {})}}))),
               ErrorCode::kUnsupported, "node 0 (loop, Loop): [3, 32] numbers to be made while");
}

// Sums of rows from the last one on, the results in the inputs' order.
TEST(ImportScan, GoesBackwards) {
  const std::string body =
      onnx_graph({.nodes = {onnx_node("Add", {"sum", "row"}, {"next"}),
                            onnx_node("Identity", {"next"}, {"out"})},
                  .inputs = {onnx_value("sum", 1, {}), onnx_value("row", 1, {})},
                  .outputs = {onnx_value("next", 1, {}), onnx_value("out", 1, {})}});
  const auto results = computed(
      {onnx_node("Scan", {"zero", "x"}, {"y0", "y1"}, "",
                 {graph_attribute("body", body), integer_attribute("num_scan_inputs", 1),
                  integers_attribute("scan_input_directions", {1}),
                  integers_attribute("scan_output_directions", {1})})},
      {onnx_raw_tensor("zero", {2}, {0, 0}), onnx_raw_tensor("x", {3, 2}, {1, 2, 3, 4, 5, 6})},
      {1, 1});
  EXPECT_EQ(results[0], (std::vector<float>{9, 12}));
  EXPECT_EQ(results[1], (std::vector<float>{9, 12, 8, 10, 5, 6}));
}

}  // namespace
}  // namespace lasso::onnx
