// A prompt's tokens' attention to the pixels. Chunks of pixels are tasks of their own, each with
// weights that are relative to its own largest score; what comes of them is added up afterwards.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "core/convert.h"
#include "core/threads.h"
#include "kernels/cpu/constant.h"
#include "kernels/cpu/transpose.h"
#include "kernels/two_way/two_way.h"
#include "kernels/two_way/two_way_product.h"

namespace lasso::kernels {

namespace {

using namespace two_way;  // NOLINT(google-build-using-namespace): what the file is written in

constexpr std::int64_t kRows = 64;    // of pixels that go through all steps together
constexpr std::int64_t kChunk = 256;  // of a task

// What the largest score of nothing is. Infinity would make the weight of a score of minus infinity
// no number.
constexpr float kLeast = std::numeric_limits<float>::lowest();

std::int64_t chunks(const TokenToImageProblem& p) { return (p.pixels + kChunk - 1) / kChunk; }
std::int64_t padded(std::int64_t columns) { return panel_count(columns) * kPanel; }

bool folds(const TokenToImageProblem& p) { return kernels::folds(p, p.channels); }

// Where numbers of a row stand: those of heads that are looked at one by one begin at vectors.
std::int64_t stat(const TokenToImageProblem& p, std::int64_t head, std::int64_t token) {
  const std::int64_t stride = folds(p) ? p.tokens : (p.tokens + 15) / 16 * 16;
  return head * stride + token;
}
std::int64_t stats(const TokenToImageProblem& p) { return stat(p, p.heads, 0); }

// What is packed: Wv with bv, Wk with bk, and Wk's transpose.
struct Packed {
  explicit Packed(const TokenToImageProblem& p)
      : wk(packed_floats(p.width(), p.channels)),
        wk_transposed(2 * wk),
        floats(wk_transposed + packed_floats(p.channels, p.width()) + kPanel) {}
  std::int64_t wk, wk_transposed, floats;
};

// What a chunk leaves: for each row its largest score and the sum of its weights; and the sums of
// x, [rows, channels], or of v, [tokens, width].
struct Part {
  Part(const TokenToImageProblem& p, float* memory) {
    Cut cut(memory);
    max = cut.take(stats(p));
    sum = cut.take(stats(p));
    sums = cut.take(folds(p) ? p.rows() * p.channels : p.tokens * p.width());
    floats = cut.taken();
  }
  float* max;
  float* sum;
  float* sums;
  std::int64_t floats;
};

struct Scratch {
  Scratch(const TokenToImageProblem& p, float* memory) {
    const bool folded = folds(p);
    Cut cut(memory);
    queries = cut.take(folded ? folded_floats(p.rows(), p.channels)
                              : head_panel_floats(p.tokens, p.heads, p.head_dim));
    folding = cut.take(folded ? p.rows() * p.channels : 0);
    shifted = cut.take(p.positions ? kRows * p.channels : 0);
    keys = cut.take(folded ? 0 : kRows * p.width());
    values = cut.take(padded(folded ? p.channels : p.width()) * kRows);
    scores = cut.take(kRows * padded(folded ? p.rows() : p.tokens));
    weights = cut.take(kRows * (folded ? p.rows() : p.tokens));
    factors = cut.take(folded ? p.rows() : p.tokens);
    floats = cut.taken();
  }

  float* queries;  // what pixels are multiplied with for their scores
  float* folding;  // and, when chunks are added up, their sum for one head
  float* shifted;  // x + p
  float* keys;     // of the pixels
  float* values;   // x or v in panels
  float* scores;   // [kRows, padded columns]
  float* weights;  // the same transposed, [columns, kRows]
  float* factors;
  std::int64_t floats;
};

class Thread {
 public:
  Thread(const ProductIsa& isa, const TwoWayIsa& softmax, const TokenToImageProblem& p,
         const KernelArgs& args, float* memory)
      : isa_(isa),
        softmax_(softmax),
        p_(p),
        args_(args),
        packed_(reinterpret_cast<const float*>(args.packed)),
        place_(p),
        s_(p, memory) {}

