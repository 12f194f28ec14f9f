// Attention between a prompt's tokens and the pixels of an image, with the projections of the
// pixels' side: the two-way blocks of SAM's mask decoder. A part of op.h.
#ifndef LASSO_GRAPH_OP_TWO_WAY_H_
#define LASSO_GRAPH_OP_TWO_WAY_H_

#include <cstdint>
#include <string_view>

#include "graph/op_hints.h"

namespace lasso::graph {

// Tokens attend to pixels: softmax(scale q k^T) v for each head, with k = (x + p) Wk^T + bk and v =
// x Wv^T + bv.   (q [B, M, heads*d], x [B, N, C], p? [N, C] or [1, N, C], Wk [heads*d, C], bk?
// [heads*d], Wv [heads*d, C], bv? [heads*d]) -> [B, M, heads*d]; batches broadcast (1 against B).
struct TokenToImage {
  static constexpr std::string_view kName = "token_to_image";
  std::int64_t heads = 1;
  float scale = 1.0F;

  static void fields(auto& op, auto& v) {
    v("heads", op.heads);
    v("scale", op.scale);
  }
  Results infer(const Inputs& in) const;
  bool operator==(const TokenToImage&) const = default;
};

// Pixels attend to tokens: y = softmax(scale q k^T) v Wo^T + bo + r for each head, with q = (x + p)
// Wq^T + bq, or x + p without Wq.   (x [B, N, C], p? [N, C] or [1, N, C], k [B, M, heads*d], v [B,
// M, heads*d], Wo [K, heads*d], bo? [K], r? [B, N, K], Wq? [heads*d, C], bq? [heads*d]) -> [B, N,
// K]; batches broadcast (1 against B).
struct ImageToToken {
  static constexpr std::string_view kName = "image_to_token";
  std::int64_t heads = 1;
  float scale = 1.0F;

  static void fields(auto& op, auto& v) {
    v("heads", op.heads);
    v("scale", op.scale);
  }
  Results infer(const Inputs& in) const;
  bool operator==(const ImageToToken&) const = default;
};

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_OP_TWO_WAY_H_
