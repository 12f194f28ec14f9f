// Attention that exporters write as products and a softmax, with heads made by reshapes and
// transpositions of any kind: softmax(scale q k^T + positions) v.
#include <algorithm>
#include <map>
#include <utility>

#include "core/convert.h"
#include "passes/axes.h"
#include "passes/pass.h"

namespace lasso::passes {

using graph::Dim;
using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Shape;
using graph::ValueId;

namespace {

void append(Axes& axes, const Axes& more) { axes.insert(axes.end(), more.begin(), more.end()); }

bool has(const Axes& axes, Axis axis) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

// What is added to scores: the products of queries with rows of a constant table [side, side, d],
// by the query's place along one axis and the key's along another one.
struct Positions {
  ValueId table = kNoValue;
  Axis query = -1;
  Axis key = -1;
};

// Products of queries and keys, which reshapes, sums with positions, and a softmax are followed
// back to. The root of such a view is the product; its axes are those of the queries, but for the
// keys', which are axes of its own.
class ScoreTracer final : public AxisTracer {
 public:
  explicit ScoreTracer(const Graph& graph) : AxisTracer(graph) {}

  struct Product {
    ValueId q = kNoValue;
    ValueId k = kNoValue;
    Axes keys;
    std::vector<Axes> rows;  // the axes of its dimensions but the last
    std::vector<std::pair<ValueId, std::vector<Axes>>> added;  // with the axes that it runs along
    bool normalised = false;  // the softmax along the keys is taken
  };
  // Of a view's root; null where that is no product.
  const Product* product(const View& view) const {
    const auto it = products_.find(view.root);
    return it == products_.end() ? nullptr : &it->second;
  }

 protected:
  std::optional<View> through(const Node& node) override {
    if (const auto* op = std::get_if<graph::MatMul>(&node.op)) return through_product(node, *op);
    if (const auto* op = std::get_if<graph::Softmax>(&node.op)) return through_softmax(node, *op);
    const auto* op = std::get_if<graph::Binary>(&node.op);
    if (op != nullptr && op->kind == graph::BinaryKind::kAdd) return through_sum(node, *op);
    auto view = AxisTracer::through(node);
    // A factor would have to reach what was added before.
    const Product* from = view ? product(*view) : nullptr;
    const bool plain =
        from == nullptr || op == nullptr || (from->added.empty() && !from->normalised);
    return plain ? view : std::nullopt;
  }

 private:
  std::optional<View> through_product(const Node& node, const graph::MatMul& op) {
    if (op.activation != graph::Activation::kNone) return {};
    const ValueId a = node.inputs[0];
    const ValueId result = node.outputs.front();
    const Shape& shape = graph().value(result).shape;
    const View q = trace(a);
    if (graph().value(a).shape.size() != shape.size()) return {};
    View view = root(result);
    // Where queries are repeated for more keys, the axis is the result's own.
    for (std::size_t i = 0; i + 1 < shape.size(); ++i) {
      if (graph().value(a).shape[i] == shape[i]) view.dims[i] = q.dims[i];
    }
    Product product;
    product.q = a;
    product.k = node.inputs[1];
    product.keys = view.dims.back();
    product.rows.assign(view.dims.begin(), view.dims.end() - 1);
    products_[result] = std::move(product);
    return view;
  }

  std::optional<View> through_softmax(const Node& node, const graph::Softmax& op) {
    const View view = trace(node.inputs.front());
    const auto it = products_.find(view.root);
    const auto last = static_cast<std::int64_t>(view.dims.size()) - 1;
    if (it == products_.end() || op.axis != last || it->second.normalised) return {};
    if (!same(view.dims.back(), it->second.keys)) return {};
    return renewed(node, view, [](Product& product) { product.normalised = true; });
  }

  // Only what is a product by constants may be added to one of two values.
  std::optional<View> through_sum(const Node& node, const graph::Binary& op) {
    if (op.activation != graph::Activation::kNone) return {};
    const Shape& shape = graph().value(node.outputs.front()).shape;
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
      const View view = trace(node.inputs[i]);
      const auto it = products_.find(view.root);
      if (it == products_.end() || match().is_constant(it->second.k)) continue;
      if (it->second.normalised || graph().value(node.inputs[i]).shape != shape) continue;
      return renewed(node, view, [&](Product& product) {
        product.added.emplace_back(node.inputs[1 - i], view.dims);
      });
    }
    return {};
  }