  void run(std::int64_t batch, std::int64_t begin, std::int64_t end, const Part& part) {
    if (batch != batch_) start(batch);
    std::fill_n(part.max, stats(p_), kLeast);
    std::fill_n(part.sum, stats(p_), 0.0F);
    for (std::int64_t row = begin; row < end; row += kRows) {
      const std::int64_t count = std::min(kRows, end - row);
      if (folds(p_)) {
        add_folded(row, count, row > begin, part);
      } else {
        add_projected(row, count, row > begin, part);
      }
    }
  }

  // The result of a head from its chunks' parts, which begin at `memory`.
  void finish(std::int64_t batch, std::int64_t head, float* memory) {
    const std::int64_t count = chunks(p_);
    const std::int64_t stride = folds(p_) ? p_.channels : p_.width();
    const std::int64_t columns = folds(p_) ? p_.channels : p_.head_dim;
    float* y =
        static_cast<float*>(args_.outputs[0]) + batch * p_.tokens * p_.width() + head * p_.head_dim;
    const Result sums = folds(p_) ? Result{s_.folding, p_.channels} : Result{y, p_.width()};
    const std::int64_t floats = Part(p_, nullptr).floats;
    for (std::int64_t j = 0; j < p_.tokens; ++j) {
      const std::int64_t row = stat(p_, head, j);
      float max = kLeast;
      for (std::int64_t i = 0; i < count; ++i) {
        max = std::max(max, Part(p_, memory + i * floats).max[row]);
      }
      float* sum = sums.data + j * sums.stride;
      std::fill_n(sum, columns, 0.0F);
      float total = 0.0F;
      for (std::int64_t i = 0; i < count; ++i) {
        const Part part(p_, memory + i * floats);
        const float factor = std::exp(part.max[row] - max);
        total += part.sum[row] * factor;
        const float* from =
            part.sums + (folds(p_) ? row * stride : j * stride + head * p_.head_dim);
        for (std::int64_t c = 0; c < columns; ++c) sum[c] += from[c] * factor;
      }
      for (std::int64_t c = 0; c < columns; ++c) sum[c] /= total;
    }
    if (!folds(p_)) return;
    multiply_columns(isa_,
                     {.rows = p_.tokens,
                      .columns = p_.head_dim,
                      .depth = p_.channels,
                      .a = {s_.folding, p_.channels},
                      .weights = wv(),
                      .bias = bv(),
                      .y = {y, p_.width()}},
                     head * p_.head_dim);
  }

 private:
  const float* input(std::size_t i) const { return static_cast<const float*>(args_.inputs[i]); }
  Rows pixels(std::int64_t row) const {
    return {input(1) + ((p_.x_batch == 1 ? 0 : batch_ * p_.pixels) + row) * p_.channels,
            p_.channels};
  }
  Panels wv() const { return packed_panels(packed_, p_.channels); }
  const float* bv() const { return packed_bias(packed_, p_.width(), p_.channels); }

  // What is made of a prompt's tokens.
  void start(std::int64_t batch) {
    batch_ = batch;
    const Rows q{input(0) + (p_.q_batch == 1 ? 0 : batch * p_.tokens * p_.width()), p_.width()};
    if (folds(p_)) {
      // bk adds the same to all scores of a query, which the softmax takes off again.
      fold(isa_, q, p_.tokens, p_.heads, p_.head_dim, p_.channels, p_.scale,
           packed_panels(packed_ + place_.wk_transposed, p_.width()), s_.folding, s_.queries);
    } else {
      head_panels(q, p_.tokens, p_.heads, p_.head_dim, p_.scale, s_.queries);
    }
  }

