// Every kernel of the lists on the mask decoder's sizes: by prompts and tokens.
#include "kernels/kernel_bench.h"
#include "kernels/two_way/two_way.h"

namespace lasso::kernels {

namespace {

Tensor zeros(std::int64_t n, std::int64_t k) {
  return make_tensor({n, k}, std::vector<float>(static_cast<std::size_t>(n * k)));
}

template <typename Problem>
void bench_two_way(benchmark::State& state, const Kernel<Problem>& kernel, const Problem& p,
                   const std::vector<Tensor>& weights, const std::vector<std::int64_t>& inputs,
                   std::int64_t outputs) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  std::vector<TensorView> constants;
  for (const Tensor& w : weights) {
    constants.push_back(w.view());
    constants.emplace_back();
  }
  double bytes = 0;
  std::vector<std::size_t> counts;
  for (const std::int64_t count : inputs) {
    counts.push_back(static_cast<std::size_t>(count));
    bytes += static_cast<double>(count) * sizeof(float);
  }
  bytes += static_cast<double>(outputs) * sizeof(float);
  bench::Call call(kernel, p, target, offer, constants, counts, static_cast<std::size_t>(outputs));
  bench::time_call(state, call, operations(p), bytes);
}

std::string name(std::string_view op, std::int64_t batch, std::int64_t tokens,
                 const std::string& row) {
  return std::string(op) + "/" + std::to_string(batch) + "x" + std::to_string(tokens) + "/" + row;
}

const int kRegistered = [] {
  for (const auto& [batch, tokens] : {std::pair{1, 7}, {2, 7}, {8, 7}, {1, 16}, {1, 40}}) {
    TokenToImageProblem t{.batch = batch,
                          .q_batch = batch,
                          .x_batch = batch,
                          .tokens = tokens,
                          .pixels = 4096,
                          .channels = 256,
                          .heads = 8,
                          .head_dim = 16,
                          .scale = 0.25F,
                          .positions = true};
    const std::int64_t pixels = t.pixels * t.channels;
    for (const auto& kernel : token_to_image_kernels()) {
      benchmark::RegisterBenchmark(
          name("token_to_image", batch, tokens, kernel.label()).c_str(),
          bench_two_way<TokenToImageProblem>, kernel, t,
          std::vector<Tensor>{zeros(128, 256), zeros(128, 256)},
          std::vector<std::int64_t>{batch * tokens * 128, batch * pixels, pixels},
          batch * tokens * 128);
    }
    for (const bool projected : {false, true}) {
      const std::int64_t channels = projected ? 256 : 128;
      ImageToTokenProblem i{.batch = batch,
                            .x_batch = projected ? batch : 1,
                            .k_batch = batch,
                            .v_batch = batch,
                            .r_batch = projected ? batch : 1,
                            .tokens = tokens,
                            .pixels = 4096,
                            .channels = channels,
                            .outputs = 256,
                            .heads = 8,
                            .head_dim = 16,
                            .scale = 0.25F,
                            .positions = projected,
                            .projected = projected,
                            .residual = true};
      for (const auto& kernel : image_to_token_kernels()) {
        std::vector<Tensor> weights{zeros(256, 128)};
        if (projected) weights.push_back(zeros(128, 256));
        benchmark::RegisterBenchmark(
            name(projected ? "image_to_token" : "image_to_token/as_it_is", batch, tokens,
                 kernel.label())
                .c_str(),
            bench_two_way<ImageToTokenProblem>, kernel, i, weights,
            std::vector<std::int64_t>{i.x_batch * 4096 * channels, projected ? pixels : 0,
                                      batch * tokens * 128, batch * tokens * 128, 0, 0,
                                      i.r_batch * pixels},
            batch * pixels);
      }
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
