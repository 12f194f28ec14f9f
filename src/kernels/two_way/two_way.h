// The attention between a prompt's few tokens and the many pixels of an image (the two-way blocks
// of SAM's mask decoder), with the projections of what the pixels bring.
//
// Work for M = 7 tokens, N = 4096 pixels of C = 256 channels and 8 heads of 16. As it is written
// down, keys and values of the pixels take 2 N C 128 multiply-adds, 268 M, and scores and sums
// 2 N M 128, 7 M more. But q (x Wk^T)^T = (q Wk) x^T, and p (x Wv^T) = (p x) Wv^T: with Wk folded
// into the queries and Wv applied to the sums, 8 M = 56 rows of C numbers meet the pixels, 2 N 56 C
// multiply-adds, 117 M, and keys and values are never made, so that x is all that is read: 4 MiB of
// float32, where x, k and v with their writing are 16. From image to tokens the same holds of Wq
// and Wo. From about 16 tokens on folding costs more than it saves, and is not done.
#ifndef LASSO_KERNELS_TWO_WAY_TWO_WAY_H_
#define LASSO_KERNELS_TWO_WAY_TWO_WAY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// graph::TokenToImage: inputs q [q_batch, tokens, width], x [x_batch, pixels, channels], p?, Wk,
// bk?, Wv, bv?, of which the last four are packed. Each batch is `batch` or 1.
struct TokenToImageProblem {
  std::int64_t batch = 1;
  std::int64_t q_batch = 1;
  std::int64_t x_batch = 1;
  std::int64_t tokens = 0;
  std::int64_t pixels = 0;
  std::int64_t channels = 0;
  std::int64_t heads = 1;
  std::int64_t head_dim = 0;
  float scale = 1.0F;
  bool positions = false;  // p

  std::int64_t width() const { return heads * head_dim; }
  std::int64_t rows() const { return heads * tokens; }
};

// graph::ImageToToken: inputs x [x_batch, pixels, channels], p?, k [k_batch, tokens, width], v
// [v_batch, tokens, width], Wo, bo?, r [r_batch, pixels, outputs]?, Wq?, bq?, of which the weights
// and biases are packed. Each batch is `batch` or 1.
struct ImageToTokenProblem {
  std::int64_t batch = 1;
  std::int64_t x_batch = 1;
  std::int64_t k_batch = 1;
  std::int64_t v_batch = 1;
  std::int64_t r_batch = 1;
  std::int64_t tokens = 0;
  std::int64_t pixels = 0;
  std::int64_t channels = 0;
  std::int64_t outputs = 0;
  std::int64_t heads = 1;
  std::int64_t head_dim = 0;
  float scale = 1.0F;
  bool positions = false;  // p
  bool projected = false;  // Wq
  bool residual = false;   // r

  std::int64_t width() const { return heads * head_dim; }
  std::int64_t rows() const { return heads * tokens; }
};

// The reason why sizes are such that no kernel may run; else empty.
std::string check_problem(const TokenToImageProblem& p);
std::string check_problem(const ImageToTokenProblem& p);

// Whether folding a projection of the pixels, to or from so many channels, takes fewer
// multiply-adds for each pixel; and how many a pixel takes so.
template <typename Problem>
bool folds(const Problem& p, std::int64_t channels) {
  return p.rows() * channels <= p.width() * (p.tokens + channels);
}
template <typename Problem>
std::int64_t folded_work(const Problem& p, std::int64_t channels) {
  return folds(p, channels) ? p.rows() * channels : p.width() * (p.tokens + channels);
}
// Multiplications and additions.
double operations(const TokenToImageProblem& p);
double operations(const ImageToTokenProblem& p);

// Best first, reference last. Results don't depend on the number of threads.
const std::vector<Kernel<TokenToImageProblem>>& token_to_image_kernels();
const std::vector<Kernel<ImageToTokenProblem>>& image_to_token_kernels();

const Family& token_to_image_family();
const Family& image_to_token_family();

// The rows of the lists.
extern const Kernel<TokenToImageProblem> kTokenToImageAvx512;
extern const Kernel<TokenToImageProblem> kTokenToImageAvx2;
extern const Kernel<TokenToImageProblem> kTokenToImageRef;
extern const Kernel<ImageToTokenProblem> kImageToTokenAvx512;
extern const Kernel<ImageToTokenProblem> kImageToTokenAvx2;
extern const Kernel<ImageToTokenProblem> kImageToTokenRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_TWO_WAY_TWO_WAY_H_
