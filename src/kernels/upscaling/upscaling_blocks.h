// MaskUpscaling by blocks: some pixels of a line go through all steps, in memory that stays in a
// thread's caches.
#ifndef LASSO_KERNELS_UPSCALING_UPSCALING_BLOCKS_H_
#define LASSO_KERNELS_UPSCALING_UPSCALING_BLOCKS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/threads.h"
#include "kernels/norm/norm_isa.h"
#include "kernels/upscaling/upscaling_layers.h"

namespace lasso::kernels::upscaling {

template <typename Layers>
struct Scratch {
  static constexpr std::int64_t kPixels = Layers::kPixels;

  Scratch(const MaskUpscalingProblem& p, float* memory) {
    block::Cut cut(memory);
    layers = cut.take(std::max(Layers::scratch_floats(first_layer(p, Layers::kPixels)),
                               Layers::scratch_floats(second_layer(p, Layers::kPixels))));
    masks = cut.take(panel_count(p.masks) * kPanel * p.filters);
    middle = cut.take(kPixels * p.area() * p.middle);
    pixels = cut.take(kPixels * p.area() * p.area() * p.filters);
    logits = cut.take(kPixels * p.area() * p.area() * p.masks);
    floats = cut.taken();
  }

  float* layers;
  float* masks;   // A^T as panels [filters][64]
  float* middle;  // [pixels, area, middle]
  float* pixels;  // [pixels, area, area, filters]
  float* logits;  // [pixels, area, area, masks]
  std::int64_t floats;
};

template <typename Layers>
class Thread {
 public:
  Thread(const ProductIsa& isa, void (*norm)(const LayerNormRows&), const MaskUpscalingProblem& p,
         const KernelArgs& args, float* memory)
      : isa_(isa), norm_(norm), p_(p), args_(args), s_(p, memory) {}

  void line(std::int64_t batch, std::int64_t line) {
    if (batch != batch_) start(batch);
    for (std::int64_t column = 0; column < p_.width; column += Layers::kPixels) {
      const std::int64_t count = std::min(Layers::kPixels, p_.width - column);
      upscale(((batch * p_.height) + line) * p_.width + column, count);
      write(line, column, count);
    }
  }

 private:
  const float* input(std::size_t i) const { return static_cast<const float*>(args_.inputs[i]); }

  void start(std::int64_t batch) {
    batch_ = batch;
    const float* a = input(0) + batch * p_.masks * p_.filters;
    std::fill_n(s_.masks, panel_count(p_.masks) * kPanel * p_.filters, 0.0F);
    for (std::int64_t m = 0; m < p_.masks; ++m) {
      float* column = s_.masks + m / kPanel * kPanel * p_.filters + m % kPanel;
      for (std::int64_t n = 0; n < p_.filters; ++n) column[n * kPanel] = a[m * p_.filters + n];
    }
  }

  void upscale(std::int64_t pixel, std::int64_t count) {
    const Layer first = first_layer(p_, Layers::kPixels);
    const Layer second = second_layer(p_, Layers::kPixels);
    Layers::run(first, input(1) + pixel * p_.channels, count, args_.packed, s_.middle, s_.layers);
    norm_({.x = s_.middle,
           .gamma = input(4),
           .beta = input(5),
           .y = s_.middle,
           .rows = count * p_.area(),
           .channels = p_.middle,
           .epsilon = p_.epsilon,
           .activation = p_.first});
    Layers::run(second, s_.middle, count * p_.area(), args_.packed + Layers::packed_bytes(first),
                s_.pixels, s_.layers);
    block::multiply(isa_, {.rows = count * p_.area() * p_.area(),
                           .columns = p_.masks,
                           .depth = p_.filters,
                           .a = {s_.pixels, p_.filters},
                           .weights = {s_.masks, p_.filters * kPanel},
                           .y = {s_.logits, p_.masks}});
  }

