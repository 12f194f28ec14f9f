// Linear for NVIDIA GPUs: by a kernel for few rows, by cuBLASLt, and by a plain kernel.
//
// The second layer of a ViT-H block's MLP at 1024x1024, x [4096, 5120] by W [1280, 5120], is
// 53.7 GFLOP: 98 us at the 550 TFLOP/s of bfloat16. It moves 42 MB of x, 13 MB of W, and 42 MB of
// residual and sums in float32: 23 us of 4.3 TB/s.
#include "kernels/linear/linear_cuda.h"

#include "core/convert.h"
#include "kernels/cuda/packed_rows.h"
#include "kernels/cuda/product.h"
#include "kernels/linear/linear_cuda_rows.h"

namespace lasso::kernels {

namespace {

gpu::ProductProblem product(const LinearProblem& p) {
  return {.m = p.m,
          .n = p.n,
          .k = p.k,
          .weights = p.weights,
          .input = p.input,
          .output = p.output,
          .bias = p.bias,
          .residual = p.residual,
          .activation = p.activation};
}

gpu::PackedRows rows(const LinearProblem& p) { return {p.weights, p.n, p.k, p.n}; }

Offer offer_tile(const LinearProblem& p, const TargetInfo& target) {
  Offer offer;
  offer.reason = gpu::refused_types(product(p), target);
  if (!offer || !p.packed) return offer;
  offer.packed_bytes = rows(p).bytes();
  offer.packed_layout = rows(p).layout("rows");
  return offer;
}

Offer offer_few_rows(const LinearProblem& p, const TargetInfo& target) {
  Offer offer = offer_tile(p, target);
  if (!offer) return offer;
  const char* reason = gpu::refused_by_few_rows(product(p));
  return reason == nullptr ? offer : Offer::no(reason);
}

Offer offer_cublaslt(const LinearProblem& p, const TargetInfo& target) {
  if (p.k == 0) return Offer::no("no columns to sum over");
  Offer offer = offer_tile(p, target);
  if (offer) offer.workspace_bytes = gpu::Product::workspace_bytes(product(p), target);
  return offer;
}

void pack(const LinearProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  rows(p).pack(
      [&](std::int64_t n, std::int64_t k) { return w[static_cast<std::size_t>(n * p.k + k)]; },
      gpu::bias_of(constants, p.n), packed);
}

gpu::Operands operands(const LinearProblem& p, const KernelArgs& args) {
  gpu::Operands o;
  o.x = args.inputs[0];
  if (p.packed) {
    o.w = args.packed;
    o.bias = rows(p).bias(args.packed);
    o.half_bias = rows(p).half_bias(args.packed);
  } else {
    o.w = args.inputs[1];
    if (p.bias) o.bias = static_cast<const float*>(args.inputs[2]);
  }
  if (p.residual) o.residual = static_cast<const float*>(args.inputs[3]);
  o.y = args.outputs[0];
  o.workspace = args.workspace;
  return o;
}

class ProductState : public KernelState {
 public:
  ProductState(const LinearProblem& problem, const TargetInfo& target, const std::string& tuning)
      : problem(problem), product(kernels::product(problem), target, tuning) {}
  std::string implementation() const override { return product.implementation(); }

  LinearProblem problem;
  gpu::Product product;
};

std::unique_ptr<KernelState> create(const LinearProblem& p, const TargetInfo& target,
                                    const Offer& offer) {
  return std::make_unique<ProductState>(p, target, offer.tuning);
}

std::vector<std::string> tunings(const LinearProblem& p, const TargetInfo& target) {
  return gpu::Product::tunings(product(p), target);
}

void run_cublaslt(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProductState&>(state);
  s.product.run(args, operands(s.problem, args));
}

void run_few_rows(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<LinearProblem>&>(state).problem;
  gpu::run_few_rows(product(p), args, operands(p, args));
}

void run_tile(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<LinearProblem>&>(state).problem;
  gpu::run_tile(product(p), args, operands(p, args));
}

}  // namespace

const std::vector<Kernel<LinearProblem>>& linear_cuda_kernels() {
  static const std::vector<Kernel<LinearProblem>> list{
      {"few_rows", Needs::gpu(), offer_few_rows, pack, create_problem_state<LinearProblem>,
       run_few_rows},
      {"cublaslt", Needs::gpu(), offer_cublaslt, pack, create, run_cublaslt, tunings},
      {"tile", Needs::gpu(), offer_tile, pack, create_problem_state<LinearProblem>, run_tile}};
  return list;
}

}  // namespace lasso::kernels
