#include "kernels/conv/upscaled_product.h"

#include "core/check.h"
#include "core/threads.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels {

namespace {

// W [stride, stride, filters, channels] in float32, rounded to the weights' type; then the bias.
std::int64_t weight_count(const ConvTranspose2dProblem& p) {
  return p.stride * p.stride * p.filters * p.channels;
}

Offer offer(const UpscaledProductProblem& p, const TargetInfo& /*target*/) {
  if (p.image.weights != DType::kF32 && !is_half(p.image.weights)) {
    return Offer::no("weights of type " + std::string(to_string(p.image.weights)));
  }
  Offer offer;
  offer.packed_bytes =
      static_cast<std::size_t>(weight_count(p.image) + p.image.filters) * sizeof(float);
  offer.packed_layout =
      "f32 of " + std::string(to_string(p.image.weights)) + " W [s, s, filters, channels], b";
  return offer;
}

void pack(const UpscaledProductProblem& problem, const std::vector<TensorView>& constants,
          std::byte* packed) {
  const ConvTranspose2dProblem& p = problem.image;
  const std::vector<float> w = read_f32(constants.at(0));
  auto* out = reinterpret_cast<float*>(packed);
  const std::int64_t area = p.stride * p.stride;
  for (std::int64_t c = 0; c < p.channels; ++c) {
    for (std::int64_t n = 0; n < p.filters; ++n) {
      for (std::int64_t tap = 0; tap < area; ++tap) {
        const float value = w[static_cast<std::size_t>((c * p.filters + n) * area + tap)];
        out[(tap * p.filters + n) * p.channels + c] =
            is_half(p.weights) ? rounded_to_half(p.weights, value) : value;
      }
    }
  }
  read_bias(constants, p.filters, out + weight_count(p));
}

// The specification: sums in ascending order of channels, then of filters.
void run(const KernelState& state, const KernelArgs& args) {
  const auto& problem = static_cast<const ProblemState<UpscaledProductProblem>&>(state).problem;
  const ConvTranspose2dProblem& p = problem.image;
  const auto* a = static_cast<const float*>(args.inputs[0]);
  const auto* w = reinterpret_cast<const float*>(args.packed);
  const float* bias = w + weight_count(p);
  auto* y = static_cast<float*>(args.outputs[0]);
  const auto x = [&](std::int64_t i) {
    if (is_half(p.input)) {
      return half_to_f32(p.input, static_cast<const std::uint16_t*>(args.inputs[1])[i]);
    }
    const float value = static_cast<const float*>(args.inputs[1])[i];
    return is_half(p.weights) ? rounded_to_half(p.weights, value) : value;
  };
  const std::int64_t pixels = p.height * p.width;
  const std::int64_t area = p.stride * p.stride;
  const auto upscale = [&](std::int64_t pixel, std::int64_t tap, std::vector<float>& u) {
    for (std::int64_t n = 0; n < p.filters; ++n) {
      const float* row = w + (tap * p.filters + n) * p.channels;
      float sum = 0.0F;
      for (std::int64_t c = 0; c < p.channels; ++c) sum += x(pixel * p.channels + c) * row[c];
      u[static_cast<std::size_t>(n)] = activate(p.activation, sum + bias[n]);
    }
  };
  parallel_ranges(p.batch * pixels, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> u(static_cast<std::size_t>(p.filters));
    for (std::int64_t pixel = begin; pixel < end; ++pixel) {
      const std::int64_t image = pixel / pixels;
      const std::int64_t line = pixel % pixels / p.width;
      const std::int64_t column = pixel % p.width;
      for (std::int64_t tap = 0; tap < area; ++tap) {
        upscale(pixel, tap, u);
        const std::int64_t at = (line * p.stride + tap / p.stride) * (p.width * p.stride) +
                                column * p.stride + tap % p.stride;
        for (std::int64_t m = 0; m < problem.rows; ++m) {
          const float* row = a + (image * problem.rows + m) * p.filters;
          float sum = 0.0F;
          for (std::int64_t n = 0; n < p.filters; ++n) {
            sum += row[n] * u[static_cast<std::size_t>(n)];
          }
          y[(image * problem.rows + m) * pixels * area + at] = sum;
        }
      }
    }
  });
}

}  // namespace

UpscaledProductProblem make_upscaled_product_problem(const Call& call) {
  const auto& op = std::get<graph::UpscaledProduct>(call.op);
  for (std::size_t i = 2; i < call.inputs.size(); ++i) {
    LASSO_CHECK(!call.inputs[i].present || call.inputs[i].constant, ErrorCode::kUnsupported,
                "upscaled_product: input {} (weights, bias) must be a constant", i);
  }
  const Dims& a = call.inputs.at(0).dims;
  const Dims& x = call.inputs.at(1).dims;
  const Dims& w = call.inputs.at(2).dims;
  LASSO_CHECK(a.size() == 3 && x.size() == 4 && w.size() == 4 && a[0] == x[0] && a[2] == w[1] &&
                  x[3] == w[0] && w[2] == op.stride && w[3] == op.stride,
              ErrorCode::kInternal, "upscaled_product: A {}, x {} and weights {}", to_string(a),
              to_string(x), to_string(w));
  return {.rows = a[1],
          .image = {.batch = x[0],
                    .height = x[1],
                    .width = x[2],
                    .channels = x[3],
                    .filters = w[1],
                    .stride = op.stride,
                    .bias = call.inputs.size() > 3 && call.inputs[3].present,
                    .activation = op.activation,
                    .weights = op.weights,
                    .input = call.inputs[1].dtype}};
}

const std::vector<Kernel<UpscaledProductProblem>>& upscaled_product_kernels() {
  static const std::vector<Kernel<UpscaledProductProblem>> list{
      {.name = "reference",
       .needs = {},
       .offer = offer,
       .pack = pack,
       .create = create_problem_state<UpscaledProductProblem>,
       .run = run}};
  return list;
}

const Family& upscaled_product_family() {
  static const ListFamily<UpscaledProductProblem> family(
      "upscaled_product", upscaled_product_kernels(), make_upscaled_product_problem,
      [](const Call& /*call*/) {
        return std::vector<std::size_t>{2, 3};
      });
  return family;
}

}  // namespace lasso::kernels
