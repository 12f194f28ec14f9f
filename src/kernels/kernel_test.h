// For the tests of the kernels: runs every kernel of a list on a case whose result was calculated
// in double precision.
#ifndef LASSO_KERNELS_KERNEL_TEST_H_
#define LASSO_KERNELS_KERNEL_TEST_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "backend/test_target.h"
#include "core/aligned_buffer.h"
#include "core/dtype.h"
#include "core/random.h"
#include "core/threads.h"
#include "graph/op.h"
#include "kernels/kernel.h"

namespace lasso::kernels::test {

using backend::test_features;
using backend::test_target;

constexpr double kEpsilon = std::numeric_limits<float>::epsilon();  // 2^-23

// Uniform in [-1, 1).
class Random {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}
  float next() { return random_.uniform(-1, 1); }
  std::vector<float> vector(std::int64_t count, float scale = 1.0F) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = scale * next();
    return values;
  }

 private:
  SplitMix64 random_;
};

// The activation in double precision.
inline double activate(graph::Activation activation, double x) {
  switch (activation) {
    case graph::Activation::kNone:
      return x;
    case graph::Activation::kGelu:
      return 0.5 * x * (1.0 + std::erf(x * std::sqrt(0.5)));
    case graph::Activation::kRelu:
      return std::max(x, 0.0);
    case graph::Activation::kSigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case graph::Activation::kSilu:
      return x / (1.0 + std::exp(-x));
    case graph::Activation::kLeakyRelu:
      return x < 0 ? double{graph::kLeakySlope} * x : x;
  }
  return x;
}

// How far activation(x (1 + d)) may lie from `y`: no activation is steeper than 1.13; its own error
// is allowed to be 4e-7 max(1, |y|).
inline double activation_tolerance(graph::Activation activation, double x_tolerance, double y) {
  if (activation == graph::Activation::kNone) return x_tolerance;
  return 1.13 * x_tolerance + 4e-7 * std::max(1.0, std::abs(y));
}

// What activation(x) may be off by where its result is rounded to bfloat16 or uint8.
inline double narrow_activation_tolerance(graph::Activation activation, double x) {
  if (activation == graph::Activation::kGelu) return 2.1e-6 * std::max(1.0, std::abs(x));
  if (activation == graph::Activation::kSilu) return 8e-5 * std::abs(activate(activation, x));
  return 0.0;
}

// A sum of k products in any order: each of the k roundings is at most epsilon/2 of the sum of
// magnitudes; they are independent enough for 3 + sqrt(k) of them to bound the error. The
// magnitudes include the bias.
inline double sum_tolerance(std::int64_t k, double magnitudes) {
  return kEpsilon * (3.0 + std::sqrt(static_cast<double>(k))) * magnitudes + 1e-30;
}

// That one packed weight serves both: kernels that offer for `p`, which differs from `packed_for`
// in sizes that are bound late, read what was packed for that.
template <typename Problem>
void expect_same_packing(const std::vector<Kernel<Problem>>& kernels, const Problem& p,
                         const Problem& packed_for) {
  const TargetInfo target = test_target(1);
  for (const Kernel<Problem>& kernel : kernels) {
    const Offer offer = ask(kernel, p, target);
    const Offer packed = ask(kernel, packed_for, target);
    if (!offer || !packed) continue;
    EXPECT_EQ(offer.packed_layout, packed.packed_layout);
    EXPECT_EQ(offer.packed_bytes, packed.packed_bytes);
  }
}

