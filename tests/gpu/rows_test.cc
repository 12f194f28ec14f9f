// Every row of the GPU's lists against the CPU's reference, over ops, types, and shapes with tails.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/random.h"
#include "core/threads.h"
#include "engine/compile/compile.h"
#include "gpu/gpu_test.h"
#include "graph/builder.h"
#include "kernels/family.h"
#include "kernels/registry.h"

namespace lasso {
namespace {

using backend::Buffer;
using backend::DeviceKind;
using graph::Activation;
using kernels::Call;
using kernels::Family;
using kernels::Offer;
using kernels::Operand;

// An input of an op under test.
struct In {
  Dims dims;
  DType dtype = DType::kF32;
  bool constant = false;
  float offset = 0;  // of values that otherwise lie in [-1, 1)
  int below = 1;     // of indices
  bool absent = false;
};

In weights(Dims dims) { return {std::move(dims), DType::kF32, true}; }
In absent() {
  In in;
  in.absent = true;
  return in;
}

std::vector<float> as_floats(DType dtype, const std::byte* bytes, std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* half = reinterpret_cast<const std::uint16_t*>(bytes) + i;
    switch (dtype) {
      case DType::kBF16:
        values[i] = bf16_to_f32(*half);
        break;
      case DType::kF16:
        values[i] = f16_to_f32(*half);
        break;
      case DType::kU8:
        values[i] = static_cast<float>(std::to_integer<int>(bytes[i]));
        break;
      case DType::kI32:
        values[i] = static_cast<float>(reinterpret_cast<const std::int32_t*>(bytes)[i]);
        break;
      default:
        values[i] = reinterpret_cast<const float*>(bytes)[i];
    }
  }
  return values;
}

AlignedBuffer random_bytes(const In& in, std::uint64_t seed) {
  const auto count = static_cast<std::size_t>(element_count(in.dims));
  AlignedBuffer bytes(std::max<std::size_t>(count * size_of(in.dtype), 1));
  SplitMix64 random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    const float value = in.offset + random.uniform(-1.0F, 1.0F);
    switch (in.dtype) {
      case DType::kBF16:
        reinterpret_cast<std::uint16_t*>(bytes.data())[i] = f32_to_bf16(value);
        break;
      case DType::kF16:
        reinterpret_cast<std::uint16_t*>(bytes.data())[i] = f32_to_f16(value);
        break;
      case DType::kU8:
        bytes.data()[i] = static_cast<std::byte>(random.below(256));
        break;
      case DType::kI32:
        reinterpret_cast<std::int32_t*>(bytes.data())[i] =
            static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(in.below)));
        break;
      default:
        reinterpret_cast<float*>(bytes.data())[i] = value;
    }
  }
  return bytes;
}

std::size_t bytes_of(const Operand& operand) {
  return static_cast<std::size_t>(element_count(operand.dims)) * size_of(operand.dtype);
}

// How far a result may lie from the reference's, as a part of the result's norm: both round sums of
// up to some thousand terms, in float32, and of exponentials in attention; one that is stored in
// fewer bits is rounded once more by each, and so may be the bias in it.
double tolerance(const graph::Op& op, DType output, DType factors) {
  const bool attends = std::holds_alternative<graph::WindowAttention>(op) ||
                       std::holds_alternative<graph::Attention>(op);
  const auto of = [&](DType dtype) {
    return dtype == DType::kBF16 ? 0x1p-7 : dtype == DType::kF16 ? 0x1p-10 : attends ? 2e-5 : 2e-6;
  };
  return std::max(of(output), of(factors));
}

// cuBLASLt's GELU is the tanh form, which rows with a half result may use.
double activation_error(const graph::Op& op, DType output) {
  const auto* linear = std::get_if<graph::Linear>(&op);
  const bool tanh_form =
      linear != nullptr && linear->activation == Activation::kGelu && output != DType::kF32;
  return tanh_form ? 5e-4 : 0;
}

