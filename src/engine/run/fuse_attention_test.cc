// Attention as exporters write it: what is left of it, and that it computes the same as before.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "engine/run/program_results.h"
#include "graph/builder.h"
#include "passes/pass_test.h"

namespace lasso::passes {
namespace {

using graph::Binary;
using graph::BinaryKind;
using graph::Builder;
using graph::Dim;
using graph::Graph;
using graph::kNoValue;
using graph::Linear;
using graph::MatMul;
using graph::Pad;
using graph::Reshape;
using graph::Shape;
using graph::Slice;
using graph::Softmax;
using graph::Transpose;
using test::random_tensor;
using test::ValueId;

constexpr std::int64_t kHeads = 2;
constexpr std::int64_t kWidth = 4;  // of a head
constexpr std::int64_t kAll = kHeads * kWidth;

// The programs of this file differ in these.
struct Form {
  bool known_scale = true;        // a constant; else the input, which keeps the products apart
  bool scale_behind = false;      // scores are scaled, not queries
  bool scaled_positions = false;  // positions are those of scaled queries
  bool relative = true;           // tables depend on the distance alone
  bool swaps_tables = false;      // rows and columns for each other
  bool split_last = false;        // q, k and v are parts of the last dimension: heads, then parts
  bool wrong_order = false;       // heads are put back behind their width
  std::int64_t crop = 0;          // first row that is taken of the filled grid
};

struct Exported {
  Builder b{"exported"};
  ValueId scale = b.input("scale", DType::kF32, {1});
  Form form;

  explicit Exported(const Form& f) : form(f) {}

  ValueId reshape(ValueId x, Shape shape) {
    return b.add("reshaped", Reshape{std::move(shape)}, {x});
  }
  ValueId transpose(ValueId x, std::vector<std::int64_t> permutation) {
    return b.add("transposed", Transpose{std::move(permutation)}, {x});
  }
  ValueId slice(ValueId x, std::int64_t axis, Dim begin, Dim end) {
    return b.add("part", Slice{axis, begin, end}, {x});
  }
  ValueId linear(ValueId x, std::int64_t width, unsigned seed) {
    const std::int64_t from = b.shape(x).back().constant();
    return b.add("linear" + std::to_string(seed), Linear{},
                 {x, b.constant("w", random_tensor({width, from}, seed)),
                  b.constant("bias", random_tensor({width}, seed + 1))});
  }
  ValueId scaled(ValueId x) {
    // What the first input of a program is when it is run.
    const Tensor known = make_tensor({1}, test::random_values(1, 100));
    return b.add("scaled", Binary{BinaryKind::kMul},
                 {x, form.known_scale ? b.constant("known", known) : scale});
  }

  // The table [side, side, d] of a row for each distance.
  ValueId table(std::int64_t side, unsigned seed) {
    const auto rows = test::random_values((2 * side - 1) * kWidth, seed);
    std::vector<float> all;
    for (std::int64_t i = 0; i < side; ++i) {
      for (std::int64_t j = 0; j < side; ++j) {
        const auto row = rows.begin() + (i - j + side - 1) * kWidth;
        all.insert(all.end(), row, row + kWidth);
      }
    }
    if (!form.relative) all.back() += 0.25F;
    return b.constant("table", make_tensor({side, side, kWidth}, all));
  }

  // Of x [N, side, side, C]: the result [N, side, side, C'] of self-attention with positions.
  ValueId attention(ValueId x, const Dim& count, std::int64_t side) {
    const std::int64_t tokens = side * side;
    const ValueId qkv = linear(x, 3 * kAll, 1);
    std::vector<ValueId> parts;
    if (form.split_last) {
      const ValueId heads = reshape(qkv, {count, tokens, kHeads, 3 * kWidth});
      for (std::int64_t i = 0; i < 3; ++i) {
        const ValueId part = slice(heads, 3, i * kWidth, (i + 1) * kWidth);
        parts.push_back(reshape(transpose(part, {0, 2, 1, 3}), {count * kHeads, tokens, kWidth}));
      }
    } else {
      const ValueId heads =
          transpose(reshape(qkv, {count, tokens, 3, kHeads, kWidth}), {2, 0, 3, 1, 4});
      const ValueId joined = reshape(heads, {3, count * kHeads, tokens, kWidth});
      for (std::int64_t i = 0; i < 3; ++i) {
        parts.push_back(reshape(slice(joined, 0, i, i + 1), {count * kHeads, tokens, kWidth}));
      }
    }
    const ValueId small = form.scale_behind ? parts[0] : scaled(parts[0]);
    ValueId scores = b.add("scores", MatMul{}, {small, parts[1]});
    if (form.scale_behind) scores = scaled(scores);
    const ValueId positioned = form.scaled_positions ? small : parts[0];
    scores = with_positions(scores, positioned, count * kHeads, side);
    const ValueId weights = b.add("weights", Softmax{2}, {scores});
    const ValueId y = b.add("values", MatMul{}, {weights, transpose(parts[2], {0, 2, 1})});
    const ValueId by_head = reshape(y, {count, kHeads, side, side, kWidth});
    const std::vector<std::int64_t> back = form.wrong_order
                                               ? std::vector<std::int64_t>{0, 2, 3, 4, 1}
                                               : std::vector<std::int64_t>{0, 2, 3, 1, 4};
    return linear(reshape(transpose(by_head, back), {count, side, side, kAll}), 6, 3);
  }

