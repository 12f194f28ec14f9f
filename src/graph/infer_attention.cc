// The rules of attention and of the encoding of positions.
#include "core/check.h"
#include "graph/inputs.h"

namespace lasso::graph {

namespace {

// Positions of pixels x [B, N, C], if they are there.
void require_positions(const Inputs& in, std::size_t i, const Shape& x) {
  if (!in.has(i)) return;
  const Shape& p = in.shape(i);
  in.require(p == Shape{x[1], x[2]} || p == Shape{1, x[1], x[2]},
             "positions of the pixels' shape, without the batch");
}

}  // namespace

Results WindowAttention::infer(const Inputs& in) const {
  in.require_count(1, 4);
  in.require_type(0, {DType::kF32, DType::kBF16, DType::kF16});
  in.require_float_from(1);
  in.require_rank(0, 4);
  const Shape& qkv = in.shape(0);
  const auto width = qkv[3].divided_by(3 * heads);
  in.require(heads > 0 && window >= 0 && width.has_value(),
             "a last dimension that 3 * heads divides");
  in.require(in.has(1) == in.has(2), "both tables of relative positions, or none");
  if (in.has(1)) {
    in.require(window > 0 || qkv[1] == qkv[2], "a square grid for global relative positions");
    const Dim side = window > 0 ? Dim(window) : qkv[1];
    const Shape table{side * 2 - 1, *width};
    in.require_shape(1, table);
    in.require_shape(2, table);
  }
  if (in.has(3)) in.require_shape(3, {qkv[3]});
  return {result(in.dtype(0), {qkv[0], qkv[1], qkv[2], *width * heads})};
}

Results Attention::infer(const Inputs& in) const {
  in.require_count(3, 3);
  in.require_type(0, {DType::kF32, DType::kBF16, DType::kF16});
  in.require(in.dtype(1) == in.dtype(0) && in.dtype(2) == in.dtype(0),
             "queries, keys and values of one type");
  for (std::size_t i = 0; i < 3; ++i) in.require_rank(i, 3);
  const Shape& q = in.shape(0);
  const Shape& k = in.shape(1);
  const Shape& v = in.shape(2);
  in.require(heads > 0 && q[2].divided_by(heads).has_value(),
             "a last dimension that heads divides");
  in.require(k[1] == v[1] && q[2] == k[2] && k[2] == v[2],
             "keys and values of the same number and width as the queries'");
  return {result(in.dtype(0), {in.broadcast(in.broadcast(q[0], k[0]), v[0]), q[1], q[2]})};
}

Results TokenToImage::infer(const Inputs& in) const {
  in.require_count(2, 7);
  in.require_float_from(0);
  in.require_rank(0, 3);
  in.require_rank(1, 3);
  const Shape& q = in.shape(0);
  const Shape& x = in.shape(1);
  require_positions(in, 2, x);
  in.require(heads > 0 && q[2].divided_by(heads).has_value(),
             "a last dimension that heads divides");
  in.require(in.has(3) && in.has(5), "weights of keys and values");
  for (const std::size_t i : {3, 5}) {
    in.require_shape(i, {q[2], x[2]});
    if (in.has(i + 1)) in.require_shape(i + 1, {q[2]});
  }
  return {result(DType::kF32, {in.broadcast(q[0], x[0]), q[1], q[2]})};
}

Results ImageToToken::infer(const Inputs& in) const {
  in.require_count(1, 9);
  in.require_float_from(0);
  for (const std::size_t i : {0, 2, 3}) in.require_rank(i, 3);
  const Shape& x = in.shape(0);
  const Shape& k = in.shape(2);
  const Shape& v = in.shape(3);
  require_positions(in, 1, x);
  in.require(heads > 0 && k[2].divided_by(heads).has_value(),
             "a last dimension that heads divides");
  in.require(k[1] == v[1] && k[2] == v[2], "as many values as keys, of the same width");
  in.require_rank(4, 2);
  const Dim outputs = in.shape(4)[0];
  in.require_shape(4, {outputs, k[2]});
  if (in.has(5)) in.require_shape(5, {outputs});
  Dim batch = in.broadcast(in.broadcast(x[0], k[0]), v[0]);
  if (in.has(6)) {
    in.require_rank(6, 3);
    batch = in.broadcast(batch, in.shape(6)[0]);
    in.require_shape(6, {in.shape(6)[0], x[1], outputs});
  }
  in.require(in.has(7) || (!in.has(8) && x[2] == k[2]),
             "weights of queries, or pixels of the keys' width without a bias");
  if (in.has(7)) in.require_shape(7, {k[2], x[2]});
  if (in.has(8)) in.require_shape(8, {k[2]});
  return {result(DType::kF32, {batch, x[1], outputs})};
}

Results FourierFeatures::infer(const Inputs& in) const {
  in.require_count(2, 2);
  in.require_float_from(0);
  in.require_rank(1, 2);
  in.require(in.last(0) == in.shape(1)[0], "the last dimension of x to be the first one of M");
  Shape y = in.shape(0);
  y.back() = in.shape(1)[1] * 2;
  return {result(DType::kF32, std::move(y))};
}

}  // namespace lasso::graph
