#include "kernels/cpu/onednn.h"

#include <array>
#include <dnnl.hpp>
#include <utility>
#include <vector>

#include "core/check.h"

namespace lasso::onednn {

namespace {

using dnnl::memory;
using Dt = memory::data_type;
using Tag = memory::format_tag;

// oneDNN reads its ISA cap at first use, and keeps it.
void cap_isa_once(CpuFeatures features) {
  static const bool done = [&] {
    if (features == cpu_features()) return true;  // the environment's cap, if any, stays
    dnnl_cpu_isa_t cap = dnnl_cpu_isa_avx2;
    if (features.has(CpuFeature::kAvx512)) cap = dnnl_cpu_isa_avx512_core;
    if (features.has(CpuFeature::kAvx512Vnni)) cap = dnnl_cpu_isa_avx512_core_vnni;
    if (features.has(CpuFeature::kAvx512Bf16)) cap = dnnl_cpu_isa_avx512_core_bf16;
    if (features.has(CpuFeature::kAmxBf16)) cap = dnnl_cpu_isa_avx512_core_amx;
    // Refused where the program has used oneDNN before: then that choice holds.
    dnnl_set_max_cpu_isa(cap);
    return true;
  }();
  static_cast<void>(done);
}

bool uses_matrix_unit(const std::string& implementation) {
  return implementation.find("amx") != std::string::npos;
}

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

// One stream serves all threads: on the CPU it holds no state between calls.
const dnnl::stream& cpu_stream() {
  static const dnnl::stream stream(cpu_engine());
  return stream;
}

template <typename F>
auto guarded(F&& f) {
  try {
    return f();
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory)
      fail(ErrorCode::kOutOfMemory, "oneDNN: {}", error.what());
    fail(ErrorCode::kInternal, "oneDNN: {}", error.what());
  }
}

struct Descriptors {
  memory::desc x;
  memory::desc weights;
  memory::desc bias;
  memory::desc residual;
  memory::desc y;
};

Dt data_type(DType dtype) {
  LASSO_CHECK(dtype == DType::kF32 || dtype == DType::kBF16, ErrorCode::kInternal,
              "oneDNN: products of {}", to_string(dtype));
  return dtype == DType::kF32 ? Dt::f32 : Dt::bf16;
}

memory::desc bias_desc(const Gemm& gemm, const memory::dims& dims, Tag tag) {
  return gemm.bias ? memory::desc(dims, Dt::f32, tag) : memory::desc();
}

#if DNNL_VERSION_MAJOR >= 3

auto matmul_desc(const Descriptors& d, const dnnl::primitive_attr& attr) {
  return d.bias.is_zero()
             ? dnnl::matmul::primitive_desc(cpu_engine(), d.x, d.weights, d.y, attr)
             : dnnl::matmul::primitive_desc(cpu_engine(), d.x, d.weights, d.bias, d.y, attr);
}

auto inner_product_desc(const Descriptors& d, const dnnl::primitive_attr& attr) {
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  using Desc = dnnl::inner_product_forward::primitive_desc;
  return d.bias.is_zero() ? Desc(cpu_engine(), kKind, d.x, d.weights, d.y, attr)
                          : Desc(cpu_engine(), kKind, d.x, d.weights, d.bias, d.y, attr);
}

void append_eltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm, float alpha = 0.0F) {
  ops.append_eltwise(algorithm, alpha, 0.0F);
}

#else

auto matmul_desc(const Descriptors& d, const dnnl::primitive_attr& attr) {
  const auto desc = d.bias.is_zero() ? dnnl::matmul::desc(d.x, d.weights, d.y)
                                     : dnnl::matmul::desc(d.x, d.weights, d.bias, d.y);
  return dnnl::matmul::primitive_desc(desc, attr, cpu_engine());
}

auto inner_product_desc(const Descriptors& d, const dnnl::primitive_attr& attr) {
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  using Desc = dnnl::inner_product_forward::desc;
  const auto desc = d.bias.is_zero() ? Desc(kKind, d.x, d.weights, d.y)
                                     : Desc(kKind, d.x, d.weights, d.bias, d.y);
  return dnnl::inner_product_forward::primitive_desc(desc, attr, cpu_engine());
}