  // As an Einsum of [N, y, x, d] and [y, k, d] is imported, and one of [x, k, d].
  ValueId with_positions(ValueId scores, ValueId q, const Dim& count, std::int64_t side) {
    const ValueId grid = reshape(q, {count, side, side, kWidth});
    const auto terms = [&](std::vector<std::int64_t> to, std::vector<std::int64_t> from,
                           unsigned seed) {
      const ValueId rows = reshape(transpose(grid, to), {side, count * side, kWidth});
      const ValueId product = b.add("terms", MatMul{}, {rows, table(side, seed)});
      return transpose(reshape(product, {side, count, side, side}), from);
    };
    ValueId by_row = terms({1, 0, 2, 3}, {1, 0, 2, 3}, 5);
    ValueId by_column = terms({2, 0, 1, 3}, {1, 2, 0, 3}, 6);
    if (form.swaps_tables) std::swap(by_row, by_column);
    ValueId sum = reshape(scores, {count, side, side, side, side});
    sum = b.add("rows", Binary{BinaryKind::kAdd},
                {sum, reshape(by_row, {count, side, side, side, 1})});
    // In the other order: a sum has none.
    sum = b.add("columns", Binary{BinaryKind::kAdd},
                {reshape(by_column, {count, side, side, 1, side}), sum});
    return reshape(sum, {count, side * side, side * side});
  }

