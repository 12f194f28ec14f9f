// For tests of the GPU's rows: each that takes a call, against the CPU's reference, with guards
// behind its memory, twice for equal bits, and once as a recording.
#ifndef LASSO_TESTS_GPU_ROWS_H_
#define LASSO_TESTS_GPU_ROWS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/convert.h"
#include "core/random.h"
#include "core/threads.h"
#include "engine/compile/compile.h"
#include "gpu/gpu_test.h"
#include "gpu/rows_tolerance.h"
#include "graph/builder.h"
#include "kernels/family.h"
#include "kernels/registry.h"

namespace lasso::test {

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
  bool special = false;  // special_bytes() in place of random values
};

inline In weights(Dims dims) { return {std::move(dims), DType::kF32, true}; }
inline In absent() {
  In in;
  in.absent = true;
  return in;
}

// Values that conversions are particular about, over and over: of a half all that there are.
inline AlignedBuffer special_bytes(const In& in) {
  constexpr std::uint32_t kFloats[] = {
      0x00000000, 0x80000000,                          // zeros
      0x7F800000, 0xFF800000,                          // infinities
      0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFABCDEF,  // not a number
      0x00000001, 0x80000001, 0x007FFFFF, 0x00800000,  // subnormal numbers, and the first other
      0x7F7FFFFF, 0xFF7FFFFF, 0x7F7F8000, 0x3F808000,  // the largest; ties of bfloat16
      0x3F818000, 0x3F801000, 0x3F803000, 0x477FEFFF,  // a tie; ties and the last of float16
      0x477FF000, 0xC77FF000, 0x33000000, 0x33000001,  // the first beyond; the least that is not 0
      0x38800000, 0x387FF000, 0x387FE000, 0x387FEFFF,  // normal or subnormal in float16
      0x3F000000, 0xBF000000, 0x3F7FFFFF, 0xBF800000,  // 1/2, -1/2, before 1, -1
      0x437F0000, 0x437FFFFF, 0x43800000, 0x42FE0000,  // 255, before and at 256, 127
      0x4EFFFFFF, 0x4F000000, 0xCF000000, 0xCF000001,  // about 2^31 and -2^31
      0x4B800001, 0x4F800000, 0x5F000000, 0x42280000};
  constexpr std::int32_t kIntegers[] = {
      0,         1,         -1,    127,   128,    255, 256, -129,     16777217,      33554435,
      INT32_MAX, INT32_MIN, 65504, 65520, -65536, 257, 258, 16777219, INT32_MAX - 63};
  // Of float64 what would be ties of float32 or, once rounded to that, of a half; and the rest.
  constexpr std::uint64_t kDoubles[] = {
      0x3FF0020000000000, 0x3FF0020000001000, 0x3FF001FFFFFFF000, 0x3FF0100000000001,
      0xBFF0100000000001, 0x3FF0000010000000, 0x3FF0000030000000, 0x36A0000000000000,
      0x3690000000000000, 0x0000000000000001, 0x8000000000000001, 0x7FEFFFFFFFFFFFFF,
      0x47EFFFFFF0000000, 0x47EFFFFFEFFFFFFF, 0x7FF0000000000001, 0xFFFABCDEF0123456,
      0x43E0000000000000, 0xC3E0000000000000, 0xC3E0000000000001, 0x41DFFFFFFFC00000,
      0x7FF0000000000000, 0xFFF0000000000000, 0x8000000000000000, 0xC1E0000000200000};
  const auto count = static_cast<std::size_t>(element_count(in.dims));
  AlignedBuffer bytes(std::max<std::size_t>(count * size_of(in.dtype), 1));
  const auto put = [&](std::size_t i, auto value) {
    std::memcpy(bytes.data() + i * sizeof(value), &value, sizeof(value));
  };
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t number = kFloats[i % std::size(kFloats)];
    const std::int32_t integer = kIntegers[i % std::size(kIntegers)];
    switch (in.dtype) {
      case DType::kF16:
      case DType::kBF16:
      case DType::kI16:
        put(i, static_cast<std::uint16_t>(i));
        break;
      case DType::kI8:
      case DType::kU8:
      case DType::kBool:
        put(i, static_cast<std::uint8_t>(i));
        break;
      case DType::kI32:
        put(i, integer);
        break;
      case DType::kI64:
        put(i, integer * (i % 2 == 0 ? std::int64_t{1} : (std::int64_t{1} << 31) + 3));
        break;
      case DType::kF32:
        put(i, number);
        break;
      case DType::kF64:
        if (i % 2 == 0) {
          put(i, static_cast<double>(std::bit_cast<float>(number)));
        } else {
          put(i, kDoubles[i / 2 % std::size(kDoubles)]);
        }
    }
  }
  return bytes;
}

