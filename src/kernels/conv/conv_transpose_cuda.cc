// ConvTranspose2d for NVIDIA GPUs: each pixel of x by the weights of all stride * stride taps is a
// product, whose results lie in stride different lines of y.
#include <algorithm>

#include "core/aligned_buffer.h"
#include "kernels/conv/conv_cuda.h"
#include "kernels/conv/conv_cuda_kernels.h"
#include "kernels/conv/packed_taps.h"
#include "kernels/cuda/product.h"

namespace lasso::kernels {

namespace {

constexpr std::size_t kAligned = 256;

std::int64_t pixels(const ConvTranspose2dProblem& p) { return p.batch * p.height * p.width; }
std::int64_t columns(const ConvTranspose2dProblem& p) { return p.stride * p.stride * p.filters; }

// Sums are float32, of so many pixels at once that they stay in L2 until they are read.
constexpr std::int64_t kSumBytes = std::int64_t{32} << 20;
constexpr std::int64_t kRows = 128;  // of a tile: the parts are multiples of it

std::int64_t part(const ConvTranspose2dProblem& p) {
  const std::int64_t row = columns(p) * static_cast<std::int64_t>(sizeof(float));
  return std::min(pixels(p), std::max<std::int64_t>(1, kSumBytes / row / kRows) * kRows);
}

std::size_t sum_bytes(const ConvTranspose2dProblem& p) {
  return align_up(static_cast<std::size_t>(part(p) * columns(p)) * sizeof(float), kAligned);
}

gpu::ProductProblem product(const ConvTranspose2dProblem& p, std::int64_t rows) {
  return {.m = rows, .n = columns(p), .k = p.channels, .weights = p.weights, .input = p.input};
}

Offer offer_tile(const ConvTranspose2dProblem& p, const TargetInfo& target) {
  gpu::ProductProblem types = product(p, 1);
  types.output = p.output;
  Offer offer;
  offer.reason = gpu::refused_types(types, target);
  if (!offer) return offer;
  gpu::offer_taps(p, offer);
  return offer;
}

Offer offer_mma(const ConvTranspose2dProblem& p, const TargetInfo& target) {
  if (const char* reason = gpu::refused_by_mma(p)) return Offer::no(reason);
  return offer_tile(p, target);
}

Offer offer_cublaslt(const ConvTranspose2dProblem& p, const TargetInfo& target) {
  if (p.channels == 0) return Offer::no("no channels to sum over");
  if (p.filters == 0) return Offer::no("no filters");
  Offer offer = offer_tile(p, target);
  if (offer) {
    offer.workspace_bytes =
        sum_bytes(p) + gpu::Product::workspace_bytes(product(p, part(p)), target);
  }
  return offer;
}

class ProductState : public KernelState {
 public:
  ProductState(const ConvTranspose2dProblem& problem, const TargetInfo& target,
               const std::string& tuning)
      : problem(problem),
        product(kernels::product(problem, pixels(problem)), part(problem), target, tuning) {}
  std::string implementation() const override { return product.implementation(); }

  ConvTranspose2dProblem problem;
  gpu::PartedProduct product;
};

std::unique_ptr<KernelState> create(const ConvTranspose2dProblem& p, const TargetInfo& target,
                                    const Offer& offer) {
  return std::make_unique<ProductState>(p, target, offer.tuning);
}

std::vector<std::string> tunings(const ConvTranspose2dProblem& p, const TargetInfo& target) {
  return gpu::Product::tunings(product(p, part(p)), target);
}

void run_cublaslt(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProductState&>(state);
  const ConvTranspose2dProblem& p = s.problem;
  const auto* x = static_cast<const std::byte*>(args.inputs[0]);
  const auto row = p.channels * static_cast<std::int64_t>(size_of(p.input));
  gpu::Operands o;
  o.w = args.packed;
  o.y = args.workspace;
  o.workspace = args.workspace + sum_bytes(p);
  s.product.each([&](const gpu::Product& product, std::int64_t begin, std::int64_t count) {
    o.x = x + begin * row;
    product.run(args, o);
    gpu::scatter_taps(p, args, static_cast<const float*>(o.y), gpu::taps(p).bias(args.packed),
                      begin, count);
  });
}

// A kernel that takes W and the bias as they are packed.
template <void (*kRun)(const ConvTranspose2dProblem&, const KernelArgs&, const void*, const float*)>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ConvTranspose2dProblem>&>(state).problem;
  kRun(p, args, args.packed, gpu::taps(p).bias(args.packed));
}

}  // namespace

const std::vector<Kernel<ConvTranspose2dProblem>>& conv_transpose2d_cuda_kernels() {
  constexpr auto kState = create_problem_state<ConvTranspose2dProblem>;
  static const std::vector<Kernel<ConvTranspose2dProblem>> list{
      {"mma", Needs::gpu(80), offer_mma, gpu::pack_taps, kState, run<gpu::run_transpose_mma>},
      {"cublaslt", Needs::gpu(), offer_cublaslt, gpu::pack_taps, create, run_cublaslt, tunings},
      {"tile", Needs::gpu(), offer_tile, gpu::pack_taps, kState, run<gpu::run_transpose_tile>}};
  return list;
}

}  // namespace lasso::kernels
