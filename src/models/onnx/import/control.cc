// Operators whose attributes are graphs. What is known while a model is imported decides which
// branch is imported and how often a body is: loops are left to no engine.
#include <algorithm>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::Dim;
using graph::Shape;
using graph::ValueId;

namespace {

using Operands = std::vector<Operand>;

// Results that are named by an error already.
void give_up(NodeContext& n) {
  Operand missing;
  missing.is_missing = true;
  for (std::size_t i = 0; i < n.output_count(); ++i) n.define(i, missing);
}

std::optional<Operands> body(NodeContext& n, std::string_view name, const Operands& arguments) {
  return n.importer().import_body(n.graph(name), fmt::format("{}, {}", n.place(), name), arguments);
}

Operand integer_operand(std::int64_t value, OnnxDataType type) {
  return {
      type, {}, graph::kNoValue, std::make_shared<const Integers>(scalar_integer(value)), false};
}

// --- If

// A truth that is not known: both branches are computed, and one of their results is taken.
void import_both(NodeContext& n) {
  const auto yes = body(n, "then_branch", {});
  const auto no = body(n, "else_branch", {});
  if (!yes || !no) return give_up(n);
  n.check(yes->size() == no->size() && yes->size() >= n.output_count(),
          "branches of {} and {} results", yes->size(), no->size());
  const ValueId condition = n.reshape(n.value(0), {});
  for (std::size_t i = 0; i < n.output_count(); ++i) {
    Operand a = yes->at(i);
    Operand b = no->at(i);
    if (a.shape != b.shape) {
      n.unsupported("a condition that depends on data, between results {} and {}",
                    to_string(a.shape), to_string(b.shape));
    }
    n.check(a.type == b.type, "branches of types {} and {}", to_string(a.type), to_string(b.type));
    n.result(i, n.add(graph::Select{}, {condition, n.value_of(a), n.value_of(b)}), a.type);
  }
}

void import_if(NodeContext& n) {
  n.check(n.type(0) == OnnxDataType::kBool, "a condition of type {}", to_string(n.type(0)));
  const Integers* known = n.integers(0);
  if (known == nullptr || !known->are_numbers()) return import_both(n);
  n.check(known->values.size() == 1, "a condition of {} elements", known->values.size());
  const bool yes = known->numbers().front() != 0;
  const auto results = body(n, yes ? "then_branch" : "else_branch", {});
  if (!results) return give_up(n);
  n.check(results->size() >= n.output_count(), "a branch of {} results for {}", results->size(),
          n.output_count());
  for (std::size_t i = 0; i < n.output_count(); ++i) n.define(i, results->at(i));
}

// --- Loop and Scan

// Parts of one shape along a new axis.
ValueId stacked(NodeContext& n, std::vector<Operand>& parts, std::int64_t axis) {
  Shape shape = parts.front().shape;
  shape.insert(shape.begin() + axis, Dim(1));
  std::vector<ValueId> values;
  for (Operand& part : parts) {
    if (part.shape != parts.front().shape) {
      n.unsupported("results of the shapes {} and {}", to_string(parts.front().shape),
                    to_string(part.shape));
    }
    values.push_back(n.reshape(n.value_of(part), shape));
  }
  return values.size() == 1 ? values.front() : n.add(graph::Concat{axis}, values);
}

// A body that runs again and again: what it hands on, and what it adds to rows of results.
struct Rows {
  Operands carried;
  std::vector<Operands> scanned;  // by result, one for each run