class RowsTest : public test::GpuTest {
 protected:
  // Runs all rows that take the call. `exact`: the same bits as the reference.
  void check(const std::string& name, const graph::Op& op, const std::vector<In>& ins,
             bool exact = false) {
    SCOPED_TRACE(name + " " + std::string(graph::op_name(op)) + " " + graph::attributes(op));
    const Call call = make(op, ins);
    std::vector<AlignedBuffer> inputs;
    for (std::size_t i = 0; i < ins.size(); ++i) inputs.push_back(random_bytes(ins[i], i + 1));
    const std::vector<std::vector<std::byte>> expected = reference(call, inputs);
    const Family& family = kernels::family_of(op, DeviceKind::kCuda);
    int ran = 0;
    std::string reasons;
    for (std::size_t row = 0; row < family.size(); ++row) {
      SCOPED_TRACE(family.label(row));
      Offer offer = family.ask(row, call, device_->target());
      if (!offer) {
        reasons += family.label(row) + ": " + offer.reason + "; ";
        continue;
      }
      ++ran;
      check_row(family, row, offer, call, inputs, expected, exact);
      if (HasFailure()) return;
      // Tunings, and what an engine file may say instead of one.
      std::vector<std::string> tunings = family.tunings(row, call, device_->target());
      constexpr std::size_t kMostTunings = 4;
      tunings.resize(std::min(tunings.size(), kMostTunings));
      if (!tunings.empty()) tunings.insert(tunings.end(), {"7", "66.9999.77.64.2.3.9.9.9"});
      for (const std::string& tuning : tunings) {
        SCOPED_TRACE(tuning);
        offer.tuning = tuning;
        check_row(family, row, offer, call, inputs, expected, exact);
        if (HasFailure()) return;
      }
    }
    // Below 8.0 GPUs have no products of bfloat16 numbers.
    const bool has_bf16 =
        std::any_of(ins.begin(), ins.end(), [](const In& in) { return in.dtype == DType::kBF16; });
    if (device_->target().sm < 80 && (has_bf16 || reasons.find("bfloat16") != std::string::npos)) {
      return;
    }
    EXPECT_GT(ran, 0) << reasons;
  }

 private:
  static Call make(const graph::Op& op, const std::vector<In>& ins) {
    graph::Builder builder("test");
    std::vector<graph::ValueId> ids;
    for (std::size_t i = 0; i < ins.size(); ++i) {
      const In& in = ins[i];
      const std::string name = "x" + std::to_string(i);
      if (in.absent) {
        ids.push_back(graph::kNoValue);
      } else {
        ids.push_back(builder.input(name, in.dtype, graph::Shape(in.dims.begin(), in.dims.end())));
      }
    }
    const auto results = builder.add_results({"y"}, op, ids);
    builder.output(results.front(), "y");
    const graph::Graph graph = builder.finish();
    Call call = engine::make_call(graph, graph.nodes.front(), {});
    for (std::size_t i = 0; i < ins.size(); ++i) call.inputs[i].constant = ins[i].constant;
    return call;
  }

  static std::vector<TensorView> constants(const Call& call, const std::vector<std::size_t>& packed,
                                           const std::vector<AlignedBuffer>& inputs) {
    std::vector<TensorView> views;
    for (const std::size_t i : packed) {
      const bool present = i < call.inputs.size() && call.inputs[i].present;
      views.push_back(present
                          ? TensorView{call.inputs[i].dtype, call.inputs[i].dims, inputs[i].data()}
                          : TensorView{});
    }
    return views;
  }

  static bool is_packed(const std::vector<std::size_t>& packed, std::size_t i) {
    return std::find(packed.begin(), packed.end(), i) != packed.end();
  }