void append_eltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm, float alpha = 0.0F) {
  ops.append_eltwise(1.0F, algorithm, alpha, 0.0F);
}

#endif

dnnl::primitive_attr attributes(const Gemm& gemm, const memory::desc& residual) {
  dnnl::post_ops ops;
  switch (gemm.activation) {
    case graph::Activation::kNone:
      break;
    case graph::Activation::kGelu:
      append_eltwise(ops, dnnl::algorithm::eltwise_gelu_erf);
      break;
    case graph::Activation::kRelu:
      append_eltwise(ops, dnnl::algorithm::eltwise_relu);
      break;
    case graph::Activation::kSigmoid:
      append_eltwise(ops, dnnl::algorithm::eltwise_logistic);
      break;
    case graph::Activation::kSilu:  // x sigmoid(alpha x)
      append_eltwise(ops, dnnl::algorithm::eltwise_swish, 1.0F);
      break;
    case graph::Activation::kLeakyRelu:
      append_eltwise(ops, dnnl::algorithm::eltwise_relu, graph::kLeakySlope);
      break;
  }
  if (gemm.residual) ops.append_binary(dnnl::algorithm::binary_add, residual);
  dnnl::primitive_attr attr;
  attr.set_post_ops(ops);
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

// Memory objects are made once; a call only sets their addresses.
class Primitive final : public GemmPrimitive {
 public:
  Primitive(const dnnl::primitive& primitive, const Gemm& gemm, const Descriptors& d,
            const memory::desc& scratchpad)
      : primitive_(primitive) {
    const auto add = [this](int argument, const memory::desc& desc) {
      memories_.emplace_back(desc, cpu_engine(), static_cast<void*>(nullptr));
      arguments_.push_back({argument, memories_.back().get()});
    };
    memories_.reserve(6);
    add(DNNL_ARG_SRC, d.x);
    add(DNNL_ARG_WEIGHTS, d.weights);
    add(DNNL_ARG_DST, d.y);
    add(DNNL_ARG_SCRATCHPAD, scratchpad);
    if (gemm.bias) {
      bias_ = arguments_.size();
      add(DNNL_ARG_BIAS, d.bias);
    }
    if (gemm.residual) {
      residual_ = arguments_.size();
      const int index = gemm.activation == graph::Activation::kNone ? 0 : 1;
      add(DNNL_ARG_ATTR_MULTIPLE_POST_OP(index) | DNNL_ARG_SRC_1, d.residual);
    }
  }

  void run(const void* x, const void* weights, const float* bias, const float* residual, void* y,
           std::byte* workspace) override {
    set(0, x);
    set(1, weights);
    set(2, y);
    set(3, workspace);
    if (bias_ != 0) set(bias_, bias);
    if (residual_ != 0) set(residual_, residual);
    const dnnl_status_t status =
        dnnl_primitive_execute(primitive_.get(), cpu_stream().get(),
                               static_cast<int>(arguments_.size()), arguments_.data());
    LASSO_CHECK(status == dnnl_success, ErrorCode::kInternal, "oneDNN: status {} from a product",
                static_cast<int>(status));
  }

 private:
  void set(std::size_t index, const void* data) {
    dnnl_memory_set_data_handle(arguments_[index].memory, const_cast<void*>(data));
  }

  dnnl::primitive primitive_;
  std::vector<memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
  std::size_t bias_ = 0;  // indices into arguments_; 0: absent
  std::size_t residual_ = 0;
};

template <typename Operation>
class Choice final : public GemmChoice {
 public:
  using Desc = typename Operation::primitive_desc;
  Choice(Desc desc, const Gemm& gemm, const Descriptors& descriptors)
      : desc_(std::move(desc)), gemm_(gemm), descriptors_(descriptors) {}

  std::string implementation() const override { return desc_.impl_info_str(); }
  std::size_t workspace_bytes() const override { return desc_.scratchpad_desc().get_size(); }
  std::unique_ptr<GemmPrimitive> create() const override {
    return guarded([&] {
      return std::make_unique<Primitive>(Operation(desc_), gemm_, descriptors_,
                                         desc_.scratchpad_desc());
    });
  }

 private:
  Desc desc_;
  Gemm gemm_;
  Descriptors descriptors_;
};

template <typename Operation, typename Describe>
std::unique_ptr<GemmChoice> choose(const Gemm& gemm, const Descriptors& descriptors,
                                   Describe describe, std::string& reason) {
  try {
    auto choice = std::make_unique<Choice<Operation>>(
        describe(descriptors, attributes(gemm, descriptors.residual)), gemm, descriptors);
    const std::string name = choice->implementation();
    if (name.find("ref") == std::string::npos) return choice;
    reason = "oneDNN " + version() + " has nothing faster than " + name;
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) {
      fail(ErrorCode::kOutOfMemory, "oneDNN: {}", error.what());
    }
    reason = "oneDNN " + version() + ": " + error.what();
  }
  return nullptr;
}