  Rows with_positions(Rows x, std::int64_t row, std::int64_t count) {
    if (!p_.positions) return x;
    add_rows(x, {input(2) + row * p_.channels, p_.channels}, count, p_.channels, s_.shifted);
    return {s_.shifted, p_.channels};
  }

  // The scores become weights, which are transposed, and `factors` what sums of before them are to
  // be multiplied with.
  void weigh(std::int64_t first, std::int64_t count, std::int64_t pixels, std::int64_t stride,
             const Part& part) {
    softmax_.weigh_columns(s_.scores, pixels, count, stride, part.max + first, part.sum + first,
                           s_.factors);
    transpose_block(s_.scores, stride, pixels, count, s_.weights, kRows);
  }
  static void scale_rows(const float* factors, std::int64_t count, std::int64_t columns, float* y,
                         std::int64_t stride) {
    for (std::int64_t row = 0; row < count; ++row, y += stride) {
      if (factors[row] == 1.0F) continue;
      for (std::int64_t c = 0; c < columns; ++c) y[c] *= factors[row];
    }
  }

  void add_folded(std::int64_t row, std::int64_t count, bool adds, const Part& part) {
    const Rows x = pixels(row);
    const std::int64_t stride = padded(p_.rows());
    multiply(isa_, {.rows = count,
                    .columns = p_.rows(),
                    .depth = p_.channels,
                    .a = with_positions(x, row, count),
                    .weights = {s_.queries, p_.channels * kPanel},
                    .y = {s_.scores, stride}});
    weigh(0, p_.rows(), count, stride, part);
    if (adds) scale_rows(s_.factors, p_.rows(), p_.channels, part.sums, p_.channels);
    copy_panels(x, count, p_.channels, s_.values, kRows * kPanel);
    multiply(isa_, {.rows = p_.rows(),
                    .columns = p_.channels,
                    .depth = count,
                    .a = {s_.weights, kRows},
                    .weights = {s_.values, kRows * kPanel},
                    .y = {part.sums, p_.channels},
                    .adds = adds});
  }

  void add_projected(std::int64_t row, std::int64_t count, bool adds, const Part& part) {
    const Rows x = pixels(row);
    const std::int64_t width = p_.width();
    multiply(isa_, {.rows = count,
                    .columns = width,
                    .depth = p_.channels,
                    .a = with_positions(x, row, count),
                    .weights = packed_panels(packed_ + place_.wk, p_.channels),
                    .bias = packed_bias(packed_ + place_.wk, width, p_.channels),
                    .y = {s_.keys, width}});
    multiply(isa_, {.rows = count,
                    .columns = width,
                    .depth = p_.channels,
                    .a = x,
                    .weights = wv(),
                    .bias = bv(),
                    .y = {s_.values, kPanel, kRows * kPanel}});
    const std::int64_t stride = padded(p_.tokens);
    for (std::int64_t head = 0; head < p_.heads; ++head) {
      const std::int64_t column = head * p_.head_dim;
      multiply(isa_, {.rows = count,
                      .columns = p_.tokens,
                      .depth = p_.head_dim,
                      .a = Rows{s_.keys, width}.columns(column),
                      .weights = head_panel(s_.queries, p_.tokens, p_.head_dim, head),
                      .y = {s_.scores, stride}});
      weigh(stat(p_, head, 0), p_.tokens, count, stride, part);
      if (adds) scale_rows(s_.factors, p_.tokens, p_.head_dim, part.sums + column, width);
      multiply_columns(isa_,
                       {.rows = p_.tokens,
                        .columns = p_.head_dim,
                        .depth = count,
                        .a = {s_.weights, kRows},
                        .weights = {s_.values, kRows * kPanel},
                        .y = {part.sums + column, width},
                        .adds = adds},
                       column);
    }
  }

