// Pyramids of pooling: the largest numbers under windows of 5, 9 and 13 pixels around each pixel of
// one image, as YOLO's spatial pyramids have them. The window of 9 is that of 5 around each pixel
// of a window of 5, so that each level reads the one before it, 75 pixels in place of 275.
#include <algorithm>
#include <map>
#include <vector>

#include "passes/pass.h"

namespace lasso::passes {

namespace {

using graph::Node;
using graph::Pool2d;

// The largest numbers under square windows whose middle is each pixel: of such windows, the parts
// inside of the image are what the parts of smaller ones cover.
bool is_level(const Node& node) {
  const auto* op = std::get_if<Pool2d>(&node.op);
  return op != nullptr && op->kind == graph::PoolKind::kMax && op->kernel_h == op->kernel_w &&
         op->kernel_h % 2 == 1 && op->kernel_h > 1 && op->stride == 1 && op->dilation == 1 &&
         op->padding == graph::Pads2d((op->kernel_h - 1) / 2) && !op->ceil;
}

std::int64_t kernel_of(const Node& node) { return std::get<Pool2d>(node.op).kernel_h; }

// The smallest window first; each of the others of what the one before it makes.
void chain(std::vector<Node>& levels) {
  if (levels.empty()) return;
  std::stable_sort(levels.begin(), levels.end(),
                   [](const Node& a, const Node& b) { return kernel_of(a) < kernel_of(b); });
  for (std::size_t i = levels.size() - 1; i > 0; --i) {
    const std::int64_t step = kernel_of(levels[i]) - kernel_of(levels[i - 1]);
    if (step == 0) continue;
    levels[i].op = Pool2d{graph::PoolKind::kMax, step + 1, step + 1, 1, step / 2};
    levels[i].inputs = levels[i - 1].outputs;
  }
}

}  // namespace

graph::Graph chain_pools(graph::Graph graph, const PassContext& /*context*/) {
  std::map<graph::ValueId, std::vector<Node>> pyramids;  // by what they read
  for (const Node& node : graph.nodes) {
    if (is_level(node)) pyramids[node.inputs.front()].push_back(node);
  }
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    const auto found = is_level(node) ? pyramids.find(node.inputs.front()) : pyramids.end();
    if (found == pyramids.end()) {
      nodes.push_back(std::move(node));
      continue;
    }
    // All of a pyramid stand where its first node stood.
    chain(found->second);
    nodes.insert(nodes.end(), found->second.begin(), found->second.end());
    found->second.clear();
  }
  graph.nodes = std::move(nodes);
  return graph;
}

}  // namespace lasso::passes
