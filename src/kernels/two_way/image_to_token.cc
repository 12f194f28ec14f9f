// The pixels' attention to a prompt's tokens, and what it adds to them. A thread takes some rows of
// pixels through all steps, in memory that stays in its caches.
#include <algorithm>
#include <cstddef>
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

constexpr std::int64_t kRows = 48;   // that go through all steps together
constexpr std::int64_t kTask = 192;  // rows

// What is packed: Wo with bo; with a projection Wq with bq, and its transpose.
struct Packed {
  explicit Packed(const ImageToTokenProblem& p)
      : wq(packed_floats(p.outputs, p.width())),
        wq_transposed(wq + (p.projected ? packed_floats(p.width(), p.channels) : 0)),
        floats(wq_transposed + (p.projected ? packed_floats(p.channels, p.width()) : 0) + kPanel) {}
  std::int64_t wq, wq_transposed, floats;
};

// Of Wo, and of Wq as well.
bool folds_outputs(const ImageToTokenProblem& p) { return folds(p, p.outputs); }
bool folds_queries(const ImageToTokenProblem& p) {
  return p.projected && folds_outputs(p) && folds(p, p.channels);
}

// Rows of scores: of all heads where outputs are folded, else of one.
std::int64_t score_columns(const ImageToTokenProblem& p) {
  return folds_outputs(p) ? p.rows() : p.tokens;
}
std::int64_t padded(std::int64_t columns) { return panel_count(columns) * kPanel; }

struct Scratch {
  Scratch(const ImageToTokenProblem& p, float* memory) {
    const bool folded = folds_queries(p);
    Cut cut(memory);
    keys = cut.take(folded             ? folded_floats(p.rows(), p.channels)
                    : folds_outputs(p) ? folded_floats(p.rows(), p.width())
                                       : head_panel_floats(p.tokens, p.heads, p.head_dim));
    key_bias = cut.take(padded(p.rows()));
    values = cut.take(folds_outputs(p) ? panel_count(p.outputs) * p.rows() * kPanel
                                       : panel_count(p.width()) * p.tokens * kPanel);
    folding = cut.take(folded ? p.rows() * p.channels : 0);
    sums = cut.take(p.positions ? kRows * p.channels : 0);
    queries = cut.take(p.projected && !folded ? kRows * p.width() : 0);
    scores = cut.take(kRows * padded(score_columns(p)));
    columns = cut.take(kRows * score_columns(p));
    attended = cut.take(folds_outputs(p) ? 0 : kRows * p.width());
    floats = cut.taken();
  }

  float* keys;      // what pixels are multiplied with for their scores
  float* key_bias;  // what bq adds to them
  float* values;    // what weights are multiplied with
  float* folding;
  float* sums;     // x + p
  float* queries;  // of the pixels
  float* scores;   // [kRows, padded columns]
  float* columns;  // the same transposed, [columns, kRows]
  float* attended;
  std::int64_t floats;
};

class Thread {
 public:
  Thread(const ProductIsa& isa, const TwoWayIsa& softmax, const ImageToTokenProblem& p,
         const KernelArgs& args, float* memory)
      : isa_(isa),
        softmax_(softmax),
        p_(p),
        args_(args),
        packed_(reinterpret_cast<const float*>(args.packed)),
        place_(p),
        s_(p, memory) {}

  void run(std::int64_t batch, std::int64_t begin, std::int64_t end) {
    if (batch != batch_) start(batch);
    for (std::int64_t row = begin; row < end; row += kRows) {
      rows(row, std::min(kRows, end - row));
    }
  }

 private:
  const float* input(std::size_t i) const { return static_cast<const float*>(args_.inputs[i]); }
  Rows tokens(std::size_t i, std::int64_t batches) const {
    const std::int64_t width = p_.width();
    return {input(i) + (batches == 1 ? 0 : batch_ * p_.tokens * width), width};
  }
  Rows pixels(std::size_t i, std::int64_t batches, std::int64_t row, std::int64_t columns) const {
    return {input(i) + ((batches == 1 ? 0 : batch_ * p_.pixels) + row) * columns, columns};
  }
  Panels wo() const { return packed_panels(packed_, p_.width()); }
  const float* bo() const { return packed_bias(packed_, p_.outputs, p_.width()); }
  const float* bq() const { return packed_bias(packed_ + place_.wq, p_.width(), p_.channels); }