// Memory with a guard on each side, filled with NaNs.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes) : bytes_(bytes), buffer_(kGuard + align_up(bytes) + kGuard) {
    std::memset(buffer_.data(), 0xFF, buffer_.size());
  }
  std::byte* data() const { return buffer_.data() + kGuard; }
  bool intact() const {
    for (std::size_t i = 0; i < kGuard; ++i) {
      if (buffer_.data()[i] != std::byte{0xFF}) return false;
    }
    for (std::size_t i = kGuard + bytes_; i < buffer_.size(); ++i) {
      if (buffer_.data()[i] != std::byte{0xFF}) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 256;
  std::size_t bytes_;
  AlignedBuffer buffer_;
};

template <typename Problem>
struct Case {
  std::string name;
  Problem problem;
  std::vector<TensorView> constants;       // what pack() takes
  std::vector<std::vector<float>> inputs;  // an empty one is absent, or packed
  std::vector<double> expected;
  std::vector<double> tolerance;  // of each element, before it is rounded to `output`
  // Or a type of 16 bits, or uint8: rows of `channels` with their scales as second output, or of
  // the scheme, if there is one.
  DType output = DType::kF32;
  std::int64_t channels = 0;
  graph::Affine scheme = {};
  std::map<std::size_t, std::vector<std::uint8_t>> byte_inputs = {};  // instead of float32
  bool any_threads = false;  // a kernel's bits are the same for any number of threads
};

// The most that rounding to a type of 16 bits takes off a number that is not too small, as a part
// of it: half of the last of 8 bits of bfloat16, or of 11 bits of float16. 0 for float32.
inline double half_rounding(DType dtype) {
  if (dtype == DType::kF16) return 0x1p-11;
  return dtype == DType::kBF16 ? 0x1p-8 : 0.0;
}

// How far a value may lie from `exact` once it is rounded to such a type, and was within
// `tolerance` before. Subnormal numbers of float16 are 2^-24 apart.
inline double half_tolerance(DType dtype, double exact, double tolerance) {
  const double smallest = dtype == DType::kF16 ? 0x1p-25 : 0.0;
  return tolerance + half_rounding(dtype) * (std::abs(exact) + tolerance) + smallest;
}

// The numbers of a type of 16 bits that values are rounded to, and what these stand for.
inline std::vector<std::uint16_t> to_half(DType dtype, const std::vector<float>& values) {
  std::vector<std::uint16_t> bits;
  bits.reserve(values.size());
  for (const float value : values) bits.push_back(f32_to_half(dtype, value));
  return bits;
}
inline std::vector<float> rounded_to_half(DType dtype, std::vector<float> values) {
  for (float& value : values) value = lasso::rounded_to_half(dtype, value);
  return values;
}

inline std::vector<std::uint8_t> bytes_of(const std::vector<std::uint16_t>& halves) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(halves.data());
  return {bytes, bytes + halves.size() * sizeof(halves[0])};
}

// Compares rows of uint8 with the values that they stand for. The scale is max|y| / 127; q is
// y / scale, in which three roundings of at most 127 take part, rounded to an integer.
template <typename Problem>
void check_quantized(const Case<Problem>& c, const std::uint8_t* q, const float* scales) {
  for (std::size_t begin = 0; begin < c.expected.size();
       begin += static_cast<std::size_t>(c.channels)) {
    const std::size_t end = begin + static_cast<std::size_t>(c.channels);
    double largest = 0;
    double error = 0;
    for (std::size_t i = begin; i < end; ++i) {
      largest = std::max(largest, std::abs(c.expected[i]));
      error = std::max(error, c.tolerance[i]);
    }
    const double scale = *scales++;
    const double expected_scale = largest > 0 ? largest / 127 : 1;
    ASSERT_LE(std::abs(scale - expected_scale), error / 127 + kEpsilon * expected_scale)
        << "row " << begin / static_cast<std::size_t>(c.channels);
    for (std::size_t i = begin; i < end; ++i) {
      const double y = scale * (q[i] - 128);
      ASSERT_GE(q[i], 1);
      ASSERT_LE(std::abs(y - c.expected[i]), c.tolerance[i] + (0.5 + 127 * 2 * kEpsilon) * scale)
          << "element " << i << ": " << y << " instead of " << c.expected[i];
    }
  }
}

// The same of a scheme for all: what it has no numbers for becomes the nearest there is. The
// product with the reciprocal of the scale, two roundings of at most 255, is rounded to an integer.
template <typename Problem>
void check_affine(const Case<Problem>& c, const std::uint8_t* q) {
  const double scale = c.scheme.scale;
  const auto zero = static_cast<double>(c.scheme.zero);
  for (std::size_t i = 0; i < c.expected.size(); ++i) {
    const double y = scale * (q[i] - zero);
    const double expected = std::clamp(c.expected[i], -zero * scale, (255 - zero) * scale);
    ASSERT_LE(std::abs(y - expected), c.tolerance[i] + (0.5 + 255 * kEpsilon) * scale)
        << "element " << i << ": " << y << " instead of " << expected;
  }
}

// Compares the output, as it lies in memory, with what is expected; returns its worst element's
// error as a part of its tolerance, of float32.
template <typename Problem>
double check_output(const Case<Problem>& c, const std::byte* output) {
  if (is_half(c.output)) {
    const auto* bits = reinterpret_cast<const std::uint16_t*>(output);
    for (std::size_t i = 0; i < c.expected.size(); ++i) {
      const double y = half_to_f32(c.output, bits[i]);
      EXPECT_LE(std::abs(y - c.expected[i]),
                half_tolerance(c.output, c.expected[i], c.tolerance[i]))
          << "element " << i << ": " << y << " instead of " << c.expected[i];
      if (::testing::Test::HasFailure()) return 0;
    }
    return 0;
  }
  double worst = 0;
  const auto* y = reinterpret_cast<const float*>(output);
  for (std::size_t i = 0; i < c.expected.size(); ++i) {
    const double error = std::abs(y[i] - c.expected[i]);
    if (!(error <= c.tolerance[i])) {  // NaN fails
      ADD_FAILURE() << "element " << i << ": " << y[i] << " instead of " << c.expected[i];
      return 0;
    }
    if (error > 0) worst = std::max(worst, error / c.tolerance[i]);
  }
  return worst;
}