  // A view of what a node makes of a product, whose root is the node's result from here on.
  template <typename Change>
  View renewed(const Node& node, View view, const Change& change) {
    Product product = products_.at(view.root);
    change(product);
    view.root = node.outputs.front();
    products_[view.root] = std::move(product);
    return view;
  }

  std::map<ValueId, Product> products_;
};

// Queries, keys or values: the axes of [batches, heads, tokens, d] in their root.
struct Operand {
  View view;
  Axes batch;
  Axes heads;
  Axes tokens;
  Axes width;
};

struct Found {
  Operand q;
  Operand k;
  Operand v;
  Axes batch;                // of the result
  std::vector<Axes> result;  // the axes of the result's dimensions, as of q, and v's width
  float scale = 1.0F;
  std::optional<std::pair<Positions, Positions>> positions;  // along rows, along columns
};

class AttentionFinder {
 public:
  explicit AttentionFinder(const Graph& graph) : graph_(graph), tracer_(graph) {}

  AxisTracer& tracer() { return tracer_; }

  // Of the product that attention ends in.
  std::optional<Found> find(const Node& node) {
    const auto* op = std::get_if<graph::MatMul>(&node.op);
    if (op == nullptr || op->activation != graph::Activation::kNone) return {};
    const View weights = tracer_.trace(node.inputs[0]);
    const ScoreTracer::Product* product = tracer_.product(weights);
    if (product == nullptr || !product->normalised || !weights.fixed.empty()) return {};
    if (!tracer_.same(weights.dims.back(), product->keys)) return {};
    const ScoreTracer::Product scores = *product;
    // Nothing of the weights is repeated for more values.
    Shape rows = graph_.value(node.outputs.front()).shape;
    Shape weight_rows = graph_.value(node.inputs[0]).shape;
    rows.pop_back();
    weight_rows.pop_back();
    if (rows != weight_rows) return {};

    Found found;
    const auto q = operand(scores.q, false);
    const auto k = operand(scores.k, false);
    const auto v = operand(node.inputs[1], true);
    if (!q || !k || !v || v->view.factor != 1.0F) return {};
    found.q = *q;
    found.k = *k;
    found.v = *v;
    found.scale = q->view.factor * k->view.factor * weights.factor;
    // The result has the queries' axes in the queries' order, but for the dimensions.
    found.result.assign(weights.dims.begin(), weights.dims.end() - 1);
    const Axes result = tracer_.leaves(found.result);
    Axes inner = tracer_.leaves(found.q.heads);
    append(inner, tracer_.leaves(found.q.tokens));
    if (result.size() < inner.size()) return {};
    const auto middle = result.end() - static_cast<std::ptrdiff_t>(inner.size());
    found.batch.assign(result.begin(), middle);
    const bool is_repeated = found.q.batch.empty();
    if (!is_repeated && !tracer_.same(found.batch, found.q.batch)) return {};
    if (!std::equal(middle, result.end(), inner.begin()) || !fits(found)) return {};
    // Nothing moves between the products, and what is repeated for more batches or heads is so in
    // the order of these.
    if (result != tracer_.leaves(scores.rows)) return {};
    if (!is_aligned(found, found.k, scores.k, scores.rows)) return {};
    if (!is_aligned(found, found.v, node.inputs[1], found.result)) return {};
    if (scores.added.empty()) return found;
    if (scores.added.size() != 2) return {};
    return with_positions(found, scores);
  }