inline AlignedBuffer random_bytes(const In& in, std::uint64_t seed) {
  if (in.special) return special_bytes(in);
  const auto count = static_cast<std::size_t>(element_count(in.dims));
  AlignedBuffer bytes(std::max<std::size_t>(count * size_of(in.dtype), 1));
  SplitMix64 random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    const float value = in.offset + random.uniform(-1.0F, 1.0F);
    switch (in.dtype) {
      case DType::kBF16:
      case DType::kF16:
        reinterpret_cast<std::uint16_t*>(bytes.data())[i] = f32_to_half(in.dtype, value);
        break;
      case DType::kU8:
      case DType::kI8:
        bytes.data()[i] = static_cast<std::byte>(random.below(256));
        break;
      case DType::kBool:  // any byte but 0 is true
        bytes.data()[i] = static_cast<std::byte>(random.below(3));
        break;
      case DType::kI16:
        reinterpret_cast<std::uint16_t*>(bytes.data())[i] =
            static_cast<std::uint16_t>(random.below(65536));
        break;
      case DType::kI64:
        reinterpret_cast<std::uint64_t*>(bytes.data())[i] = random.next();
        break;
      case DType::kF64:
        reinterpret_cast<double*>(bytes.data())[i] = static_cast<double>(value) / 3;
        break;
      case DType::kI32:
        reinterpret_cast<std::int32_t*>(bytes.data())[i] =
            static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(in.below)));
        break;
      case DType::kF32:
        reinterpret_cast<float*>(bytes.data())[i] = value;
    }
  }
  return bytes;
}

inline std::size_t bytes_of(const Operand& operand) {
  return static_cast<std::size_t>(element_count(operand.dims)) * size_of(operand.dtype);
}

// How far a result that is no product's may lie from the reference's, as a part of the result's
// norm: both round sums of up to some thousand terms, in float32, and of exponentials in attention,
// whose weights and tables of positions are rounded to the operands' type; one that is stored in
// fewer bits is rounded once more by each.
inline double tolerance(const graph::Op& op, DType output, DType factors) {
  const bool attends = std::holds_alternative<graph::WindowAttention>(op) ||
                       std::holds_alternative<graph::Attention>(op);
  const auto of = [&](DType dtype) {
    return dtype == DType::kBF16 ? 0x1p-7 : dtype == DType::kF16 ? 0x1p-10 : attends ? 2e-5 : 2e-6;
  };
  return std::max(of(output), of(factors));
}

// Which rows ran, by family.
inline std::map<std::string_view, std::set<std::string>>& rows_that_ran() {
  static std::map<std::string_view, std::set<std::string>> rows;
  return rows;
}

