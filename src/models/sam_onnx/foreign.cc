#include "models/sam_onnx/foreign.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/check.h"
#include "formats/text.h"
#include "models/sam_onnx/program_editor.h"

namespace lasso::sam_onnx {

using graph::Graph;
using graph::ValueId;

namespace {

// The nodes of `graph` that make `results` of `given`. Throws kUnsupported where these do not do.
std::vector<graph::Node> nodes_between(const Graph& graph, const std::vector<ValueId>& given,
                                       const std::vector<ValueId>& results,
                                       const std::string& path) {
  std::set<ValueId> needed(results.begin(), results.end());
  for (const ValueId id : given) needed.erase(id);
  std::vector<graph::Node> nodes;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool is_needed = std::any_of(node->outputs.begin(), node->outputs.end(),
                                       [&](ValueId id) { return needed.count(id) > 0; });
    if (!is_needed) continue;
    for (const ValueId id : node->outputs) needed.erase(id);
    for (const ValueId id : node->inputs) {
      const bool is_given = std::find(given.begin(), given.end(), id) != given.end();
      if (id != graph::kNoValue && !is_given && !graph.value(id).constant) needed.insert(id);
    }
    nodes.push_back(*node);
  }
  LASSO_CHECK(needed.empty(), ErrorCode::kUnsupported,
              "{}: another runtime can't run it apart: \"{}\" is needed outside of it", path,
              needed.empty() ? "" : printable(graph.value(*needed.begin()).name));
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

// A graph of some nodes of another one, with the values that they use.
class GraphCopy {
 public:
  explicit GraphCopy(const Graph& from) : from_(from), ids_(from.values.size(), graph::kNoValue) {
    copy_.typical = from.typical;
    copy_.profile = from.profile;
  }

  std::vector<ValueId> values(std::vector<ValueId> ids) {
    for (ValueId& id : ids) id = value(id);
    return ids;
  }
  void add(const graph::Node& node) {
    copy_.nodes.push_back({node.op, values(node.inputs), values(node.outputs)});
  }
  Graph take() { return std::move(copy_); }

 private:
  ValueId value(ValueId id) {
    if (id == graph::kNoValue) return id;
    ValueId& own = ids_.at(static_cast<std::size_t>(id));
    if (own == graph::kNoValue) {
      own = static_cast<ValueId>(copy_.values.size());
      copy_.values.push_back(from_.value(id));
      copy_.values.back().count.reset();
    }
    return own;
  }

  const Graph& from_;
  std::vector<ValueId> ids_;  // in the copy
  Graph copy_;
};

// The part of the program from the values `given` to `results`, each of which gets memory of its
// own.
Graph part_of(const Graph& program, const std::string& name, const std::vector<ValueId>& given,
              const std::vector<ValueId>& results, const std::string& path) {
  GraphCopy copy(program);
  const std::vector<ValueId> inputs = copy.values(given);
  for (const graph::Node& node : nodes_between(program, given, results, path)) copy.add(node);
  std::vector<ValueId> outputs = copy.values(results);
  ProgramEditor editor(copy.take());
  for (ValueId& id : outputs) {
    id = editor.behind(editor.value(id).name + ".own", graph::Expand{editor.value(id).shape}, {id});
  }
  return editor.take(name, inputs, outputs);
}

sam::ForeignValue value_of(const Graph& program, ValueId id, const std::string& name) {
  const graph::Value& value = program.value(id);
  return {name, value.dtype, value.shape};
}

}  // namespace

CutProgram cut_program(const Graph& program, const std::vector<ModelPlace>& models) {
  CutProgram cut;
  cut.program.before = program.name + "/before";
  cut.program.after = program.name + "/after";
  std::vector<ValueId> given;     // by models
  std::vector<ValueId> prepared;  // by the program's own nodes
  for (const ModelPlace& model : models) {
    for (const auto& [name, id] : model.inputs) {
      const auto has = [wanted = id](const std::vector<ValueId>& ids) {
        return std::find(ids.begin(), ids.end(), wanted) != ids.end();
      };
      if (!has(given) && !has(prepared)) prepared.push_back(id);
    }
    for (const auto& [name, id] : model.outputs) given.push_back(id);
  }
  std::vector<ValueId> values = prepared;
  const auto place_of = [&](ValueId id) {
    return static_cast<std::size_t>(std::find(values.begin(), values.end(), id) - values.begin());
  };
  for (const ValueId id : prepared) {
    cut.program.prepared.push_back(value_of(program, id, program.value(id).name));
  }
  for (const ModelPlace& model : models) {
    sam::ForeignStep& step = cut.program.steps.emplace_back();
    step.path = model.path;
    step.fixed = model.fixed;
    step.more_outputs = model.more_outputs;
    for (const auto& [name, id] : model.inputs) step.inputs.emplace_back(name, place_of(id));
    for (const auto& [name, id] : model.outputs) {
      step.outputs.push_back(value_of(program, id, name));
      values.push_back(id);
    }
  }
  const std::string& path = models.back().path;
  std::vector<ValueId> results;
  for (const auto& [name, id] : models.back().outputs) {
    results.push_back(id);
    cut.program.results.push_back(place_of(id));
  }
  cut.before = part_of(program, cut.program.before, program.inputs, prepared, path);
  cut.after = part_of(program, cut.program.after, results, program.outputs, path);
  return cut;
}

}  // namespace lasso::sam_onnx