  // Whether q, k and v are the thirds of one value's last dimension: [batches, tokens, 3, heads,
  // d].
  bool is_joint(const Found& found) const {
    const ValueId root = found.q.view.root;
    if (found.k.view.root != root || found.v.view.root != root) return false;
    std::int64_t index = 0;
    Axis third = -1;
    for (const Operand* operand : {&found.q, &found.k, &found.v}) {
      if (operand->view.fixed.size() != 1) return false;
      const auto [axis, at] = operand->view.fixed.front();
      if (at != index++ || (third >= 0 && axis != third)) return false;
      third = axis;
      const bool same = tracer_.same(operand->batch, found.q.batch) &&
                        tracer_.same(operand->heads, found.q.heads) &&
                        tracer_.same(operand->tokens, found.q.tokens) &&
                        tracer_.same(operand->width, found.q.width);
      if (!same) return false;
    }
    Axes order = found.q.batch;
    append(order, found.q.tokens);
    order.push_back(third);
    append(order, found.q.heads);
    append(order, found.q.width);
    return tracer_.size(third) == Dim(3) &&
           tracer_.leaves(root_dims_.at(root)) == tracer_.leaves(order);
  }

  const std::vector<Axes>& root_dims(ValueId root) const { return root_dims_.at(root); }

 private:
  // Of a value [batches and heads, tokens, d], or with d before the tokens.
  std::optional<Operand> operand(ValueId id, bool transposed) {
    Operand result;
    result.view = tracer_.trace(id);
    const View& view = result.view;
    if (tracer_.product(view) != nullptr || view.dims.size() < 2) return {};
    for (const auto& [axis, index] : view.fixed) {
      if (tracer_.leaves(Axes{axis}).size() != 1) return {};
    }
    result.tokens = tracer_.leaves(view.dims[view.dims.size() - (transposed ? 1 : 2)]);
    result.width = tracer_.leaves(view.dims[view.dims.size() - (transposed ? 2 : 1)]);
    // Heads are the axes that stand in the root's last dimension, which the width is in as well.
    const std::vector<Axes>& root = root_of(view.root);
    if (root.empty()) return {};
    const Axes last = tracer_.leaves(root.back());
    const auto in_last = [&](Axis axis) { return has(last, axis); };
    if (!std::all_of(result.width.begin(), result.width.end(), in_last)) return {};
    if (std::any_of(result.tokens.begin(), result.tokens.end(), in_last)) return {};
    const std::vector<Axes> outer(view.dims.begin(), view.dims.end() - 2);
    for (const Axis axis : tracer_.leaves(outer)) {
      if (in_last(axis)) {
        result.heads.push_back(axis);
      } else if (result.heads.empty()) {
        result.batch.push_back(axis);
      } else {
        return {};
      }
    }
    return result;
  }

  const std::vector<Axes>& root_of(ValueId root) {
    auto it = root_dims_.find(root);
    if (it == root_dims_.end()) it = root_dims_.emplace(root, tracer_.trace(root).dims).first;
    return it->second;
  }

  bool fits(const Found& f) const {
    const auto size = [&](const Axes& axes) { return tracer_.size(axes); };
    const auto batch_fits = [&](const Axes& axes) {
      return size(axes) == size(f.batch) || size(axes) == Dim(1);
    };
    return size(f.q.heads).is_constant() && size(f.q.heads) == size(f.k.heads) &&
           size(f.k.heads) == size(f.v.heads) && size(f.q.width) == size(f.k.width) &&
           size(f.k.width) == size(f.v.width) && size(f.k.tokens) == size(f.v.tokens) &&
           batch_fits(f.k.batch) && batch_fits(f.v.batch) &&
           (size(f.q.batch) == size(f.batch) || size(f.k.batch) == size(f.batch));
  }

  // Whether the batches and heads of keys or values stand where those of a product with the rows
  // do: dimension by dimension, or all batches are one that is repeated.
  bool is_aligned(const Found& f, const Operand& operand, ValueId id,
                  const std::vector<Axes>& rows) const {
    const Shape& shape = graph_.value(id).shape;
    const std::size_t outer = rows.size() - 1;
    const std::size_t own = shape.size() - 2;
    if (own > outer) return false;
    for (std::size_t i = 0; i < outer; ++i) {
      const Dim size = i < outer - own ? Dim(1) : shape[i - (outer - own)];
      if (size == tracer_.size(rows[i])) continue;
      const Axes axes = tracer_.leaves(rows[i]);
      const bool is_batch =
          std::all_of(axes.begin(), axes.end(), [&](Axis axis) { return has(f.batch, axis); });
      if (size != Dim(1) || !operand.batch.empty() || !is_batch) return false;
    }
    return true;
  }