  // What is made of a prompt's tokens.
  void start(std::int64_t batch) {
    batch_ = batch;
    const Rows k = tokens(2, p_.k_batch);
    const Rows v = tokens(3, p_.v_batch);
    if (folds_queries(p_)) {
      fold(isa_, k, p_.tokens, p_.heads, p_.head_dim, p_.channels, p_.scale,
           packed_panels(packed_ + place_.wq_transposed, p_.width()), s_.folding, s_.keys);
      std::fill_n(s_.key_bias, padded(p_.rows()), 0.0F);
      for (std::int64_t row = 0; row < p_.rows(); ++row) {
        const float* key = k.row(row % p_.tokens);
        const std::int64_t head = row / p_.tokens * p_.head_dim;
        float sum = 0.0F;
        for (std::int64_t i = head; i < head + p_.head_dim; ++i) sum += bq()[i] * key[i];
        s_.key_bias[row] = sum * p_.scale;
      }
    } else if (folds_outputs(p_)) {
      place_by_head(k);
    } else {
      head_panels(k, p_.tokens, p_.heads, p_.head_dim, p_.scale, s_.keys);
    }
    if (!folds_outputs(p_)) {
      copy_panels(v, p_.tokens, p_.width(), s_.values, p_.tokens * kPanel);
      return;
    }
    for (std::int64_t head = 0; head < p_.heads; ++head) {
      multiply(isa_, {.rows = p_.tokens,
                      .columns = p_.outputs,
                      .depth = p_.head_dim,
                      .a = v.columns(head * p_.head_dim),
                      .weights = wo().from(head * p_.head_dim, 0),
                      .y = {s_.values + head * p_.tokens * kPanel, kPanel, p_.rows() * kPanel}});
    }
  }

  // The keys of all heads as panels [width][64] of the rows of scores: each head's numbers stand
  // where the queries have theirs, and zeros elsewhere.
  void place_by_head(Rows k) {
    std::fill_n(s_.keys, folded_floats(p_.rows(), p_.width()), 0.0F);
    for (std::int64_t row = 0; row < p_.rows(); ++row) {
      const std::int64_t begin = row / p_.tokens * p_.head_dim;
      float* column = s_.keys + row / kPanel * kPanel * p_.width() + row % kPanel;
      for (std::int64_t i = begin; i < begin + p_.head_dim; ++i) {
        column[i * kPanel] = k.row(row % p_.tokens)[i] * p_.scale;
      }
    }
  }

  void rows(std::int64_t row, std::int64_t count) {
    Rows x = pixels(0, p_.x_batch, row, p_.channels);
    if (p_.positions) {
      add_rows(x, {input(1) + row * p_.channels, p_.channels}, count, p_.channels, s_.sums);
      x = {s_.sums, p_.channels};
    }
    if (p_.projected && !folds_queries(p_)) {
      multiply(isa_, {.rows = count,
                      .columns = p_.width(),
                      .depth = p_.channels,
                      .a = x,
                      .weights = packed_panels(packed_ + place_.wq, p_.channels),
                      .bias = bq(),
                      .y = {s_.queries, p_.width()}});
      x = {s_.queries, p_.width()};
    }
    Step output{
        .rows = count,
        .columns = p_.outputs,
        .bias = bo(),
        .y = {static_cast<float*>(args_.outputs[0]) + (batch_ * p_.pixels + row) * p_.outputs,
              p_.outputs}};
    if (p_.residual) output.residual = pixels(6, p_.r_batch, row, p_.outputs);
    if (folds_outputs(p_)) {
      score_all(x, count);
      output.depth = p_.rows();
      output.a = weights(p_.rows(), count);
      output.weights = {s_.values, p_.rows() * kPanel};
    } else {
      for (std::int64_t head = 0; head < p_.heads; ++head) attend(x, head, count);
      output.depth = p_.width();
      output.a = {s_.attended, p_.width()};
      output.weights = wo();
    }
    multiply(isa_, output);
  }

  // The columns of scores of all heads, each head's softmax done.
  void score_all(Rows x, std::int64_t count) {
    const std::int64_t stride = padded(p_.rows());
    if (folds_queries(p_)) {
      multiply(isa_, {.rows = count,
                      .columns = p_.rows(),
                      .depth = p_.channels,
                      .a = x,
                      .weights = {s_.keys, p_.channels * kPanel},
                      .bias = s_.key_bias,
                      .y = {s_.scores, stride}});
    } else {
      score_by_head(x, count, stride);
    }
    transpose_block(s_.scores, stride, count, p_.rows(), s_.columns, kRows);
    for (std::int64_t head = 0; head < p_.heads; ++head) {
      softmax_.softmax_columns(s_.columns + head * p_.tokens * kRows, p_.tokens, count, kRows);
    }
  }

  // Some columns at a time, by those numbers of the queries that their heads have.
  void score_by_head(Rows x, std::int64_t count, std::int64_t stride) {
    constexpr std::int64_t kStrip = 32;
    for (std::int64_t column = 0; column < p_.rows(); column += kStrip) {
      const std::int64_t columns = std::min(kStrip, p_.rows() - column);
      const std::int64_t begin = column / p_.tokens * p_.head_dim;
      const std::int64_t end = ((column + columns - 1) / p_.tokens + 1) * p_.head_dim;
      multiply(isa_, {.rows = count,
                      .columns = columns,
                      .depth = end - begin,
                      .a = x.columns(begin),
                      .weights = Panels{s_.keys, p_.width() * kPanel}.from(begin, column),
                      .y = {s_.scores + column, stride}});
    }
  }

