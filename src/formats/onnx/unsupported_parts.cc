#include <fmt/format.h>

#include <cstddef>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "formats/onnx/check_onnx.h"
#include "formats/text.h"

namespace lasso {

namespace {

class Finder {
 public:
  explicit Finder(const OnnxModel& model) {
    for (const OnnxFunction& f : model.functions) functions_.insert({f.domain, f.name, f.overload});
  }

  std::vector<std::string> parts;

  void look_through(const OnnxGraph& graph) {
    const std::set<std::string> sparse(graph.sparse_initializers.begin(),
                                       graph.sparse_initializers.end());
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const OnnxNode& node = graph.nodes[i];
      const std::string by =
          fmt::format("node {} ({})", i, printable(node.name.empty() ? node.op_type : node.name));
      if (functions_.count({node.domain, node.op_type, node.overload}) != 0) {
        add(fmt::format("function {}.{} of the model's own", printable(node.domain),
                        printable(node.op_type)),
            by);
      }
      for (const std::string& input : node.inputs) {
        if (sparse.count(input) != 0) add("sparse initialiser " + printable(input), by);
      }
      for (const OnnxAttribute& attribute : node.attributes) look_through(attribute, by);
    }
  }

 private:
  void look_through(const OnnxAttribute& attribute, const std::string& by) {
    if (attribute.type == OnnxAttributeType::kSparseTensor ||
        attribute.type == OnnxAttributeType::kSparseTensors) {
      add("sparse tensor, attribute " + printable(attribute.name), by);
    }
    if (const auto* graphs = std::get_if<std::vector<OnnxGraph>>(&attribute.value)) {
      for (const OnnxGraph& graph : *graphs) look_through(graph);
    }
  }

  void add(const std::string& part, const std::string& by) {
    if (named_.insert(part).second) parts.push_back(fmt::format("{}: {}", part, by));
  }

  std::set<std::tuple<std::string, std::string, std::string>> functions_;
  std::set<std::string> named_;
};

}  // namespace

std::vector<std::string> unsupported_parts(const OnnxModel& model) {
  Finder finder(model);
  finder.look_through(model.graph);
  return finder.parts;
}

}  // namespace lasso