  // Decomposed relative positions: q.Rh and q.Rw of the unscaled queries of a grid.
  std::optional<Found> with_positions(Found found, const ScoreTracer::Product& scores) {
    const Axes queries = tracer_.leaves(found.q.tokens);
    const Axes keys = tracer_.leaves(scores.keys);
    if (queries.size() != 2 || keys.size() != 2 || !is_joint(found)) return {};
    const auto of = [&](Axis query, Axis key) -> std::optional<Positions> {
      for (const auto& [value, against] : scores.added) {
        const auto positions = positions_of(found, value, against);
        if (positions && positions->query == query && positions->key == key) return positions;
      }
      return {};
    };
    for (const Axes* axes : {&queries, &keys}) {
      if (tracer_.size(axes->front()) != tracer_.size(queries.front())) return {};
      if (tracer_.size(axes->back()) != tracer_.size(queries.front())) return {};
    }
    const auto rows = of(queries[0], keys[0]);
    const auto columns = of(queries[1], keys[1]);
    if (!rows || !columns) return {};
    found.positions.emplace(*rows, *columns);
    return found;
  }

  std::optional<Positions> positions_of(const Found& found, ValueId value,
                                        const std::vector<Axes>& against) {
    const View view = tracer_.trace(value);
    const ScoreTracer::Product* product = tracer_.product(view);
    if (product == nullptr || product->normalised || !product->added.empty()) return {};
    const ScoreTracer::Product terms = *product;
    const bool is_plain = view.factor == 1.0F && view.fixed.empty();
    if (!is_plain || !tracer_.match().is_constant(terms.k)) return {};
    const View q = tracer_.trace(terms.q);
    const bool same_q = q.root == found.q.view.root && q.fixed == found.q.view.fixed &&
                        q.factor == 1.0F && tracer_.same(q.dims.back(), found.q.width);
    if (!same_q || view.dims.size() != against.size()) return {};
    Positions result;
    result.table = terms.k;
    const Axes rows = tracer_.leaves(found.result);
    // It runs along the scores' own rows, and along one axis of the keys.
    for (std::size_t i = 0; i < against.size(); ++i) {
      const Axes own = tracer_.leaves(view.dims[i]);
      const Axes other = tracer_.leaves(against[i]);
      if (own == other) continue;
      if (own.empty()) {
        const bool is_row =
            std::any_of(other.begin(), other.end(), [&](Axis axis) { return has(rows, axis); });
        if (is_row) return {};
        continue;
      }
      if (own != tracer_.leaves(terms.keys) || other.size() != 1 || result.key >= 0) return {};
      result.key = other.front();
    }
    if (result.key < 0) return {};
    // Of the queries' dimensions the table has one.
    const Shape& table = graph_.value(terms.k).shape;
    for (std::size_t i = 0; i + 2 < table.size(); ++i) {
      if (table[i] == Dim(1)) continue;
      const std::size_t offset = q.dims.size() - table.size();
      const Axes along = tracer_.leaves(q.dims[i + offset]);
      if (along.size() != 1 || result.query >= 0) return {};
      result.query = along.front();
    }
    return result;
  }