  // Takes a run's results from `first` on.
  void take(const NodeContext& n, Operands results, std::size_t first) {
    n.check(results.size() == first + carried.size() + scanned.size(),
            "a body of {} results, {} are expected", results.size(),
            first + carried.size() + scanned.size());
    for (Operand& one : carried) one = std::move(results[first++]);
    for (Operands& rows : scanned) rows.push_back(std::move(results[first++]));
  }
};

void finish(NodeContext& n, Rows& rows, const std::function<std::int64_t(std::size_t)>& axis_of) {
  for (std::size_t i = 0; i < rows.carried.size(); ++i) n.define(i, rows.carried[i]);
  for (std::size_t i = 0; i < rows.scanned.size(); ++i) {
    const std::size_t at = rows.carried.size() + i;
    if (!n.wants(at)) continue;
    if (rows.scanned[i].empty()) n.unsupported("a result without elements");
    const OnnxDataType type = rows.scanned[i].front().type;
    n.result(at, stacked(n, rows.scanned[i], axis_of(i)), type);
  }
}

bool is_true(const NodeContext& n, const Operand& condition) {
  if (condition.integers == nullptr || !condition.integers->are_numbers()) {
    n.unsupported("a loop whose end depends on data");
  }
  n.check(condition.integers->values.size() == 1, "a condition of {} elements",
          condition.integers->values.size());
  return condition.integers->numbers().front() != 0;
}

void import_loop(NodeContext& n) {
  const std::int64_t most =
      n.has(0) ? n.number(0, "the number of runs") : std::numeric_limits<std::int64_t>::max();
  Operand condition = integer_operand(1, OnnxDataType::kBool);
  if (n.has(1)) condition = n.input(1);
  Rows rows;
  for (std::size_t i = 2; i < n.input_count(); ++i) rows.carried.push_back(n.input(i));
  n.check(n.output_count() >= rows.carried.size(), "{} results of {} values that are handed on",
          n.output_count(), rows.carried.size());
  rows.scanned.resize(n.output_count() - rows.carried.size());
  for (std::int64_t run = 0; run < most; ++run) {
    if (!is_true(n, condition)) break;
    n.charge_run(n.graph("body"));
    Operands arguments{integer_operand(run, OnnxDataType::kInt64), condition};
    arguments.insert(arguments.end(), rows.carried.begin(), rows.carried.end());
    auto results = body(n, "body", arguments);
    if (!results) return give_up(n);
    n.check(!results->empty(), "a body without results");
    // Without an input that says it, the condition does not end the loop.
    condition = n.has(1) ? results->front() : condition;
    rows.take(n, std::move(*results), 1);
  }
  finish(n, rows, [](std::size_t) { return std::int64_t{0}; });
}

// The numbers of an attribute with one for each of so many values.
std::vector<std::int64_t> numbers_for(const NodeContext& n, std::string_view name,
                                      std::size_t count) {
  const auto given = n.integer_list(name);
  if (!given) return std::vector<std::int64_t>(count, 0);
  n.check(given->size() == count, "attribute {} has {} elements, {} are expected", name,
          given->size(), count);
  return *given;
}

void import_scan(NodeContext& n) {
  if (n.opset() < 9) n.unsupported("version 8, whose first dimension is the batch");
  const std::int64_t count = n.integer("num_scan_inputs", 0);
  n.check(count > 0 && count <= static_cast<std::int64_t>(n.input_count()),
          "attribute num_scan_inputs is {} of {} inputs", count, n.input_count());
  const auto inputs = static_cast<std::size_t>(count);
  const std::size_t states = n.input_count() - inputs;
  n.check(n.output_count() >= states, "{} results of {} states", n.output_count(), states);
  const std::size_t outputs = n.output_count() - states;
  Rows rows;
  for (std::size_t i = 0; i < states; ++i) rows.carried.push_back(n.input(i));
  rows.scanned.resize(outputs);
  const auto input_axes = numbers_for(n, "scan_input_axes", inputs);
  const auto input_ways = numbers_for(n, "scan_input_directions", inputs);
  const auto output_axes = numbers_for(n, "scan_output_axes", outputs);
  const auto output_ways = numbers_for(n, "scan_output_directions", outputs);
  std::optional<std::int64_t> length;
  std::vector<std::int64_t> axes;
  for (std::size_t k = 0; k < inputs; ++k) {
    axes.push_back(n.axis(input_axes[k], n.rank(states + k)));
    const Dim& size = n.shape(states + k)[static_cast<std::size_t>(axes[k])];
    if (!size.is_constant()) n.unsupported("a sequence of an open length");
    n.check(!length || *length == size.constant(), "sequences of {} and {}", length.value_or(0),
            size.constant());
    length = size.constant();
  }
  for (std::int64_t run = 0; run < *length; ++run) {
    n.charge_run(n.graph("body"));
    Operands arguments = rows.carried;
    for (std::size_t k = 0; k < inputs; ++k) {
      const std::int64_t at = input_ways[k] != 0 ? *length - 1 - run : run;
      Operand part{n.type(states + k), n.shape(states + k), graph::kNoValue, nullptr, false};
      part.shape.erase(part.shape.begin() + axes[k]);
      part.value =
          n.reshape(n.add(graph::Slice{axes[k], at, at + 1}, {n.value(states + k)}), part.shape);
      arguments.push_back(std::move(part));
    }
    auto results = body(n, "body", arguments);
    if (!results) return give_up(n);
    rows.take(n, std::move(*results), 0);
  }
  for (std::size_t k = 0; k < outputs; ++k) {
    if (output_ways[k] != 0) std::reverse(rows.scanned[k].begin(), rows.scanned[k].end());
  }
  finish(n, rows, [&](std::size_t k) {
    const auto rank = static_cast<std::int64_t>(rows.scanned[k].front().shape.size());
    return n.axis(output_axes[k], rank + 1);
  });
}

}  // namespace

const std::vector<Operator>& control_operators() {
  static const std::vector<Operator> list{
      {"If", import_if},
      {"Loop", import_loop},
      {"Scan", import_scan},
  };
  return list;
}

}  // namespace lasso::onnx