  // The logits of a block lie pixel by pixel, tap by tap of both convolutions.
  void write(std::int64_t line, std::int64_t column, std::int64_t count) {
    const std::int64_t s = p_.stride;
    const std::int64_t width = p_.width * p_.area();
    const std::int64_t size = p_.height * p_.area() * width;
    float* y = static_cast<float*>(args_.outputs[0]) + batch_ * p_.masks * size;
    const float* from = s_.logits;
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t first = 0; first < p_.area(); ++first) {
        for (std::int64_t second = 0; second < p_.area(); ++second, from += p_.masks) {
          const std::int64_t row = (line * s + first / s) * s + second / s;
          float* to = y + row * width + ((column + i) * s + first % s) * s + second % s;
          for (std::int64_t m = 0; m < p_.masks; ++m) to[m * size] = from[m];
        }
      }
    }
  }

  const ProductIsa& isa_;
  void (*norm_)(const LayerNormRows&);
  const MaskUpscalingProblem& p_;
  const KernelArgs& args_;
  Scratch<Layers> s_;
  std::int64_t batch_ = -1;
};

template <typename Layers>
void pack(const MaskUpscalingProblem& p, const std::vector<TensorView>& constants,
          std::byte* packed) {
  const Layer first = first_layer(p, Layers::kPixels);
  Layers::pack(first, {constants.at(0), constants.at(1), p.channels, p.middle, p.area()}, packed);
  Layers::pack(second_layer(p, Layers::kPixels),
               {constants.at(2), constants.at(3), p.middle, p.filters, p.area()},
               packed + Layers::packed_bytes(first));
}

template <typename Layers, CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  constexpr bool kWide = kFeature != CpuFeature::kAvx2;
  const auto& s = static_cast<const ProblemState<MaskUpscalingProblem>&>(state);
  const MaskUpscalingProblem& p = s.problem;
  const std::int64_t tasks = p.batch * p.height;
  const std::int64_t floats = Scratch<Layers>(p, nullptr).floats;
  // To start and to join a team costs some microseconds, in which one core does some megaflops.
  const bool small = operations(p) < 2e6;
  share_tasks(small, s.target.threads, [&](const auto& next, int thread) {
    Thread<Layers> worker(product_isa(kWide ? CpuFeature::kAvx512 : CpuFeature::kAvx2),
                          kWide ? layer_norm_avx512 : layer_norm_avx2, p, args,
                          reinterpret_cast<float*>(args.workspace) + thread * floats);
    [[maybe_unused]] const typename Layers::Scope scope;
    for (std::int64_t i = next(); i < tasks; i = next()) worker.line(i / p.height, i % p.height);
  });
}

template <typename Layers>
Offer offer(const MaskUpscalingProblem& p, const TargetInfo& target) {
  std::string reason = check_problem(p);
  if (!reason.empty()) return Offer::no(std::move(reason));
  if (p.weights != Layers::kWeights) {
    return Offer::no("weights of type " + std::string(to_string(p.weights)));
  }
  Offer offer;
  offer.workspace_bytes =
      static_cast<std::size_t>(Scratch<Layers>(p, nullptr).floats * target.threads) * sizeof(float);
  offer.packed_bytes = Layers::packed_bytes(first_layer(p, Layers::kPixels)) +
                       Layers::packed_bytes(second_layer(p, Layers::kPixels));
  offer.packed_layout = "both by taps: " + std::string(Layers::kLayout);
  offer.cost = operations(p) / Layers::rate(target);
  return offer;
}

template <typename Layers, CpuFeature kFeature>
constexpr Kernel<MaskUpscalingProblem> upscaling_blocks(std::string_view name) {
  return {.name = name,
          .needs = {.features = kFeature},
          .offer = offer<Layers>,
          .pack = pack<Layers>,
          .create = create_problem_state<MaskUpscalingProblem>,
          .run = run<Layers, kFeature>};
}

}  // namespace lasso::kernels::upscaling

#endif  // LASSO_KERNELS_UPSCALING_UPSCALING_BLOCKS_H_