class RowsTest : public GpuTest {
 protected:
  // Runs all rows that take the call. `exact`: the same bits as the reference.
  void check(const std::string& name, const graph::Op& op, const std::vector<In>& ins,
             bool exact = false) {
    SCOPED_TRACE(name + " " + std::string(graph::op_name(op)) + " " + graph::attributes(op));
    const Call call = make(op, ins);
    std::vector<AlignedBuffer> inputs;
    for (std::size_t i = 0; i < ins.size(); ++i) inputs.push_back(random_bytes(ins[i], i + 1));
    Expected expected{.results = reference(call, inputs), .exact = exact};
    if (HasFailure()) return;
    if (!exact) expected.tolerances = tolerances(call, inputs, expected.results.at(0));
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
      rows_that_ran()[family.name()].insert(family.label(row));
      check_row(family, row, offer, call, inputs, expected);
      if (HasFailure()) return;
      // Tunings, and what an engine file may say instead of one.
      std::vector<std::string> tunings = family.tunings(row, call, device_->target());
      constexpr std::size_t kMostTunings = 6;
      tunings.resize(std::min(tunings.size(), kMostTunings));
      if (!tunings.empty()) tunings.insert(tunings.end(), {"7", "66.9999.77.64.2.3.9.9.9"});
      for (const std::string& tuning : tunings) {
        SCOPED_TRACE(tuning);
        offer.tuning = tuning;
        check_row(family, row, offer, call, inputs, expected);
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

 protected:
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

 private:
  struct Expected {
    std::vector<std::vector<std::byte>> results;
    std::vector<double> tolerances = {};  // of the first result's elements; empty: its norm's part
    bool exact = false;
  };

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

  // Of a product's elements; empty for other ops.
  std::vector<double> tolerances(const Call& call, const std::vector<AlignedBuffer>& inputs,
                                 const std::vector<std::byte>& result) const {
    const std::optional<std::int64_t> count = terms(call);
    if (!count) return {};
    std::vector<AlignedBuffer> magnitudes;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      magnitudes.emplace_back(inputs[i].size());
      std::memcpy(magnitudes.back().data(), inputs[i].data(), inputs[i].size());
      const std::size_t width = size_of(call.inputs[i].dtype);
      for (std::size_t last = width - 1; last < bytes_of(call.inputs[i]); last += width) {
        magnitudes.back().data()[last] &= std::byte{0x7F};  // the sign
      }
    }
    const Call plain = only_product(call);
    const std::vector<std::vector<std::byte>> sums = reference(plain, magnitudes);
    if (HasFailure()) return {};
    const Operand& output = call.outputs.at(0);
    const std::vector<float> m = read_f32({DType::kF32, output.dims, sums.at(0).data()});
    const std::vector<float> y = read_f32({output.dtype, output.dims, result.data()});
    ProductRounding rounding = rounding_of(call, device_->target().tf32);
    const bool has_bias = call.inputs.size() > 2 && call.inputs[2].present;
    if (has_bias && is_half(output.dtype)) {
      const Operand& bias = call.inputs[2];
      for (const float b : read_f32({bias.dtype, bias.dims, magnitudes[2].data()})) {
        rounding.largest_bias = std::max(rounding.largest_bias, static_cast<double>(b));
      }
    }
    const bool is_upscaled = std::holds_alternative<graph::UpscaledProduct>(call.op);
    std::vector<double> allowed(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
      allowed[i] = is_upscaled ? upscaled_tolerance(*count, call.inputs[0].dims.back(), m[i])
                               : product_tolerance(rounding, *count, m[i], y[i]);
    }
    return allowed;
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
                 const std::vector<AlignedBuffer>& inputs, const Expected& expected) {
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
    std::vector<void*> outputs;
    for (const Operand& output : call.outputs) {
      operands.emplace_back(*device_, *stream_, bytes_of(output));
      outputs.push_back(operands.back().buffer.data());
    }
    const auto state = family.create(row, call, device_->target(), offer);
    const auto launch = [&] {
      stream_->launch(family.run(row), *state,
                      {given, outputs, packed.buffer.data(), workspace.buffer.data(), nullptr});
    };
    const auto download = [&] {
      std::vector<std::vector<std::byte>> results;
      for (std::size_t k = 0; k < call.outputs.size(); ++k) {
        results.emplace_back(bytes_of(call.outputs[k]));
        stream_->download(results.back().data(), outputs[k], results.back().size());
      }
      stream_->wait();
      return results;
    };
    const auto refill = [&] {
      for (std::size_t k = 0; k < outputs.size(); ++k) {
        stream_->fill(outputs[k], std::byte{0xFF}, bytes_of(call.outputs[k]));
      }
    };
    launch();
    const auto results = download();
    packed.expect_intact(*stream_, "the packed weights");
    workspace.expect_intact(*stream_, "the workspace");
    for (const Guarded& operand : operands) operand.expect_intact(*stream_, "an operand");
    for (std::size_t k = 0; k < results.size(); ++k) {
      compare(call, k, results[k], expected);
    }
    if (HasFailure()) return;
    refill();
    launch();
    EXPECT_EQ(results, download()) << "a second run gave other bits";
    const auto recording = stream_->record(launch);
    ASSERT_NE(recording, nullptr);
    refill();
    stream_->replay(*recording);
    EXPECT_EQ(results, download()) << "the recording gave other bits";
  }

  static std::vector<float> numbers(const Operand& operand, const std::vector<std::byte>& bytes) {
    if (operand.dtype != DType::kU8) return read_f32({operand.dtype, operand.dims, bytes.data()});
    std::vector<float> values;
    for (const std::byte b : bytes) values.push_back(static_cast<float>(std::to_integer<int>(b)));
    return values;
  }

  static void compare(const Call& call, std::size_t k, const std::vector<std::byte>& result,
                      const Expected& expected) {
    const Operand& output = call.outputs[k];
    if (expected.exact) {
      EXPECT_EQ(result, expected.results[k]) << "result " << k;
      return;
    }
    const auto count = static_cast<std::size_t>(element_count(output.dims));
    const std::vector<float> y = numbers(output, result);
    const std::vector<float> r = numbers(output, expected.results[k]);
    double difference = 0;
    double norm = 0;
    double largest = 0;
    double worst = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(std::isnan(y[i]), std::isnan(r[i]))
          << "result " << k << ", element " << i << ": " << y[i] << " instead of " << r[i];
      if (y[i] == r[i] || std::isnan(y[i])) continue;
      const double d = std::abs(static_cast<double>(y[i]) - r[i]);
      if (k == 0 && !expected.tolerances.empty()) {
        ASSERT_LE(d, expected.tolerances[i])
            << "element " << i << ": " << y[i] << " instead of " << r[i];
      }
      difference += d * d;
      if (d > worst) at = i;
      worst = std::max(worst, d);
    }
    if (k == 0 && !expected.tolerances.empty()) return;
    if (output.dtype == DType::kU8) {
      EXPECT_LE(worst, 1) << "result " << k << ", element " << at;
      return;
    }
    for (const float value : r) {
      if (std::isnan(value)) continue;
      norm += static_cast<double>(value) * value;
      largest = std::max(largest, std::abs(static_cast<double>(value)));
    }
    DType factors = DType::kF32;
    for (const Operand& input : call.inputs) {
      if (is_half(input.dtype)) factors = input.dtype;
    }
    const double allowed = tolerance(call.op, output.dtype, factors);
    EXPECT_LE(std::sqrt(difference), allowed * std::sqrt(norm) + 1e-30) << "result " << k;
    EXPECT_LE(worst, 8 * allowed * largest + 1e-30)
        << "result " << k << ", element " << at << ": " << y[at] << " instead of " << r[at];
  }
};

}  // namespace lasso::test

#endif  // LASSO_TESTS_GPU_ROWS_H_
