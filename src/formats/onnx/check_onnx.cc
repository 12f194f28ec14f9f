#include "formats/onnx/check_onnx.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "formats/onnx/place.h"
#include "formats/text.h"

namespace lasso {

namespace {

constexpr std::size_t kNoNode = ~std::size_t{0};

std::string_view shown_name(const OnnxNode& node) {
  return node.name.empty() ? node.op_type : node.name;
}

// One graph, while its nodes and the graphs in them are checked.
class GraphChecker {
 public:
  GraphChecker(OnnxGraph* graph, const Place& place, GraphChecker* outer)
      : graph_(*graph), place_(place), outer_(outer) {}

  void check();

 private:
  using Indices = std::vector<std::size_t>;

  void define_values();
  void define_outputs(std::size_t node);
  void collect_needs(std::size_t node);
  // Notes that the node which is looked at needs the value; false if there is none of that name.
  bool use(std::string_view name);
  Indices sorted() const;
  [[noreturn]] void refuse_cycle(const std::vector<bool>& is_done) const;

  Place place_of(std::size_t node) const {
    return place_.part("node", shown_name(graph_.nodes[node]), node);
  }

  OnnxGraph& graph_;
  const Place& place_;
  GraphChecker* outer_;
  std::unordered_map<std::string_view, std::size_t> givers_;  // the node, or kNoNode
  std::vector<Indices> needs_;  // by node: those whose results it takes
  std::size_t current_ = kNoNode;
};

void GraphChecker::define_values() {
  for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
    const std::string& name = graph_.inputs[i].name;
    place_.part("input", name, i)
        .check(givers_.emplace(name, kNoNode).second, "is another input's name, too");
  }
  // An initialiser of an input's name is that input's default.
  for (const OnnxTensor& tensor : graph_.initializers) givers_.emplace(tensor.name, kNoNode);
  for (const std::string& name : graph_.sparse_initializers) givers_.emplace(name, kNoNode);
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) define_outputs(i);
}

void GraphChecker::define_outputs(std::size_t node) {
  for (const std::string& name : graph_.nodes[node].outputs) {
    if (name.empty()) continue;
    const auto [entry, is_new] = givers_.emplace(name, node);
    if (is_new) continue;
    const std::size_t other = entry->second;
    const std::string by =
        other == kNoNode
            ? "an input or initialiser of the graph"
            : fmt::format("node {} ({})", other, printable(shown_name(graph_.nodes[other])));
    place_of(node).refuse(ErrorCode::kCorruptFile, "output {} is already given by {}",
                          printable(name), by);
  }
}

bool GraphChecker::use(std::string_view name) {
  const auto giver = givers_.find(name);
  if (giver == givers_.end()) return outer_ != nullptr && outer_->use(name);
  if (giver->second != kNoNode && current_ != kNoNode) needs_[current_].push_back(giver->second);
  return true;
}

void GraphChecker::collect_needs(std::size_t node) {
  current_ = node;
  OnnxNode& n = graph_.nodes[node];
  const Place place = place_of(node);
  for (std::size_t i = 0; i < n.inputs.size(); ++i) {
    if (n.inputs[i].empty() || use(n.inputs[i])) continue;
    place.refuse(
        ErrorCode::kCorruptFile,
        "input {}: nothing gives the value {}: no input or initialiser of the graph, and no "
        "node",
        i, printable(n.inputs[i]));
  }
  for (OnnxAttribute& attribute : n.attributes) {
    auto* graphs = std::get_if<std::vector<OnnxGraph>>(&attribute.value);
    if (graphs == nullptr) continue;
    const Place part = place.part("attribute", attribute.name);
    for (std::size_t i = 0; i < graphs->size(); ++i) {
      const Place inner = part.part("graph", {}, i);
      GraphChecker(&(*graphs)[i], inner, this).check();
    }
  }
  Indices& needs = needs_[node];
  std::sort(needs.begin(), needs.end());
  needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
  current_ = kNoNode;
}

// Of the nodes whose needs are met, the first comes next: an order that is right stays.
GraphChecker::Indices GraphChecker::sorted() const {
  const std::size_t count = graph_.nodes.size();
  std::vector<Indices> takers(count);
  Indices missing(count);
  std::priority_queue<std::size_t, Indices, std::greater<>> ready;
  for (std::size_t i = 0; i < count; ++i) {
    missing[i] = needs_[i].size();
    for (const std::size_t giver : needs_[i]) takers[giver].push_back(i);
    if (missing[i] == 0) ready.push(i);
  }
  Indices order;
  std::vector<bool> is_done(count, false);
  while (!ready.empty()) {
    const std::size_t node = ready.top();
    ready.pop();
    order.push_back(node);
    is_done[node] = true;
    for (const std::size_t taker : takers[node]) {
      if (--missing[taker] == 0) ready.push(taker);
    }
  }
  if (order.size() != count) refuse_cycle(is_done);
  return order;
}

void GraphChecker::refuse_cycle(const std::vector<bool>& is_done) const {
  constexpr std::size_t kMostShown = 8;
  // Each node that is left needs another one that is left: this way leads into a circle.
  const auto next = [&](std::size_t node) {
    return *std::find_if(needs_[node].begin(), needs_[node].end(),
                         [&](std::size_t need) { return !is_done[need]; });
  };
  std::vector<bool> seen(is_done.size(), false);
  auto node =
      static_cast<std::size_t>(std::find(is_done.begin(), is_done.end(), false) - is_done.begin());
  for (; !seen[node]; node = next(node)) seen[node] = true;
  std::vector<std::string> circle;
  std::size_t other = next(node);
  for (; other != node && circle.size() < kMostShown; other = next(other)) {
    circle.push_back(
        fmt::format("node {} ({})", other, printable(shown_name(graph_.nodes[other]))));
  }
  if (other != node) circle.emplace_back("...");
  place_of(node).refuse(ErrorCode::kCorruptFile, "needs its own result{}{}",
                        circle.empty() ? "" : " by way of ", fmt::join(circle, ", "));
}

void GraphChecker::check() {
  define_values();
  needs_.resize(graph_.nodes.size());
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) collect_needs(i);
  for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
    const std::string& name = graph_.outputs[i].name;
    place_.part("output", name, i).check(use(name), "nothing gives the value");
  }
  const Indices order = sorted();
  if (std::is_sorted(order.begin(), order.end())) return;
  std::vector<OnnxNode> nodes;
  nodes.reserve(order.size());
  for (const std::size_t i : order) nodes.push_back(std::move(graph_.nodes[i]));
  graph_.nodes = std::move(nodes);
}

}  // namespace

OnnxModel check_onnx(OnnxModel model) {
  OnnxSource source{model.path, {}, nullptr, nullptr, ExternalFiles(model.path)};
  const Place file(&source);
  const Place place = file.part("graph");
  GraphChecker(&model.graph, place, nullptr).check();
  return model;
}

}  // namespace lasso