  // The results of the CPU's reference.
  static std::vector<std::vector<std::byte>> reference(const Call& call,
                                                       const std::vector<AlignedBuffer>& inputs) {
    const Family& family = kernels::family_of(call.op, DeviceKind::kCpu);
    const std::size_t row = family.size() - 1;
    backend::TargetInfo target;  // LASSO_TEST_ISA is the GPU's here
    target.threads = default_threads();
    const Offer offer = family.ask(row, call, target);
    EXPECT_TRUE(offer) << "the CPU's reference: " << offer.reason;
    if (!offer) return {};
    const auto packed_inputs = family.packed_inputs(call);
    AlignedBuffer packed(std::max<std::size_t>(offer.packed_bytes, 1));
    if (offer.packed_bytes > 0) {
      family.pack(row, call, constants(call, packed_inputs, inputs), packed.data());
    }
    AlignedBuffer workspace(std::max<std::size_t>(offer.workspace_bytes, 1));
    std::vector<const void*> given;
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      const bool is_given = call.inputs[i].present && !is_packed(packed_inputs, i);
      given.push_back(is_given ? inputs[i].data() : nullptr);
    }
    std::vector<std::vector<std::byte>> results;
    std::vector<void*> outputs;
    for (const Operand& output : call.outputs) results.emplace_back(bytes_of(output));
    for (auto& result : results) outputs.push_back(result.data());
    const auto state = family.create(row, call, target, offer);
    family.run(row)(*state, {given, outputs, packed.data(), workspace.data(), nullptr});
    return results;
  }

  // Memory on the device with a guard behind it, filled with NaNs.
  struct Guarded {
    static constexpr std::size_t kGuard = 1024;
    Guarded(const backend::Device& device, backend::Stream& stream, std::size_t bytes)
        : bytes(bytes), buffer(device.allocate(bytes + kGuard)) {
      stream.fill(buffer.data(), std::byte{0xFF}, bytes + kGuard);
    }
    void expect_intact(backend::Stream& stream, const char* what) const {
      std::vector<std::byte> guard(kGuard);
      stream.download(guard.data(), buffer.data() + bytes, kGuard);
      stream.wait();
      EXPECT_TRUE(
          std::all_of(guard.begin(), guard.end(), [](std::byte b) { return b == std::byte{0xFF}; }))
          << "written behind " << what;
    }
    std::size_t bytes;
    Buffer buffer;
  };

  void check_row(const Family& family, std::size_t row, const Offer& offer, const Call& call,
                 const std::vector<AlignedBuffer>& inputs,
                 const std::vector<std::vector<std::byte>>& expected, bool exact) {
    const auto packed_inputs = family.packed_inputs(call);
    Guarded packed(*device_, *stream_, offer.packed_bytes);
    if (offer.packed_bytes > 0) {
      AlignedBuffer host(offer.packed_bytes);
      family.pack(row, call, constants(call, packed_inputs, inputs), host.data());
      stream_->upload(packed.buffer.data(), host.data(), offer.packed_bytes);
    }
    Guarded workspace(*device_, *stream_, offer.workspace_bytes);
    std::vector<Guarded> operands;
    operands.reserve(call.inputs.size() + call.outputs.size());
    std::vector<const void*> given;
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      given.push_back(nullptr);
      if (!call.inputs[i].present || is_packed(packed_inputs, i)) continue;
      operands.emplace_back(*device_, *stream_, bytes_of(call.inputs[i]));
      stream_->upload(operands.back().buffer.data(), inputs[i].data(), bytes_of(call.inputs[i]));
      given.back() = operands.back().buffer.data();
    }
    const std::size_t first_output = operands.size();
    std::vector<void*> outputs;
    for (const Operand& output : call.outputs) {
      operands.emplace_back(*device_, *stream_, bytes_of(output));
      outputs.push_back(operands.back().buffer.data());
    }
    const auto state = family.create(row, call, device_->target(), offer);
    const auto run = [&] {
      stream_->launch(family.run(row), *state,
                      {given, outputs, packed.buffer.data(), workspace.buffer.data(), nullptr});
      std::vector<std::vector<std::byte>> results;
      for (std::size_t k = 0; k < call.outputs.size(); ++k) {
        results.emplace_back(bytes_of(call.outputs[k]));
        stream_->download(results.back().data(), outputs[k], results.back().size());
      }
      stream_->wait();
      return results;
    };
    const auto results = run();
    packed.expect_intact(*stream_, "the packed weights");
    workspace.expect_intact(*stream_, "the workspace");
    for (const Guarded& operand : operands) operand.expect_intact(*stream_, "an operand");
    for (std::size_t k = 0; k < results.size(); ++k) {
      compare(call, k, results[k], expected[k], exact);
    }
    if (HasFailure()) return;
    for (std::size_t k = 0; k < results.size(); ++k) {
      stream_->fill(operands[first_output + k].buffer.data(), std::byte{0xFF}, results[k].size());
    }
    EXPECT_EQ(results, run()) << "a second run gave other bits";
    const auto recording = stream_->record([&] {
      stream_->launch(family.run(row), *state,
                      {given, outputs, packed.buffer.data(), workspace.buffer.data(), nullptr});
    });
    ASSERT_NE(recording, nullptr);
  }

  static void compare(const Call& call, std::size_t k, const std::vector<std::byte>& result,
                      const std::vector<std::byte>& expected, bool exact) {
    const Operand& output = call.outputs[k];
    if (exact) {
      EXPECT_EQ(result, expected) << "result " << k;
      return;
    }
    const auto count = static_cast<std::size_t>(element_count(output.dims));
    const std::vector<float> y = as_floats(output.dtype, result.data(), count);
    const std::vector<float> r = as_floats(output.dtype, expected.data(), count);
    double difference = 0;
    double norm = 0;
    double largest = 0;
    double worst = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double d = std::abs(static_cast<double>(y[i]) - r[i]);
      ASSERT_FALSE(std::isnan(d) && !std::isnan(r[i]))
          << "element " << i << ": " << y[i] << " instead of " << r[i];
      if (std::isnan(d)) continue;
      difference += d * d;
      norm += static_cast<double>(r[i]) * r[i];
      largest = std::max(largest, std::abs(static_cast<double>(r[i])));
      if (d > worst) at = i;
      worst = std::max(worst, d);
    }
    DType factors = DType::kF32;
    for (const Operand& input : call.inputs) {
      if (input.dtype == DType::kBF16 || input.dtype == DType::kF16) factors = input.dtype;
    }
    if (const auto* linear = std::get_if<graph::Linear>(&call.op)) factors = linear->weights;
    if (const auto* conv = std::get_if<graph::Conv2d>(&call.op)) factors = conv->weights;
    if (const auto* conv = std::get_if<graph::ConvTranspose2d>(&call.op)) factors = conv->weights;
    const double allowed = tolerance(call.op, output.dtype, factors);
    const double more = activation_error(call.op, output.dtype);
    EXPECT_LE(std::sqrt(difference),
              allowed * std::sqrt(norm) + more * std::sqrt(static_cast<double>(count)) + 1e-30)
        << "result " << k;
    EXPECT_LE(worst, 8 * allowed * largest + more + 1e-30)
        << "result " << k << ", element " << at << ": " << y[at] << " instead of " << r[at];
  }
};