// Which kernels ran, by label.
using Ran = std::map<std::string, int>;

template <typename Problem>
void check_case(const std::vector<Kernel<Problem>>& list, const Case<Problem>& c, Ran& ran,
                const Problem* packed_for = nullptr) {
  std::map<std::string, std::vector<std::byte>> layouts;
  for (const Kernel<Problem>& kernel : list) {
    std::vector<std::byte> with_one_thread;
    for (const int threads : {1, 2}) {
      const ThreadLimit limit(threads);
      const TargetInfo target = test_target(threads);
      SCOPED_TRACE(c.name + " " + kernel.label() + ", threads: " + std::to_string(threads));
      const Offer offer = ask(kernel, c.problem, target);
      if (!offer) continue;
      ++ran[kernel.label()];
      const Problem& pack_problem = packed_for == nullptr ? c.problem : *packed_for;
      const Guarded packed(offer.packed_bytes);
      ASSERT_EQ(kernel.pack != nullptr && offer.packed_bytes > 0, !offer.packed_layout.empty());
      if (offer.packed_bytes > 0) {
        kernel.pack(pack_problem, c.constants, packed.data());
        EXPECT_TRUE(packed.intact()) << "pack() wrote outside its bytes";
        // Equal names mean equal bytes.
        std::vector<std::byte> bytes(packed.data(), packed.data() + offer.packed_bytes);
        const auto [it, is_new] = layouts.emplace(offer.packed_layout, bytes);
        EXPECT_TRUE(is_new || it->second == bytes) << offer.packed_layout;
      }
      const Guarded workspace(offer.workspace_bytes);
      const std::size_t output_bytes = c.expected.size() * size_of(c.output);
      const std::size_t scale_bytes =
          c.output == DType::kU8 && c.scheme.scale == 0
              ? c.expected.size() / static_cast<std::size_t>(c.channels) * sizeof(float)
              : 0;
      const Guarded output(output_bytes);
      const Guarded scales(scale_bytes);
      std::vector<const void*> inputs;
      for (const auto& input : c.inputs) inputs.push_back(input.empty() ? nullptr : input.data());
      for (const auto& [index, bytes] : c.byte_inputs) inputs.at(index) = bytes.data();
      void* outputs[] = {output.data(), scales.data()};
      const auto state = kernel.create(c.problem, target, offer);
      const auto run = [&] {
        std::memset(output.data(), 0xFF, output_bytes);
        std::memset(scales.data(), 0xFF, scale_bytes);
        kernel.run(*state, {.inputs = inputs,
                            .outputs = outputs,
                            .packed = packed.data(),
                            .workspace = workspace.data()});
        std::vector<std::byte> bytes(output.data(), output.data() + output_bytes);
        bytes.insert(bytes.end(), scales.data(), scales.data() + scale_bytes);
        return bytes;
      };
      const std::vector<std::byte> first = run();
      EXPECT_TRUE(workspace.intact()) << "the workspace is larger than planned";
      EXPECT_TRUE(output.intact() && scales.intact()) << "written outside the output";
      double worst = 0;
      if (c.scheme.scale != 0) {
        check_affine(c, reinterpret_cast<const std::uint8_t*>(output.data()));
      } else if (c.output == DType::kU8) {
        check_quantized(c, reinterpret_cast<const std::uint8_t*>(output.data()),
                        reinterpret_cast<const float*>(scales.data()));
      } else {
        worst = check_output(c, output.data());
      }
      if (::testing::Test::HasFailure()) return;
      ASSERT_EQ(first, run()) << "a second run gave other bits";
      if (threads == 1) with_one_thread = first;
      if (c.any_threads) {
        ASSERT_EQ(first, with_one_thread) << "two threads gave other bits";
      }
      ::testing::Test::RecordProperty("worst", std::to_string(worst));
    }
  }
}

// Every row that takes the problem here has run at least once.
template <typename Problem>
void expect_all_ran(const std::vector<Kernel<Problem>>& list, const Problem& problem, Ran& ran) {
  for (const Kernel<Problem>& kernel : list) {
    if (ask(kernel, problem, test_target(1))) {
      EXPECT_GT(ran[kernel.label()], 0) << kernel.label();
    }
  }
  EXPECT_GT(ran[list.back().label()], 0);
}

}  // namespace lasso::kernels::test

#endif  // LASSO_KERNELS_KERNEL_TEST_H_