  void score(Rows x, std::int64_t head, std::int64_t count) {
    const std::int64_t stride = padded(p_.tokens);
    multiply(isa_, {.rows = count,
                    .columns = p_.tokens,
                    .depth = p_.head_dim,
                    .a = x.columns(head * p_.head_dim),
                    .weights = head_panel(s_.keys, p_.tokens, p_.head_dim, head),
                    .y = {s_.scores, stride}});
    transpose_block(s_.scores, stride, count, p_.tokens, s_.columns, kRows);
    softmax_.softmax_columns(s_.columns, p_.tokens, count, kRows);
  }

  // `count` rows of weights, one after another, of as many columns as there are.
  Rows weights(std::int64_t columns, std::int64_t count) {
    const std::int64_t stride = padded(columns);
    transpose_block(s_.columns, kRows, columns, count, s_.scores, stride);
    return {s_.scores, stride};
  }

  void attend(Rows x, std::int64_t head, std::int64_t count) {
    score(x, head, count);
    multiply_columns(isa_,
                     {.rows = count,
                      .columns = p_.head_dim,
                      .depth = p_.tokens,
                      .a = weights(p_.tokens, count),
                      .weights = {s_.values, p_.tokens * kPanel},
                      .y = {s_.attended + head * p_.head_dim, p_.width()}},
                     head * p_.head_dim);
  }

  const ProductIsa& isa_;
  const TwoWayIsa& softmax_;
  const ImageToTokenProblem& p_;
  const KernelArgs& args_;
  const float* packed_;
  Packed place_;
  Scratch s_;
  std::int64_t batch_ = -1;
};

void pack(const ImageToTokenProblem& p, const std::vector<TensorView>& constants,
          std::byte* packed) {
  auto* out = reinterpret_cast<float*>(packed);
  const Packed place(p);
  const std::int64_t width = p.width();
  const auto pack_weights = [&](std::size_t first, std::int64_t n, std::int64_t k, float* to) {
    std::vector<float> w = read_f32(constants.at(first));
    std::vector<float> bias(static_cast<std::size_t>(n));
    read_bias({constants[first], constants.at(first + 1)}, n, bias.data());
    pack_panels(
        n, k,
        [&](std::int64_t i, std::int64_t j) { return w[static_cast<std::size_t>(i * k + j)]; },
        bias.data(), to);
    return w;
  };
  pack_weights(0, p.outputs, width, out);
  if (p.projected) {
    const std::vector<float> w = pack_weights(2, width, p.channels, out + place.wq);
    pack_panels(
        p.channels, width,
        [&](std::int64_t i, std::int64_t j) {
          return w[static_cast<std::size_t>(j * p.channels + i)];
        },
        nullptr, out + place.wq_transposed);
  }
  std::fill_n(out + place.floats - kPanel, kPanel, 0.0F);
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<ImageToTokenProblem>&>(state);
  const ImageToTokenProblem& p = s.problem;
  const std::int64_t blocks = (p.pixels + kTask - 1) / kTask;
  const std::int64_t tasks = p.batch * blocks;
  const std::int64_t floats = Scratch(p, nullptr).floats;
  // To start and to join a team costs some microseconds, in which one core does some megaflops.
  const bool small = operations(p) < 2e6;
  share_tasks(small, s.target.threads, [&](const auto& next, int thread) {
    Thread worker(product_isa(kFeature), softmax_isa(kFeature), p, args,
                  reinterpret_cast<float*>(args.workspace) + thread * floats);
    for (std::int64_t i = next(); i < tasks; i = next()) {
      const std::int64_t begin = i % blocks * kTask;
      worker.run(i / blocks, begin, std::min(begin + kTask, p.pixels));
    }
  });
}

template <CpuFeature kFeature>
Offer offer(const ImageToTokenProblem& p, const TargetInfo& target) {
  std::string reason = check_problem(p);
  if (!reason.empty()) return Offer::no(std::move(reason));
  Offer offer;
  offer.workspace_bytes =
      static_cast<std::size_t>(Scratch(p, nullptr).floats * target.threads) * sizeof(float);
  offer.packed_bytes = static_cast<std::size_t>(Packed(p).floats) * sizeof(float);
  offer.packed_layout = "f32 Wo, bo, Wq, bq, Wq^T: " + std::string(kPanelLayout);
  return offer;
}

template <CpuFeature kFeature>
constexpr Kernel<ImageToTokenProblem> kernel() {
  return {.name = "folded",
          .needs = {.features = kFeature},
          .offer = offer<kFeature>,
          .pack = pack,
          .create = create_problem_state<ImageToTokenProblem>,
          .run = run<kFeature>};
}

}  // namespace

const Kernel<ImageToTokenProblem> kImageToTokenAvx512 = kernel<CpuFeature::kAvx512>();
const Kernel<ImageToTokenProblem> kImageToTokenAvx2 = kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