constexpr DType kFloats[] = {DType::kF32, DType::kBF16, DType::kF16};

TEST_F(RowsTest, Linear) {
  struct Shape {
    std::int64_t m, n, k;
  };
  for (const DType weights_type : kFloats) {
    for (const DType output : {DType::kF32, weights_type}) {
      for (const DType input : {DType::kF32, weights_type}) {
        for (const Activation activation :
             {Activation::kNone, Activation::kGelu, Activation::kRelu, Activation::kSigmoid}) {
          for (const Shape s : {Shape{1, 1, 1}, Shape{7, 5, 3}, Shape{65, 33, 17},
                                Shape{64, 48, 80}, Shape{200, 136, 768}, Shape{3, 256, 2048}}) {
            const graph::Linear op{activation, weights_type, output};
            check("bias", op, {{{s.m, s.k}, input}, weights({s.n, s.k}), weights({s.n})});
            if (activation != Activation::kNone && s.m > 1) continue;
            check("plain", op, {{{s.m, s.k}, input}, weights({s.n, s.k}), absent()});
            if (output != DType::kF32) continue;
            check("residual", op,
                  {{{s.m, s.k}, input}, weights({s.n, s.k}), weights({s.n}), {{s.m, s.n}}});
            if (HasFailure()) return;
          }
        }
      }
    }
  }
  // Rows that warps share, and more than one warp has.
  for (const DType type : kFloats) {
    check("few rows", graph::Linear{Activation::kRelu, type, type},
          {{{7, 256}}, weights({2048, 256}), weights({2048})});
    check("few rows", graph::Linear{Activation::kNone, type},
          {{{20, 2048}, type}, weights({255, 2048}), weights({255}), {{20, 255}}});
  }
  // Weights that are computed.
  check("computed", graph::Linear{}, {{{9, 33}}, {{21, 33}}, {{21}}});
}