// A choice without features that the caller may not use.
std::unique_ptr<GemmChoice> allowed(std::unique_ptr<GemmChoice> choice, CpuFeatures features,
                                    std::string& reason) {
  if (choice == nullptr || features.has(CpuFeature::kAmxBf16) ||
      !uses_matrix_unit(choice->implementation())) {
    return choice;
  }
  reason = "oneDNN would use " + choice->implementation();
  return nullptr;
}

}  // namespace

std::unique_ptr<GemmChoice> choose_gemm(const Gemm& gemm, CpuFeatures features,
                                        std::string& reason) {
  cap_isa_once(features);
  Descriptors d;
  const Dt in = data_type(gemm.inputs);
  const Dt out = data_type(gemm.output);
  const bool bf16 = gemm.inputs == DType::kBF16;
  if (gemm.weights == Gemm::Weights::kPanels) {
    const std::int64_t depth = bf16 ? 32 : 16;
    if (gemm.batch != 1 || gemm.n % 64 != 0 || gemm.k % depth != 0) {
      reason = fmt::format("the width is no multiple of 64, or the depth none of {}", depth);
      return nullptr;
    }
    d.x = memory::desc({gemm.m, gemm.k}, in, Tag::ab);
    d.residual = memory::desc({gemm.m, gemm.n}, Dt::f32, Tag::ab);
    d.y = memory::desc({gemm.m, gemm.n}, out, Tag::ab);
    // The inner product is somewhat faster, but takes no residual.
    if (!gemm.residual) {
      d.weights = memory::desc({gemm.n, gemm.k}, in, bf16 ? Tag::AB16b64a2b : Tag::AB16b64a);
      d.bias = bias_desc(gemm, {gemm.n}, Tag::a);
      auto choice = choose<dnnl::inner_product_forward>(gemm, d, inner_product_desc, reason);
      if (choice != nullptr) return allowed(std::move(choice), features, reason);
    }
    d.weights = memory::desc({gemm.k, gemm.n}, in, bf16 ? Tag::BA16a64b2a : Tag::BA16a64b);
    d.bias = bias_desc(gemm, {1, gemm.n}, Tag::ab);
  } else {
    d.x = memory::desc({gemm.batch, gemm.m, gemm.k}, in, Tag::abc);
    d.weights = memory::desc({gemm.batch, gemm.k, gemm.n}, in, Tag::acb);
    d.bias = bias_desc(gemm, {1, 1, gemm.n}, Tag::abc);
    d.residual = memory::desc({gemm.batch, gemm.m, gemm.n}, Dt::f32, Tag::abc);
    d.y = memory::desc({gemm.batch, gemm.m, gemm.n}, out, Tag::abc);
  }
  return allowed(choose<dnnl::matmul>(gemm, d, matmul_desc, reason), features, reason);
}

double rate(const GemmChoice& choice, MultiplyAdd multiply_add, const backend::TargetInfo& target) {
  // Of its peak, 14 times the rate of fp32's multiply-adds, oneDNN's code reaches a third.
  constexpr double kMatrixUnit = 4;
  return uses_matrix_unit(choice.implementation())
             ? kMatrixUnit * target.rate(fp32_multiply_add(target.features))
             : target.rate(multiply_add);
}

std::string version() {
  const dnnl_version_t* v = dnnl_version();
  return fmt::format("{}.{}.{}", v->major, v->minor, v->patch);
}

}  // namespace lasso::onednn
