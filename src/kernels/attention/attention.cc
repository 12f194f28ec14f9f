#include "kernels/attention/attention.h"

#include "core/check.h"
#include "kernels/attention/attention_kernels.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels {

namespace {

WindowAttentionProblem make_window_attention_problem(const Call& call) {
  const auto& op = std::get<graph::WindowAttention>(call.op);
  const Dims& qkv = call.inputs.at(0).dims;
  LASSO_CHECK(qkv.size() == 4, ErrorCode::kInternal, "window_attention: qkv is {}", to_string(qkv));
  WindowAttentionProblem p;
  p.batch = qkv[0];
  p.height = qkv[1];
  p.width = qkv[2];
  p.heads = op.heads;
  p.head_dim = qkv[3] / (3 * op.heads);
  p.window = op.window;
  p.scale = op.scale;
  p.has_rel = has_operand(call.inputs, 1);
  p.has_pad = has_operand(call.inputs, 3);
  p.dtype = call.inputs[0].dtype;
  for (std::size_t i = 1; i < call.inputs.size(); ++i) {
    LASSO_CHECK(!call.inputs[i].present || call.inputs[i].dtype == DType::kF32,
                ErrorCode::kUnsupported, "window_attention: input {} is {}", i,
                to_string(call.inputs[i].dtype));
  }
  LASSO_CHECK(call.outputs.at(0).dtype == p.dtype, ErrorCode::kUnsupported,
              "window_attention: {} of {}", to_string(call.outputs[0].dtype), to_string(p.dtype));
  return p;
}

AttentionProblem make_attention_problem(const Call& call) {
  const auto& op = std::get<graph::Attention>(call.op);
  const Dims& q = call.inputs.at(0).dims;
  const Dims& k = call.inputs.at(1).dims;
  const Dims& v = call.inputs.at(2).dims;
  LASSO_CHECK(q.size() == 3 && k.size() == 3 && v.size() == 3, ErrorCode::kInternal,
              "attention: q is {}, k is {}, v is {}", to_string(q), to_string(k), to_string(v));
  AttentionProblem p;
  p.batch = q[0] != 1 ? q[0] : (k[0] != 1 ? k[0] : v[0]);
  p.q_batch = q[0];
  p.k_batch = k[0];
  p.v_batch = v[0];
  p.queries = q[1];
  p.keys = k[1];
  p.heads = op.heads;
  p.head_dim = q[2] / op.heads;
  p.scale = op.scale;
  p.dtype = call.inputs[0].dtype;
  for (const Operand& operand : {call.inputs[1], call.inputs[2], call.outputs.at(0)}) {
    LASSO_CHECK(operand.dtype == p.dtype, ErrorCode::kUnsupported, "attention: {} beside {}",
                to_string(operand.dtype), to_string(p.dtype));
  }
  return p;
}

}  // namespace

const std::vector<Kernel<WindowAttentionProblem>>& window_attention_kernels() {
  static const std::vector<Kernel<WindowAttentionProblem>> list = {
      window_attention_amx(),          window_attention_bf16(),   window_attention_widened_avx512(),
      window_attention_widened_avx2(), window_attention_avx512(), window_attention_avx2(),
      window_attention_ref()};
  return list;
}

const std::vector<Kernel<AttentionProblem>>& attention_kernels() {
  static const std::vector<Kernel<AttentionProblem>> list = {attention_avx512(), attention_avx2(),
                                                             attention_ref()};
  return list;
}

const Family& window_attention_family() {
  static const ListFamily<WindowAttentionProblem> family(
      "window_attention", window_attention_kernels(), make_window_attention_problem);
  return family;
}

const Family& attention_family() {
  static const ListFamily<AttentionProblem> family("attention", attention_kernels(),
                                                   make_attention_problem);
  return family;
}

}  // namespace lasso::kernels