TEST_F(RowsTest, LinearAtModelSizes) {
  for (const DType type : {DType::kBF16, DType::kF16}) {
    check("qkv", graph::Linear{Activation::kNone, type, type},
          {{{4096, 768}, type}, weights({2304, 768}), weights({2304})});
    check("lin1", graph::Linear{Activation::kGelu, type, type},
          {{{1000, 1280}, type}, weights({5120, 1280}), weights({5120})});
    check("lin2", graph::Linear{Activation::kNone, type, DType::kF32},
          {{{1000, 5120}, type}, weights({1280, 5120}), weights({1280}), {{1000, 1280}}});
  }
}

TEST_F(RowsTest, MatMul) {
  for (const Activation activation : {Activation::kNone, Activation::kSigmoid}) {
    check("plain", graph::MatMul{activation}, {{{5, 7}}, {{3, 7}}});
    check("batches", graph::MatMul{activation}, {{{2, 3, 65, 33}}, {{2, 3, 17, 33}}});
    check("broadcast", graph::MatMul{activation}, {{{2, 1, 4, 32}}, {{1, 5, 64, 32}}});
    check("one", graph::MatMul{activation}, {{{3, 4, 32}}, {{4096, 32}}});
  }
  check("masks", graph::MatMul{}, {{{3, 4, 32}}, {{3, 5000, 32}}});
  check("masks", graph::MatMul{Activation::kGelu}, {{{2, 3, 20}}, {{2, 1027, 20}}});
}

TEST_F(RowsTest, Conv2d) {
  for (const DType type : kFloats) {
    for (const DType input : {DType::kF32, type}) {
      for (const Activation activation : {Activation::kNone, Activation::kGelu}) {
        graph::Conv2d op;
        op.weights = type;
        op.activation = activation;
        check("1x1", op, {{{2, 9, 7, 24}, input}, weights({16, 24, 1, 1}), weights({16})});
        check("1x1 odd", op, {{{1, 5, 5, 3}, input}, weights({7, 3, 1, 1}), absent()});
        op.kernel_h = op.kernel_w = 3;
        op.padding = 1;
        check("3x3", op, {{{2, 9, 7, 24}, input}, weights({16, 24, 3, 3}), weights({16})});
        check("3x3 odd", op, {{{1, 6, 11, 5}, input}, weights({9, 5, 3, 3}), absent()});
        op.stride = 2;
        check("3x3 stride", op, {{{1, 9, 12, 8}, input}, weights({8, 8, 3, 3}), weights({8})});
        op.dilation = 2;
        op.padding = {2, 1, 0, 3};
        check("dilated", op, {{{1, 12, 9, 8}, input}, weights({8, 8, 3, 3}), weights({8})});
        op.dilation = 1;
        op.padding = 0;
        op.kernel_h = op.kernel_w = 4;
        op.stride = 4;
        check("patches", op, {{{2, 32, 16, 3}, input}, weights({40, 3, 4, 4}), weights({40})});
        op.kernel_h = 3;
        op.kernel_w = 2;
        op.stride = 1;
        op.groups = 2;
        check("groups", op, {{{1, 7, 8, 6}, input}, weights({4, 3, 3, 2}), weights({4})});
        if (HasFailure()) return;
      }
    }
  }
  graph::Conv2d op;
  op.kernel_h = op.kernel_w = 16;
  op.stride = 16;
  op.weights = DType::kBF16;
  check("patch embedding", op, {{{1, 256, 256, 3}}, weights({768, 3, 16, 16}), weights({768})});
}

TEST_F(RowsTest, ConvTranspose2d) {
  for (const DType type : kFloats) {
    for (const DType output : {DType::kF32, type}) {
      for (const DType input : {DType::kF32, type}) {
        for (const Activation activation : {Activation::kNone, Activation::kGelu}) {
          for (const std::int64_t stride : {1, 2, 3}) {
            const graph::ConvTranspose2d op{stride, activation, type, output};
            check("small", op,
                  {{{2, 3, 5, 7}, input}, weights({7, 6, stride, stride}), weights({6})});
            check("even", op,
                  {{{1, 16, 16, 64}, input}, weights({64, 32, stride, stride}), absent()});
          }
          if (HasFailure()) return;
        }
      }
    }
  }
}

