#include "core/peak.h"

#include <immintrin.h>

#include <algorithm>
#include <ctime>
#include <vector>

#include "core/stopwatch.h"
#include "core/threads.h"

namespace lasso {

namespace {

constexpr int kSteps = 100'000;

// Independent sums hide the instructions' latency of 4 to 6 cycles at two a cycle. AVX2 has 16
// registers for them, AVX-512 32.
constexpr int kSumsAvx2 = 12;
constexpr int kSumsAvx512 = 20;

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
      return {"fp32", "vfmadd231ps", Isa::kAvx2, 8};
    case MultiplyAdd::kFp32Avx512:
      return {"fp32", "vfmadd231ps", Isa::kAvx512, 16};
    case MultiplyAdd::kBf16Avx512:
      return {"bf16", "vdpbf16ps", Isa::kAvx512Bf16, 32};
    case MultiplyAdd::kInt8Avx512:
      return {"int8", "vpdpbusd", Isa::kAvx512Vnni, 64};
  }
  return {};
}

MultiplyAdd fp32_multiply_add(Isa isa) {
  return isa >= Isa::kAvx512 ? MultiplyAdd::kFp32Avx512 : MultiplyAdd::kFp32Avx2;
}

double multiply_add_rate(MultiplyAdd multiply_add, int threads) {
  const ThreadLimit limit(threads);
  const int sums = multiply_add == MultiplyAdd::kFp32Avx2 ? kSumsAvx2 : kSumsAvx512;
  const double operations = 2.0 * info(multiply_add).products * sums * kSteps;
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
  const Stopwatch watch;
  double peak = 0;
  for (int i = 0; i < kFewestTries || watch.milliseconds() < 100; ++i) {
    peak = std::max(peak, multiply_add_rate(multiply_add, threads));
  }
  return peak;
}

}  // namespace lasso
