// Attention by products and a softmax, with the matrix of scores that the fused ops never have.
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "passes/expansion.h"

namespace lasso::passes {

using graph::BinaryKind;
using graph::Dim;
using graph::Shape;
using graph::UnaryKind;
using graph::ValueId;

namespace {

// softmax(scores) v of q, k [..., T, d] with the scores as they are given, and v^T [..., d, T].
ValueId weighted_sum(Expansion& e, ValueId scores, ValueId v_transposed) {
  const auto last = static_cast<std::int64_t>(e.shape(scores).size()) - 1;
  const ValueId weights = e.add("weights", graph::Softmax{last}, {scores});
  return e.product("attended", weights, v_transposed);
}

ValueId scaled_scores(Expansion& e, ValueId q, ValueId k, float scale) {
  return e.binary("scaled_scores", BinaryKind::kMul, e.product("scores", q, k),
                  e.scalar("scale", scale));
}

// The windows of a grid, which fill it or leave it at the bottom and at the right.
struct Windows {
  Dim height;  // of one, and of the grid
  Dim width;
  Dim rows = 1;  // of windows
  Dim columns = 1;

  Dim full_height() const { return rows * height; }
  Dim full_width() const { return columns * width; }
};

Windows windows_of(const graph::WindowAttention& op, const Shape& grid) {
  if (op.window == 0) return {grid[1], grid[2]};
  const auto count = [&](const Dim& side) {
    return (side + (op.window - 1)).floor_divided_by(op.window);
  };
  return {op.window, op.window, count(grid[1]), count(grid[2])};
}

// Tokens [B, H, W, C] with the windows filled up by `filler` [C], or zeros without one.
ValueId fill_up(Expansion& e, ValueId x, const Windows& windows, bool has_filler, ValueId filler) {
  const Shape grid = e.shape(x);
  const Dim below = windows.full_height() - grid[1];
  const Dim beside = windows.full_width() - grid[2];
  if (below == Dim(0) && beside == Dim(0)) return x;
  if (!has_filler) {
    return e.add("filled", graph::Pad{{0, 0, 0, 0}, {0, below, beside, 0}, 0.0F}, {x});
  }
  const ValueId token = e.reshape("filler", filler, {1, 1, 1, grid[3]});
  if (beside != Dim(0)) {
    const ValueId right =
        e.add("right", graph::Expand{{grid[0], grid[1], beside, grid[3]}}, {token});
    x = e.add("filled_right", graph::Concat{2}, {x, right});
  }
  if (below != Dim(0)) {
    const ValueId bottom =
        e.add("bottom", graph::Expand{{grid[0], below, windows.full_width(), grid[3]}}, {token});
    x = e.add("filled", graph::Concat{1}, {x, bottom});
  }
  return x;
}

// table[i - j + side - 1] of a table [2 side - 1, d] for all positions i and j: [side, side, d].
ValueId relative(Expansion& e, const std::string& name, ValueId table, std::int64_t side) {
  std::vector<std::int32_t> index;
  for (std::int64_t i = 0; i < side; ++i) {
    for (std::int64_t j = 0; j < side; ++j) {
      index.push_back(static_cast<std::int32_t>(i - j + side - 1));
    }
  }
  return e.add(name, graph::Gather{0},
               {table, e.constant(name + ".index", make_tensor({side, side}, index))});
}

// Adds q.Rh and q.Rw to scores [G, h, T, T] with T = (y, x); q is [G, h, y, x, d].
ValueId add_positions(Expansion& e, ValueId scores, ValueId q, ValueId rel_h, ValueId rel_w) {
  const Shape s = e.shape(q);
  const Dim& height = s[2];
  const Dim& width = s[3];
  const Shape flat = e.shape(scores);
  const ValueId by_row =
      e.product("row_terms", q, relative(e, "row_table", rel_h, height.constant()));
  const ValueId columns_first =
      e.product("column_terms_by_column", e.transpose("q_by_column", q, {0, 1, 3, 2, 4}),
                relative(e, "column_table", rel_w, width.constant()));
  const ValueId by_column = e.transpose("column_terms", columns_first, {0, 1, 3, 2, 4});
  ValueId sum = e.reshape("scores_by_position", scores, {s[0], s[1], height, width, height, width});
  sum = e.binary("with_rows", BinaryKind::kAdd, sum,
                 e.reshape("row_terms_of_keys", by_row, {s[0], s[1], height, width, height, 1}));
  sum =
      e.binary("with_columns", BinaryKind::kAdd, sum,
               e.reshape("column_terms_of_keys", by_column, {s[0], s[1], height, width, 1, width}));
  return e.reshape("scores_with_positions", sum, flat);
}

// Operands with the bias behind them, if there is one.
std::vector<ValueId> with_bias(Expansion& e, std::vector<ValueId> values, std::size_t bias) {
  if (e.has(bias)) values.push_back(e.input(bias));
  return values;
}

}  // namespace

Expanded expand(const graph::WindowAttention& op, Expansion& e) {
  const DType dtype = e.dtype(e.input(0));
  const Shape grid = e.shape(e.input(0));
  const Windows windows = windows_of(op, grid);
  const Dim& height = windows.height;
  const Dim& width = windows.width;
  // Tables of positions are indexed by constants.
  if (e.has(1) && !(height.is_constant() && width.is_constant())) return {};
  const Dim channels = *grid[3].divided_by(3 * op.heads);
  const Dim heads = op.heads;
  const Dim batch = grid[0] * windows.rows * windows.columns;
  const Dim tokens = height * width;

  ValueId x = e.to_float("float32", e.input(0));
  x = fill_up(e, x, windows, e.has(3), e.has(3) ? e.input(3) : graph::kNoValue);
  x = e.reshape("tokens", x,
                {grid[0], windows.rows, height, windows.columns, width, 3, heads, channels});
  x = e.transpose("parts", x, {5, 0, 1, 3, 6, 2, 4, 7});
  const auto part = [&](const std::string& name, std::int64_t i) {
    return e.reshape(name, e.add(name + ".part", graph::Slice{0, i, i + 1}, {x}),
                     {batch, heads, tokens, channels});
  };
  const ValueId q = part("q", 0);
  const ValueId k = part("k", 1);
  const ValueId v = e.transpose("v_transposed", part("v", 2), {0, 1, 3, 2});
  ValueId scores = scaled_scores(e, q, k, op.scale);
  if (e.has(1)) {
    const ValueId by_position =
        e.reshape("q_by_position", q, {batch, heads, height, width, channels});
    scores = add_positions(e, scores, by_position, e.input(1), e.input(2));
  }
  ValueId y = weighted_sum(e, scores, v);
  y = e.reshape("by_window", y,
                {grid[0], windows.rows, windows.columns, heads, height, width, channels});
  y = e.transpose("by_row", y, {0, 1, 4, 2, 5, 3, 6});
  y = e.reshape("full_grid", y,
                {grid[0], windows.full_height(), windows.full_width(), heads * channels});
  if (windows.full_height() != grid[1]) y = e.add("rows", graph::Slice{1, 0, grid[1]}, {y});
  if (windows.full_width() != grid[2]) y = e.add("columns", graph::Slice{2, 0, grid[2]}, {y});
  return e.rows(y, dtype, graph::kNoValue);
}

Expanded expand(const graph::Attention& op, Expansion& e) {
  // [B, N, h d] in float32 as [B, h, N, d], or v as [B, h, d, N].
  const auto by_head = [&](const std::string& name, std::size_t i, bool transposed) {
    const Shape s = e.shape(e.input(i));
    const ValueId split = e.reshape(name + ".heads", e.to_float(name + ".float32", e.input(i)),
                                    {s[0], s[1], op.heads, *s[2].divided_by(op.heads)});
    return transposed ? e.transpose(name, split, {0, 2, 3, 1})
                      : e.transpose(name, split, {0, 2, 1, 3});
  };
  const ValueId scores = scaled_scores(e, by_head("q", 0, false), by_head("k", 1, false), op.scale);
  const ValueId attended = weighted_sum(e, scores, by_head("v", 2, true));
  const ValueId tokens = e.transpose("tokens", attended, {0, 2, 1, 3});
  const Shape s = e.shape(tokens);
  return e.rows(e.reshape("joined", tokens, {s[0], s[1], s[2] * s[3]}), e.dtype(e.input(0)),
                graph::kNoValue);
}

Expanded expand(const graph::TokenToImage& op, Expansion& e) {
  const ValueId x = e.input(1);
  const ValueId with = e.has(2) ? e.binary("with_positions", BinaryKind::kAdd, x, e.input(2)) : x;
  const ValueId k = e.add("k", graph::Linear{}, with_bias(e, {with, e.input(3)}, 4));
  const ValueId v = e.add("v", graph::Linear{}, with_bias(e, {x, e.input(5)}, 6));
  return {e.add("attended", graph::Attention{op.heads, op.scale}, {e.input(0), k, v})};
}

Expanded expand(const graph::ImageToToken& op, Expansion& e) {
  ValueId q = e.input(0);
  if (e.has(1)) q = e.binary("with_positions", BinaryKind::kAdd, q, e.input(1));
  if (e.has(7)) q = e.add("q", graph::Linear{}, with_bias(e, {q, e.input(7)}, 8));
  const ValueId attended =
      e.add("attended", graph::Attention{op.heads, op.scale}, {q, e.input(2), e.input(3)});
  const ValueId y = e.add("out", graph::Linear{}, with_bias(e, {attended, e.input(4)}, 5));
  return {e.has(6) ? e.binary("sum", BinaryKind::kAdd, y, e.input(6)) : y};
}

// t = 2 pi (2 x - 1) M; y = [sin t, cos t].
Expanded expand(const graph::FourierFeatures& /*op*/, Expansion& e) {
  const ValueId x = e.input(0);
  const ValueId doubled = e.binary("doubled", BinaryKind::kMul, x, e.scalar("two", 2.0F));
  const ValueId centred = e.binary("centred", BinaryKind::kSub, doubled, e.scalar("one", 1.0F));
  const ValueId projected =
      e.product("projected", centred, e.transpose("matrix", e.input(1), {1, 0}));
  const ValueId t = e.binary("angle", BinaryKind::kMul, projected,
                             e.scalar("two_pi", 2 * std::numbers::pi_v<float>));
  const auto last = static_cast<std::int64_t>(e.shape(t).size()) - 1;
  return {e.add("features", graph::Concat{last},
                {e.unary("sine", UnaryKind::kSin, t), e.unary("cosine", UnaryKind::kCos, t)})};
}

}  // namespace lasso::passes