TEST_F(RowsTest, UpscaledProduct) {
  for (const DType type : {DType::kBF16, DType::kF16}) {
    const graph::UpscaledProduct op{2, Activation::kGelu, type};
    const auto image = [&](Dims dims) { return In{std::move(dims), type}; };
    check("masks", op,
          {{{3, 4, 32}}, image({3, 16, 24, 64}), weights({64, 32, 2, 2}), weights({32})});
    check("fewer", op,
          {{{2, 3, 32}}, image({2, 8, 16, 24}), weights({24, 32, 2, 2}), weights({32})});
    check("SAM", op,
          {{{2, 4, 32}}, image({2, 128, 128, 64}), weights({64, 32, 2, 2}), weights({32})});
  }
}

TEST_F(RowsTest, LayerNorm) {
  for (const DType output : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (const Activation activation : {Activation::kNone, Activation::kGelu}) {
      for (const std::int64_t channels : {1, 3, 8, 31, 64, 100, 256, 257, 768, 1280, 3000}) {
        for (const std::int64_t rows : {1, 5, 133}) {
          check("rows", graph::LayerNorm{1e-6F, activation, output},
                {{{rows, channels}, DType::kF32, false, 0.5F},
                 weights({channels}),
                 weights({channels})});
        }
        if (HasFailure()) return;
      }
    }
  }
  // A large mean must not eat the variance.
  check("mean", graph::LayerNorm{1e-6F, Activation::kNone, DType::kBF16},
        {{{40, 1000}, DType::kF32, false, 1000.0F}, weights({1000}), weights({1000})});
}

TEST_F(RowsTest, AddNorm) {
  for (const DType output : kFloats) {
    const bool is_half = output != DType::kF32;
    for (const std::int64_t channels : {1, 3, 8, 100, 256, 257, 768, 1024, 3000}) {
      const std::vector<In> alone{
          {{5, 33, channels}, DType::kF32, false, 0.5F}, weights({channels}), weights({channels})};
      std::vector<In> sums = alone;
      sums.push_back({{1, 33, channels}});
      std::vector<In> all = sums;
      all.push_back({{33, channels}});
      std::vector<In> shift = alone;
      shift.push_back(absent());
      shift.push_back({{5, 33, channels}});
      check("sum", graph::AddNorm{1e-6F, true, is_half, output}, sums);
      check("all", graph::AddNorm{1e-6F, true, is_half, output}, all);
      check("halves", graph::AddNorm{1e-6F, false, is_half, output}, all);
      check("shift", graph::AddNorm{1e-6F, true, false, output}, shift);
      if (HasFailure()) return;
    }
  }
}

TEST_F(RowsTest, WindowAttention) {
  struct Shape {
    std::int64_t batch, height, width, heads, dim, window;
  };
  for (const DType type : kFloats) {
    for (const Shape s :
         {Shape{1, 64, 64, 2, 64, 14}, Shape{1, 64, 64, 2, 64, 0}, Shape{1, 64, 64, 1, 80, 0},
          Shape{2, 64, 64, 1, 80, 14}, Shape{1, 16, 16, 2, 32, 0}, Shape{1, 16, 16, 2, 32, 7},
          Shape{1, 20, 20, 1, 64, 8}, Shape{2, 9, 11, 2, 12, 4}, Shape{1, 7, 5, 1, 5, 0},
          Shape{1, 32, 32, 1, 48, 14}, Shape{1, 20, 31, 1, 64, 0}, Shape{1, 40, 40, 1, 16, 14},
          Shape{1, 96, 96, 1, 64, 0}, Shape{1, 28, 28, 1, 128, 14}, Shape{1, 3, 70, 2, 80, 0}}) {
      const std::int64_t side_h = s.window > 0 ? s.window : s.height;
      const std::int64_t side_w = s.window > 0 ? s.window : s.width;
      const graph::WindowAttention op{s.heads, s.window,
                                      1.0F / std::sqrt(static_cast<float>(s.dim))};
      const Dims qkv{s.batch, s.height, s.width, 3 * s.heads * s.dim};
      const std::string name = to_string(qkv) + " " + std::string(to_string(type)) + " heads of " +
                               std::to_string(s.dim);
      check(name, op, {{qkv, type}, absent(), absent(), absent()});
      if (s.window == 0 && s.height != s.width) continue;  // positions need a square
      check(name + " rel", op,
            {{qkv, type}, {{2 * side_h - 1, s.dim}}, {{2 * side_w - 1, s.dim}}, absent()});
      check(name + " rel, pad", op,
            {{qkv, type},
             {{2 * side_h - 1, s.dim}},
             {{2 * side_w - 1, s.dim}},
             {{3 * s.heads * s.dim}}});
      if (HasFailure()) return;
    }
  }
}

