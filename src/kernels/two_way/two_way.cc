#include "kernels/two_way/two_way.h"

#include <algorithm>

#include "core/check.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels {

namespace {

void require_constants(const Call& call, std::initializer_list<std::size_t> inputs) {
  for (const std::size_t i : inputs) {
    LASSO_CHECK(!has_operand(call.inputs, i) || call.inputs[i].constant, ErrorCode::kUnsupported,
                "{}: input {} (weights, bias) must be a constant", graph::op_name(call.op), i);
  }
}

std::int64_t common_batch(std::initializer_list<std::int64_t> batches) {
  for (const std::int64_t batch : batches) {
    if (batch != 1) return batch;
  }
  return 1;
}

std::string check_sizes(std::initializer_list<std::int64_t> sizes, std::int64_t batch,
                        std::initializer_list<std::int64_t> batches) {
  for (const std::int64_t size : sizes) {
    if (size < 1) return "sizes that are not positive";
  }
  if (batch < 0) return "sizes that are not positive";
  for (const std::int64_t b : batches) {
    if (b != 1 && b != batch) return "batches that don't broadcast";
  }
  return {};
}

// Sizes may come from an engine file: beyond this what kernels count in has no room. The largest
// counts are products of all of these, each rounded up by no more than 256; that of weights, of
// three of them, is smaller since the others count as 256 at least.
bool is_beyond_memory(std::initializer_list<std::int64_t> sizes) {
  double product = 1;
  for (const std::int64_t size : sizes) product *= static_cast<double>(size) + 256;
  return product > 0x1p56;
}

TokenToImageProblem make_token_to_image_problem(const Call& call) {
  const auto& op = std::get<graph::TokenToImage>(call.op);
  require_constants(call, {3, 4, 5, 6});
  const Dims& q = call.inputs.at(0).dims;
  const Dims& x = call.inputs.at(1).dims;
  LASSO_CHECK(q.size() == 3 && x.size() == 3 && op.heads > 0, ErrorCode::kInternal,
              "token_to_image: q is {}, x is {}", to_string(q), to_string(x));
  return {.batch = common_batch({q[0], x[0]}),
          .q_batch = q[0],
          .x_batch = x[0],
          .tokens = q[1],
          .pixels = x[1],
          .channels = x[2],
          .heads = op.heads,
          .head_dim = q[2] / op.heads,
          .scale = op.scale,
          .positions = has_operand(call.inputs, 2)};
}

ImageToTokenProblem make_image_to_token_problem(const Call& call) {
  const auto& op = std::get<graph::ImageToToken>(call.op);
  require_constants(call, {4, 5, 7, 8});
  const Dims& x = call.inputs.at(0).dims;
  const Dims& k = call.inputs.at(2).dims;
  const Dims& v = call.inputs.at(3).dims;
  const Dims& y = call.outputs.at(0).dims;
  LASSO_CHECK(x.size() == 3 && k.size() == 3 && v.size() == 3 && y.size() == 3 && op.heads > 0,
              ErrorCode::kInternal, "image_to_token: x is {}, k is {}, v is {}", to_string(x),
              to_string(k), to_string(v));
  return {.batch = y[0],
          .x_batch = x[0],
          .k_batch = k[0],
          .v_batch = v[0],
          .r_batch = has_operand(call.inputs, 6) ? call.inputs[6].dims.at(0) : 1,
          .tokens = k[1],
          .pixels = x[1],
          .channels = x[2],
          .outputs = y[2],
          .heads = op.heads,
          .head_dim = k[2] / op.heads,
          .scale = op.scale,
          .positions = has_operand(call.inputs, 1),
          .projected = has_operand(call.inputs, 7),
          .residual = has_operand(call.inputs, 6)};
}

}  // namespace

std::string check_problem(const TokenToImageProblem& p) {
  if (is_beyond_memory({p.batch, p.heads, p.tokens, p.pixels, std::max(p.channels, p.head_dim)})) {
    return "sizes beyond any memory";
  }
  return check_sizes({p.tokens, p.pixels, p.channels, p.heads, p.head_dim}, p.batch,
                     {p.q_batch, p.x_batch});
}

std::string check_problem(const ImageToTokenProblem& p) {
  if (is_beyond_memory(
          {p.batch, p.heads, p.tokens, p.pixels, std::max({p.channels, p.outputs, p.head_dim})})) {
    return "sizes beyond any memory";
  }
  return check_sizes({p.tokens, p.pixels, p.channels, p.outputs, p.heads, p.head_dim}, p.batch,
                     {p.x_batch, p.k_batch, p.v_batch, p.r_batch});
}

double operations(const TokenToImageProblem& p) {
  return 4.0 * static_cast<double>(p.batch * p.pixels) *
         static_cast<double>(folded_work(p, p.channels));
}

double operations(const ImageToTokenProblem& p) {
  const std::int64_t queries = p.projected ? folded_work(p, p.channels) : p.tokens * p.width();
  return 2.0 * static_cast<double>(p.batch * p.pixels) *
         static_cast<double>(queries + folded_work(p, p.outputs));
}

const std::vector<Kernel<TokenToImageProblem>>& token_to_image_kernels() {
  static const std::vector<Kernel<TokenToImageProblem>> list{kTokenToImageAvx512, kTokenToImageAvx2,
                                                             kTokenToImageRef};
  return list;
}

const std::vector<Kernel<ImageToTokenProblem>>& image_to_token_kernels() {
  static const std::vector<Kernel<ImageToTokenProblem>> list{kImageToTokenAvx512, kImageToTokenAvx2,
                                                             kImageToTokenRef};
  return list;
}

const Family& token_to_image_family() {
  static const ListFamily<TokenToImageProblem> family("token_to_image", token_to_image_kernels(),
                                                      make_token_to_image_problem,
                                                      [](const Call& /*call*/) {
                                                        return std::vector<std::size_t>{3, 4, 5, 6};
                                                      });
  return family;
}

const Family& image_to_token_family() {
  static const ListFamily<ImageToTokenProblem> family("image_to_token", image_to_token_kernels(),
                                                      make_image_to_token_problem,
                                                      [](const Call& /*call*/) {
                                                        return std::vector<std::size_t>{4, 5, 7, 8};
                                                      });
  return family;
}

}  // namespace lasso::kernels