  const ProductIsa& isa_;
  const TwoWayIsa& softmax_;
  const TokenToImageProblem& p_;
  const KernelArgs& args_;
  const float* packed_;
  Packed place_;
  Scratch s_;
  std::int64_t batch_ = -1;
};

void pack(const TokenToImageProblem& p, const std::vector<TensorView>& constants,
          std::byte* packed) {
  auto* out = reinterpret_cast<float*>(packed);
  const Packed place(p);
  const std::int64_t width = p.width();
  const std::vector<float> wk = read_f32(constants.at(0));
  const std::vector<float> wv = read_f32(constants.at(2));
  std::vector<float> bias(static_cast<std::size_t>(width));
  const auto element = [&](const std::vector<float>& w) {
    return [&w, &p](std::int64_t i, std::int64_t j) {
      return w[static_cast<std::size_t>(i * p.channels + j)];
    };
  };
  read_bias({constants[2], constants.at(3)}, width, bias.data());
  pack_panels(width, p.channels, element(wv), bias.data(), out);
  read_bias({constants[0], constants.at(1)}, width, bias.data());
  pack_panels(width, p.channels, element(wk), bias.data(), out + place.wk);
  pack_panels(
      p.channels, width, [&](std::int64_t i, std::int64_t j) { return element(wk)(j, i); }, nullptr,
      out + place.wk_transposed);
  std::fill_n(out + place.floats - kPanel, kPanel, 0.0F);
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<TokenToImageProblem>&>(state);
  const TokenToImageProblem& p = s.problem;
  const std::int64_t parts = chunks(p);
  const std::int64_t part_floats = Part(p, nullptr).floats;
  const std::int64_t own_floats = Scratch(p, nullptr).floats;
  auto* memory = reinterpret_cast<float*>(args.workspace);
  float* own = memory + p.batch * parts * part_floats;
  // To start and to join a team costs some microseconds, in which one core does some megaflops.
  const bool small = operations(p) < 2e6;
  const auto each_task = [&](std::int64_t tasks, const auto& run_task) {
    share_tasks(small, s.target.threads, [&](const auto& next, int thread) {
      Thread worker(product_isa(kFeature), softmax_isa(kFeature), p, args,
                    own + thread * own_floats);
      for (std::int64_t i = next(); i < tasks; i = next()) run_task(worker, i);
    });
  };
  each_task(p.batch * parts, [&](Thread& worker, std::int64_t i) {
    const std::int64_t begin = i % parts * kChunk;
    worker.run(i / parts, begin, std::min(begin + kChunk, p.pixels),
               Part(p, memory + i * part_floats));
  });
  each_task(p.batch * p.heads, [&](Thread& worker, std::int64_t i) {
    const std::int64_t batch = i / p.heads;
    worker.finish(batch, i % p.heads, memory + batch * parts * part_floats);
  });
}

template <CpuFeature kFeature>
Offer offer(const TokenToImageProblem& p, const TargetInfo& target) {
  std::string reason = check_problem(p);
  if (!reason.empty()) return Offer::no(std::move(reason));
  Offer offer;
  offer.workspace_bytes = static_cast<std::size_t>(p.batch * chunks(p) * Part(p, nullptr).floats +
                                                   target.threads * Scratch(p, nullptr).floats) *
                          sizeof(float);
  offer.packed_bytes = static_cast<std::size_t>(Packed(p).floats) * sizeof(float);
  offer.packed_layout = "f32 Wv, bv, Wk, bk, Wk^T: " + std::string(kPanelLayout);
  return offer;
}

template <CpuFeature kFeature>
constexpr Kernel<TokenToImageProblem> kernel() {
  return {.name = "folded",
          .needs = {.features = kFeature},
          .offer = offer<kFeature>,
          .pack = pack,
          .create = create_problem_state<TokenToImageProblem>,
          .run = run<kFeature>};
}

}  // namespace

const Kernel<TokenToImageProblem> kTokenToImageAvx512 = kernel<CpuFeature::kAvx512>();
const Kernel<TokenToImageProblem> kTokenToImageAvx2 = kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
