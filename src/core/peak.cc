#include "core/peak.h"

#include <immintrin.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <mutex>
#include <vector>

#include "core/amx_tiles.h"
#include "core/check.h"
#include "core/stopwatch.h"
#include "core/threads.h"

namespace lasso {

namespace {

constexpr int kSteps = 100'000;

// Independent sums hide the instructions' latency of 4 to 6 cycles at two a cycle. AVX2 has 16
// registers for them, AVX-512 32.
constexpr int kSumsAvx2 = 12;
constexpr int kSumsAvx512 = 20;
// A product of tiles keeps the unit busy for 16 cycles, and its sums are ready after 52.
constexpr int kSumsAmx = 4;
constexpr int kStepsAmx = kSteps / 8;

// Instructions as text: compilers add moves between intrinsics, or find the sums without the loop.

void fp32_avx2() {
  __m256 sums[kSumsAvx2] = {};
  const __m256 factor = _mm256_set1_ps(0.5F);
  for (int step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
    for (auto& sum : sums) asm volatile("vfmadd231ps %1, %1, %0" : "+x"(sum) : "x"(factor));
  }
}

__attribute__((target("avx512f"))) void fp32_avx512() {
  __m512 sums[kSumsAvx512] = {};
  const __m512 factor = _mm512_set1_ps(0.5F);
  for (int step = 0; step < kSteps; ++step) {
#pragma GCC unroll 20
    for (auto& sum : sums) asm volatile("vfmadd231ps %1, %1, %0" : "+v"(sum) : "v"(factor));
  }
}

__attribute__((target("avx512f"))) void bf16_avx512() {
  __m512 sums[kSumsAvx512] = {};
  const __m512 factors = _mm512_set1_ps(0.5F);  // pairs of bf16: 0.5 and 0
  for (int step = 0; step < kSteps; ++step) {
#pragma GCC unroll 20
    for (auto& sum : sums) asm volatile("vdpbf16ps %1, %1, %0" : "+v"(sum) : "v"(factors));
  }
}

__attribute__((target("avx512f"))) void int8_avx512() {
  __m512i sums[kSumsAvx512] = {};
  const __m512i factors = _mm512_set1_epi32(0x01010101);
  for (int step = 0; step < kSteps; ++step) {
#pragma GCC unroll 20
    for (auto& sum : sums) asm volatile("vpdpbusd %1, %1, %0" : "+v"(sum) : "v"(factors));
  }
}

void int8_amx() {
  AmxTiles::configure();
  for (int step = 0; step < kStepsAmx; ++step) {
    AmxTiles::dot_u8s8<0, 4, 6>();
    AmxTiles::dot_u8s8<1, 4, 7>();
    AmxTiles::dot_u8s8<2, 5, 6>();
    AmxTiles::dot_u8s8<3, 5, 7>();
  }
  AmxTiles::release();
}

void bf16_amx() {
  AmxTiles::configure();
  for (int step = 0; step < kStepsAmx; ++step) {
    AmxTiles::dot_bf16<0, 4, 6>();
    AmxTiles::dot_bf16<1, 4, 7>();
    AmxTiles::dot_bf16<2, 5, 6>();
    AmxTiles::dot_bf16<3, 5, 7>();
  }
  AmxTiles::release();
}

void run(MultiplyAdd multiply_add) {
  switch (multiply_add) {
    case MultiplyAdd::kFp32Avx2:
      return fp32_avx2();
    case MultiplyAdd::kFp32Avx512:
      return fp32_avx512();
    case MultiplyAdd::kBf16Avx512:
      return bf16_avx512();
    case MultiplyAdd::kInt8Avx512:
      return int8_avx512();
    case MultiplyAdd::kInt8Amx:
      return int8_amx();
    case MultiplyAdd::kBf16Amx:
      return bf16_amx();
  }
}

// Of one call of run().
double instructions(MultiplyAdd multiply_add) {
  switch (multiply_add) {
    case MultiplyAdd::kFp32Avx2:
      return 1.0 * kSumsAvx2 * kSteps;
    case MultiplyAdd::kInt8Amx:
    case MultiplyAdd::kBf16Amx:
      return 1.0 * kSumsAmx * kStepsAmx;
    default:
      return 1.0 * kSumsAvx512 * kSteps;
  }
}

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

MultiplyAddInfo info(MultiplyAdd multiply_add) {
  switch (multiply_add) {
    case MultiplyAdd::kFp32Avx2:
      return {"fp32", "vfmadd231ps", CpuFeature::kAvx2, 8};
    case MultiplyAdd::kFp32Avx512:
      return {"fp32", "vfmadd231ps", CpuFeature::kAvx512, 16};
    case MultiplyAdd::kBf16Avx512:
      return {"bf16", "vdpbf16ps", CpuFeature::kAvx512Bf16, 32};
    case MultiplyAdd::kInt8Avx512:
      return {"int8", "vpdpbusd", CpuFeature::kAvx512Vnni, 64};
    case MultiplyAdd::kInt8Amx:
      return {"int8", "tdpbusd", CpuFeature::kAmxInt8, 16384};
    case MultiplyAdd::kBf16Amx:
      return {"bf16", "tdpbf16ps", CpuFeature::kAmxBf16, 8192};
  }
  return {};
}

MultiplyAdd fp32_multiply_add(CpuFeatures features) {
  return features.has(CpuFeature::kAvx512) ? MultiplyAdd::kFp32Avx512 : MultiplyAdd::kFp32Avx2;
}

MultiplyAdd bf16_multiply_add(CpuFeatures features) {
  if (features.has(CpuFeature::kAmxBf16)) return MultiplyAdd::kBf16Amx;
  return features.has(CpuFeature::kAvx512Bf16) ? MultiplyAdd::kBf16Avx512
                                               : fp32_multiply_add(features);
}

MultiplyAdd int8_multiply_add(CpuFeatures features) {
  if (features.has(CpuFeature::kAmxInt8)) return MultiplyAdd::kInt8Amx;
  return features.has(CpuFeature::kAvx512Vnni) ? MultiplyAdd::kInt8Avx512
                                               : fp32_multiply_add(features);
}

double multiply_add_rate(MultiplyAdd multiply_add, int threads) {
  const ThreadLimit limit(threads);
  const double operations = 2.0 * info(multiply_add).products * instructions(multiply_add);
  std::vector<double> rates(static_cast<std::size_t>(threads));
  parallel([&](int thread, int) {
    const double start = thread_seconds();
    run(multiply_add);
    rates[static_cast<std::size_t>(thread)] = operations / (thread_seconds() - start);
  });
  double rate = 0;
  for (const double r : rates) rate += r;
  return rate;
}

double peak_rate(MultiplyAdd multiply_add, int threads) {
  constexpr int kFewestTries = 8;
  constexpr double kSeconds = 0.1;
  const Stopwatch watch;
  double peak = 0;
  for (int i = 0; i < kFewestTries || watch.seconds() < kSeconds; ++i) {
    peak = std::max(peak, multiply_add_rate(multiply_add, threads));
  }
  return peak;
}

void RateClasses::set_exponent(MultiplyAdd multiply_add, int exponent) {
  constexpr int kMost = 8;
  LASSO_CHECK(exponent >= -kMost && exponent <= kMost, ErrorCode::kInvalidArgument,
              "the rate of {} is 2^{} times that of fp32 with AVX2: expected 2^-{} to 2^{}",
              info(multiply_add).instruction, exponent, kMost, kMost);
  exponents_[index(multiply_add)] = static_cast<std::int8_t>(exponent);
}

namespace {

RateClasses measure_rates(CpuFeatures features) {
  // Interleaved, so that a change of the clock rate concerns all alike; the best of eight, after a
  // round that wakes the wide units.
  constexpr int kRounds = 9;
  std::array<double, kMultiplyAdds.size()> best{};
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < best.size(); ++i) {
      if (!features.has(info(kMultiplyAdds[i]).feature)) continue;
      const double rate = multiply_add_rate(kMultiplyAdds[i], 1);
      if (round > 0) best[i] = std::max(best[i], rate);
    }
  }
  RateClasses rates;
  for (std::size_t i = 1; i < best.size(); ++i) {
    if (best[i] == 0) continue;
    const auto exponent = static_cast<int>(std::lround(std::log2(best[i] / best[0])));
    rates.set_exponent(kMultiplyAdds[i], std::clamp(exponent, -8, 8));
  }
  return rates;
}

}  // namespace

const RateClasses& measured_rates(CpuFeatures features) {
  static std::mutex mutex;
  static std::map<std::string, RateClasses> known;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto [it, is_new] = known.try_emplace(to_string(features));
  if (is_new) it->second = measure_rates(features);
  return it->second;
}

}  // namespace lasso