  // A grid [batch, 5, 5, 6] in windows of 3 x 3.
  ValueId in_windows(ValueId x) {
    const Dim batch = b.shape(x)[0];
    const ValueId filled = b.add("filled", Pad{{0, 0, 0, 0}, {0, 1, 1, 0}}, {x});
    const ValueId cut = transpose(reshape(filled, {batch, 2, 3, 2, 3, 6}), {0, 1, 3, 2, 4, 5});
    const ValueId y = attention(reshape(cut, {batch * 4, 3, 3, 6}), batch * 4, 3);
    const ValueId back = transpose(reshape(y, {batch, 2, 2, 3, 3, 6}), {0, 1, 3, 2, 4, 5});
    const ValueId full = reshape(back, {batch, 6, 6, 6});
    return slice(slice(full, 1, form.crop, 5 + form.crop), 2, 0, 5);
  }
};

Graph whole_grid(const Form& form) {
  Exported e(form);
  const Dim batch = Dim::symbol("batch");
  const ValueId x = e.b.input("x", DType::kF32, {batch, 3, 3, 6});
  e.b.output(e.attention(x, batch, 3), "y");
  return e.b.finish();
}

Graph windows(const Form& form) {
  Exported e(form);
  const ValueId x = e.b.input("x", DType::kF32, {Dim::symbol("batch"), 5, 5, 6});
  e.b.output(e.in_windows(x), "y");
  return e.b.finish();
}

std::string ops(const Graph& graph) {
  std::string text;
  for (const graph::Node& node : graph.nodes) {
    if (!text.empty()) text += ' ';
    text += graph::op_name(node.op);
    if (const auto* op = std::get_if<graph::WindowAttention>(&node.op)) {
      text += fmt::format("({} heads, {})", op->heads, op->window);
    }
  }
  return text;
}

constexpr char kGlobal[] = "linear window_attention(2 heads, 0) linear";
constexpr char kInWindows[] = "linear window_attention(2 heads, 3) linear";

// Sums of at most 9 products of numbers of about 1, before and behind a softmax.
constexpr double kTolerance = 2e-6;

void expect_same_results(Graph (*make)(const Form&), Form form) {
  const auto fused = test::results_of(make(form));
  form.known_scale = false;
  const Graph apart = make(form);
  EXPECT_EQ(ops(test::optimized(apart)).find("attention"), std::string::npos);
  const auto plain = test::results_of(apart);
  ASSERT_EQ(plain.size(), fused.size());
  test::expect_near(DType::kF32, plain[0], fused[0], kTolerance);
}

TEST(FuseAttention, RecoversRelativePositionsAndWindows) {
  for (const bool scale_behind : {false, true}) {
    for (const bool split_last : {false, true}) {
      Form form;
      form.scale_behind = scale_behind;
      form.split_last = split_last;
      SCOPED_TRACE(
          fmt::format("scale behind {}, last dimension split {}", scale_behind, split_last));
      if (!split_last) {
        EXPECT_EQ(ops(test::optimized(whole_grid(form))), kGlobal);
        EXPECT_EQ(ops(test::optimized(windows(form))), kInWindows);
      }
      expect_same_results(whole_grid, form);
      expect_same_results(windows, form);
    }
  }
}

// What looks alike and is something else stays as it is.
TEST(FuseAttention, LeavesWhatIsSomethingElse) {
  const auto stays = [](const char* what, const std::function<void(Form&)>& change) {
    SCOPED_TRACE(what);
    Form form;
    change(form);
    const std::string global = ops(test::optimized(whole_grid(form)));
    EXPECT_EQ(global.find("attention"), std::string::npos) << global;
    EXPECT_NE(global.find("softmax"), std::string::npos) << global;
  };
  stays("positions of scaled queries", [](Form& form) { form.scaled_positions = true; });
  stays("tables that are not relative", [](Form& form) { form.relative = false; });
}

TEST(FuseAttention, KnowsRowsFromColumns) {
  Form form;
  form.swaps_tables = true;
  const std::string global = ops(test::optimized(whole_grid(form)));
  EXPECT_EQ(global.find("attention"), std::string::npos) << global;
}

// Heads that are put back in another order: attention, and what puts them there.
TEST(FuseAttention, KeepsAnOrderOfItsOwn) {
  Form form;
  form.wrong_order = true;
  EXPECT_EQ(ops(test::optimized(whole_grid(form))),
            "linear window_attention(2 heads, 0) reshape transpose reshape linear");
  expect_same_results(whole_grid, form);
  EXPECT_NE(ops(test::optimized(windows(form))).find("pad"), std::string::npos);
  expect_same_results(windows, form);
}

// Windows that are put back a row lower: those of the grid would be others.
TEST(FuseWindows, LeavesAGridThatIsMoved) {
  Form form;
  form.crop = 1;
  const std::string text = ops(test::optimized(windows(form)));
  EXPECT_NE(text.find("pad"), std::string::npos) << text;
  EXPECT_NE(text.find("window_attention(2 heads, 0)"), std::string::npos) << text;
  expect_same_results(windows, form);
}

// Queries of one value, keys and values of another, as the decoder's attention has them.
TEST(FuseAttention, RecoversAttentionOfTwoValues) {
  const auto make = [](const Form& form) {
    Exported e(form);
    const Dim batch = Dim::symbol("batch");
    const Dim tokens = Dim::symbol("batch") + 3;
    const auto heads = [&](ValueId x, const Dim& count, std::vector<std::int64_t> order) {
      return e.transpose(e.reshape(x, {batch, count, kHeads, kWidth}), std::move(order));
    };
    const ValueId x = e.b.input("x", DType::kF32, {batch, tokens, 6});
    const ValueId y = e.b.input("y", DType::kF32, {batch, 7, 5});
    const ValueId q = heads(e.linear(x, kAll, 1), tokens, {0, 2, 1, 3});
    const ValueId k = heads(e.linear(y, kAll, 3), 7, {0, 2, 1, 3});
    const ValueId v = heads(e.linear(y, kAll, 5), 7, {0, 2, 3, 1});
    const ValueId scores = e.scaled(e.b.add("scores", MatMul{}, {q, k}));
    const ValueId weights = e.b.add("weights", Softmax{3}, {scores});
    const ValueId attended = e.b.add("attended", MatMul{}, {weights, v});
    const ValueId back = e.transpose(attended, {0, 2, 1, 3});
    e.b.output(e.linear(e.reshape(back, {batch, tokens, kAll}), 6, 7), "y");
    return e.b.finish();
  };
  EXPECT_EQ(ops(test::optimized(make({}))), "linear token_to_image linear");
  expect_same_results(make, {});
}

// Queries of one image for the keys of several prompts.
TEST(FuseAttention, RecoversRepeatedQueries) {
  const auto make = [](const Form& form) {
    Exported e(form);
    const Dim batch = Dim::symbol("batch");
    const auto heads = [&](ValueId x, const Dim& count, std::int64_t tokens,
                           std::vector<std::int64_t> order) {
      return e.transpose(e.reshape(x, {count, tokens, kHeads, kWidth}), std::move(order));
    };
    const ValueId x = e.b.input("x", DType::kF32, {1, 5, 6});
    const ValueId y = e.b.input("y", DType::kF32, {batch, 7, 5});
    const ValueId q = heads(e.linear(x, kAll, 1), 1, 5, {0, 2, 1, 3});
    const ValueId k = heads(e.linear(y, kAll, 3), batch, 7, {0, 2, 1, 3});
    const ValueId v = heads(e.linear(y, kAll, 5), batch, 7, {0, 2, 3, 1});
    const ValueId scores = e.scaled(e.b.add("scores", MatMul{}, {q, k}));
    const ValueId weights = e.b.add("weights", Softmax{3}, {scores});
    const ValueId attended = e.b.add("attended", MatMul{}, {weights, v});
    e.b.output(e.reshape(e.transpose(attended, {0, 2, 1, 3}), {batch, 5, kAll}), "z");
    return e.b.finish();
  };
  EXPECT_EQ(ops(test::optimized(make({}))), "linear token_to_image reshape");
  expect_same_results(make, {});
}

// Keys or values that are repeated along an axis that is not theirs, though its size is the same.
TEST(FuseAttention, KnowsBatchesFromHeads) {
  constexpr std::int64_t kSame = kHeads;
  const auto make = [](bool moves_weights) {
    Exported e({});
    const auto heads = [&](ValueId x, std::vector<std::int64_t> order) {
      const Dim batch = e.b.shape(x)[0];
      return e.transpose(e.reshape(x, {batch, 5, kHeads, kWidth}), std::move(order));
    };
    const ValueId x = e.b.input("x", DType::kF32, {moves_weights ? 1 : kSame, 5, 6});
    const ValueId y = e.b.input("y", DType::kF32, {kSame, 5, 5});
    const ValueId q = heads(e.linear(x, kAll, 1), {0, 2, 1, 3});
    const ValueId k = heads(e.linear(y, kAll, 3), {0, 2, 1, 3});
    ValueId v = kNoValue;
    if (moves_weights) {
      v = heads(e.linear(y, kAll, 5), {0, 2, 3, 1});
    } else {
      // [heads, 1, d, tokens]
      const ValueId one = e.b.input("z", DType::kF32, {1, 5, 5});
      v = e.reshape(heads(e.linear(one, kAll, 5), {2, 0, 3, 1}), {kHeads, 1, kWidth, 5});
    }
    ValueId weights = e.b.add("weights", Softmax{3}, {e.b.add("scores", MatMul{}, {q, k})});
    if (moves_weights) weights = e.transpose(weights, {1, 0, 2, 3});
    e.b.output(e.b.add("y", MatMul{}, {weights, v}), "y");
    return e.b.finish();
  };
  for (const bool moves_weights : {false, true}) {
    const std::string text = ops(test::optimized(make(moves_weights)));
    EXPECT_EQ(text.find("attention"), std::string::npos) << text;
  }
}

TEST(MergeLayouts, LeavesOneTranspositionOfTwo) {
  Builder b{"layouts"};
  const ValueId x = b.input("x", DType::kF32, {2, 3, 4});
  ValueId y = b.add("a", Transpose{{1, 0, 2}}, {x});
  y = b.add("b", Reshape{{3, 8}}, {y});
  y = b.add("c", Transpose{{1, 0}}, {y});
  y = b.add("d", Reshape{{2, 4, 3}}, {y});
  const ValueId same = b.add("e", Transpose{{0, 2, 1}}, {y});
  b.output(b.add("f", graph::Unary{graph::UnaryKind::kExp}, {same}), "same");
  b.output(b.add("g", graph::Unary{graph::UnaryKind::kExp}, {y}), "other");
  EXPECT_EQ(ops(eliminate_dead(merge_layouts(b.finish(), {}), {})), "transpose exp exp");
}

}  // namespace
}  // namespace lasso::passes