TEST_F(RowsTest, Attention) {
  struct Shape {
    std::int64_t q_batch, k_batch, queries, keys, heads, dim;
  };
  for (const DType type : kFloats) {
    for (const Shape s :
         {Shape{1, 1, 7, 4096, 8, 16}, Shape{3, 1, 9, 4096, 8, 16}, Shape{1, 3, 5, 1000, 8, 16},
          Shape{2, 2, 4096, 7, 8, 16}, Shape{3, 3, 8, 8, 8, 32}, Shape{2, 2, 100, 21, 4, 8},
          Shape{1, 1, 33, 65, 2, 5}, Shape{1, 1, 1, 1, 1, 1}, Shape{2, 1, 200, 300, 3, 64},
          Shape{1, 1, 20, 64, 2, 24}, Shape{1, 1, 64, 3000, 1, 128}}) {
      const std::int64_t c = s.heads * s.dim;
      check("attention " + std::string(to_string(type)),
            graph::Attention{s.heads, 1.0F / std::sqrt(static_cast<float>(s.dim))},
            {{{s.q_batch, s.queries, c}, type},
             {{s.k_batch, s.keys, c}, type},
             {{s.k_batch, s.keys, c}, type}});
      if (HasFailure()) return;
    }
  }
}

TEST_F(RowsTest, Elementwise) {
  using graph::BinaryKind;
  using graph::UnaryKind;
  const std::vector<std::pair<Dims, Dims>> shapes{{{8}, {8}},
                                                  {{3, 100}, {100}},
                                                  {{2, 50, 7}, {2, 1, 7}},
                                                  {{5, 1, 3}, {1, 4, 3}},
                                                  {{1000, 33}, {1}},
                                                  {{64, 16, 16}, {1, 16, 16}},
                                                  {{2, 3, 4, 5}, {3, 1, 5}},
                                                  {{1, 4096, 256}, {5, 1, 256}}};
  for (const auto kind : {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul, BinaryKind::kDiv,
                          BinaryKind::kMax, BinaryKind::kMin, BinaryKind::kPow}) {
    for (const auto& [a, b] : shapes) {
      const float offset = kind == BinaryKind::kDiv || kind == BinaryKind::kPow ? 2.5F : 0.0F;
      check("binary", graph::Binary{kind, Activation::kNone},
            {{a, DType::kF32, false, offset}, {b, DType::kF32, false, offset}});
      check("binary", graph::Binary{kind, Activation::kGelu},
            {{a, DType::kF32, false, offset}, {b, DType::kF32, false, offset}});
    }
  }
  for (int kind = 0; kind <= static_cast<int>(UnaryKind::kCeil); ++kind) {
    const auto unary = static_cast<UnaryKind>(kind);
    const bool positive =
        unary == UnaryKind::kLog || unary == UnaryKind::kSqrt || unary == UnaryKind::kReciprocal;
    for (const std::int64_t count : {1, 7, 1000, 100003}) {
      check("unary", graph::Unary{unary}, {{{count}, DType::kF32, false, positive ? 1.5F : 0.0F}});
    }
  }
  check("fourier", graph::FourierFeatures{}, {{{3, 5, 2}}, {{2, 128}}});
  check("fourier", graph::FourierFeatures{}, {{{4096, 2}}, {{2, 7}}});
}