  const Graph& graph_;
  ScoreTracer tracer_;
  std::map<ValueId, std::vector<Axes>> root_dims_;
};

// The table [2 side - 1, d] whose row i - j + side - 1 stands at [i, j] of one [side, side, d];
// nothing where none is.
std::optional<Tensor> relative_table(const graph::Value& value, std::int64_t side) {
  const Tensor& all = *value.constant;
  if (!is_real(all.dtype) || all.data == nullptr) return {};
  const std::vector<float> elements = read_f32(all.dense().view());
  const auto width = elements.size() / static_cast<std::size_t>(side * side);
  const auto row = [&](std::int64_t i, std::int64_t j) {
    return elements.begin() +
           static_cast<std::ptrdiff_t>(static_cast<std::size_t>(i * side + j) * width);
  };
  std::vector<float> table(static_cast<std::size_t>(2 * side - 1) * width);
  for (std::int64_t i = 0; i < side; ++i) {
    for (std::int64_t j = 0; j < side; ++j) {
      const auto at = table.begin() + static_cast<std::ptrdiff_t>(
                                          static_cast<std::size_t>(i - j + side - 1) * width);
      // Those of the first row and column come first, and the others repeat them.
      const bool first = i == 0 || j == 0;
      const auto length = static_cast<std::ptrdiff_t>(width);
      if (first) std::copy(row(i, j), row(i, j) + length, at);
      if (!first && !std::equal(row(i, j), row(i, j) + length, at)) return {};
    }
  }
  return make_tensor({2 * side - 1, static_cast<std::int64_t>(width)}, table);
}

// Attention of the thirds of one value; nothing where the tables are not relative.
std::optional<ValueId> write_joint(Expansion& e, AttentionFinder& finder, const Found& found,
                                   const Graph& graph, std::vector<Axes>& order) {
  AxisTracer& tracer = finder.tracer();
  const ValueId root = found.q.view.root;
  const Axes tokens = tracer.leaves(found.q.tokens);
  // A grid of any sides, where no positions say them.
  const bool is_grid = tokens.size() == 2;
  const Dim height = is_grid ? tracer.size(tokens[0]) : Dim(1);
  const Dim width = is_grid ? tracer.size(tokens[1]) : tracer.size(tokens);
  std::vector<ValueId> inputs{root};
  if (found.positions) {
    if (!height.is_constant()) return {};
    for (const Positions* positions : {&found.positions->first, &found.positions->second}) {
      auto table = relative_table(graph.value(positions->table), height.constant());
      if (!table) return {};
      const bool rows = positions == &found.positions->first;
      inputs.push_back(e.constant(rows ? "rel_pos_h" : "rel_pos_w", std::move(*table)));
    }
  }
  graph::WindowAttention op;
  op.heads = tracer.size(found.q.heads).constant();
  op.scale = found.scale;
  const Dim channels = tracer.size(found.q.heads) * tracer.size(found.q.width);
  const Shape grid{tracer.size(found.q.batch), height, width, channels * 3};
  if (e.shape(root) != grid) inputs.front() = e.reshape("qkv", root, grid);
  order = {found.q.batch, tokens, found.q.heads, found.q.width};
  return e.add("attended", op, std::move(inputs));
}

ValueId write_apart(Expansion& e, AttentionFinder& finder, const Found& found,
                    std::vector<Axes>& order) {
  AxisTracer& tracer = finder.tracer();
  const auto rows = [&](const std::string& name, const Operand& operand) {
    Axes last = operand.heads;
    append(last, operand.width);
    return write_view(e, tracer, name, operand.view.root, finder.root_dims(operand.view.root),
                      operand.view.fixed, {operand.batch, operand.tokens, last});
  };
  graph::Attention op;
  op.heads = tracer.size(found.q.heads).constant();
  op.scale = found.scale;
  order = {found.batch, found.q.tokens, found.q.heads, found.q.width};
  const ValueId q = rows("q", found.q);
  const ValueId k = rows("k", found.k);
  return e.add("attended", op, {q, k, rows("v", found.v)});
}

}  // namespace

Graph fuse_attention(Graph graph, const PassContext& /*context*/) {
  const Graph before = graph;
  AttentionFinder finder(before);
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    const auto found = finder.find(node);
    if (!found) {
      nodes.push_back(std::move(node));
      continue;
    }
    Expansion e(graph, node);
    std::vector<Axes> order;
    std::optional<ValueId> attended;
    if (finder.is_joint(*found)) {
      attended = write_joint(e, finder, *found, before, order);
    } else {
      attended = write_apart(e, finder, *found, order);
    }
    if (!attended) {
      nodes.push_back(std::move(node));
      continue;
    }
    // The result is q's axes with v's width, which attention writes in the place of q's.
    std::vector<Axes> dims = found->result;
    dims.push_back(found->q.width);
    const ValueId y = write_view(e, finder.tracer(), "heads", *attended, order, {}, dims);
    for (Node& made : e.finish({y})) nodes.push_back(std::move(made));
  }
  graph.nodes = std::move(nodes);
  return graph;
}

}  // namespace lasso::passes