TEST_F(RowsTest, Moves) {
  for (const DType type : {DType::kF32, DType::kBF16, DType::kU8, DType::kI32}) {
    const auto in = [&](Dims dims) {
      In input{std::move(dims), type};
      input.below = 1000;
      return input;
    };
    check("concat", graph::Concat{1}, {in({3, 4, 5}), in({3, 1, 5}), in({3, 7, 5})}, true);
    check("concat", graph::Concat{0}, {in({100003})}, true);
    check("concat", graph::Concat{2}, {in({3, 64, 16}), in({3, 64, 32})}, true);
    check("slice", graph::Slice{1, 2, 5}, {in({3, 9, 5})}, true);
    check("slice", graph::Slice{2, 16, 48}, {in({3, 9, 64})}, true);
    check("slice", graph::Slice{0, 1, 2}, {in({3, 9, 64})}, true);
    check("transpose", graph::Transpose{{1, 0}}, {in({33, 65})}, true);
    check("transpose", graph::Transpose{{0, 2, 1}}, {in({3, 64, 100})}, true);
    check("transpose", graph::Transpose{{0, 3, 1, 2}}, {in({2, 16, 16, 24})}, true);
    check("transpose", graph::Transpose{{0, 2, 1, 3}}, {in({2, 5, 7, 16})}, true);
    check("transpose", graph::Transpose{{2, 0, 3, 1}}, {in({5, 6, 7, 8})}, true);
    check("transpose", graph::Transpose{{5, 4, 3, 2, 1, 0}}, {in({2, 3, 4, 3, 2, 3})}, true);
    check("transpose", graph::Transpose{{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
          {in({2, 2, 2, 2, 2, 2, 2, 2, 2, 3})}, true);
    check("expand", graph::Expand{{3, 4, 5}}, {in({1, 4, 1})}, true);
    check("expand", graph::Expand{{7, 1000}}, {in({1000})}, true);
    graph::Pad pad;
    pad.before = {1, 0, 2};
    pad.after = {0, 3, 1};
    check("pad", pad, {in({3, 4, 5})}, true);
    In index{{4, 3}, DType::kI32};
    index.below = 9;
    check("gather", graph::Gather{2}, {in({11, 6, 2}), index}, true);
  }
  graph::Pad pad;
  pad.before = {1, 0, 2};
  pad.after = {0, 3, 1};
  pad.value = -1.5F;
  check("pad", pad, {{{3, 4, 5}}}, true);
}

TEST_F(RowsTest, CastsAndQuantize) {
  for (const DType from : {DType::kF32, DType::kBF16, DType::kF16, DType::kU8, DType::kI32}) {
    for (const DType to : {DType::kF32, DType::kBF16, DType::kF16, DType::kI32}) {
      for (const std::int64_t count : {1, 5, 1000, 70001}) {
        In in{{count}, from};
        in.below = 100000;
        check("cast", graph::Cast{to}, {in}, true);
      }
    }
  }
  for (const DType from : {DType::kF32, DType::kBF16}) {
    check("quantize", graph::Quantize{}, {{{33, 100}, from}, absent()}, true);
    check("quantize", graph::Quantize{}, {{{5, 1280}, from}, weights({1280})}, true);
  }
}

TEST_F(RowsTest, ReduceAndSoftmax) {
  using graph::ReduceKind;
  for (const auto kind :
       {ReduceKind::kSum, ReduceKind::kMean, ReduceKind::kMax, ReduceKind::kMin}) {
    for (const std::vector<std::int64_t>& axes :
         {std::vector<std::int64_t>{0}, {1}, {2}, {0, 2}, {0, 1, 2}}) {
      check("reduce", graph::Reduce{kind, axes, true}, {{{5, 33, 70}, DType::kF32, false, 0.5F}});
      check("reduce", graph::Reduce{kind, axes, false}, {{{2, 1, 3}, DType::kF32, false, 0.5F}});
    }
    check("reduce", graph::Reduce{kind, {1}, false}, {{{2, 100000}, DType::kF32, false, 0.5F}});
  }
  for (const std::int64_t axis : {0, 1, 2}) {
    check("softmax", graph::Softmax{axis}, {{{7, 33, 65}}});
    check("softmax", graph::Softmax{axis}, {{{2, 3000, 3}}});
    check("softmax", graph::Softmax{axis}, {{{1, 1, 1}}});
  }
}

}  // namespace
}  // namespace lasso
