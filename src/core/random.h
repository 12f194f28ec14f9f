// Random numbers that are the same everywhere for the same seed.
#ifndef LASSO_CORE_RANDOM_H_
#define LASSO_CORE_RANDOM_H_

#include <cstdint>

namespace lasso {

constexpr std::uint64_t kGoldenRatio = 0x9e3779b97f4a7c15U;  // 2^64 over it, made odd

// SplitMix64's finaliser (Steele et al. 2014, with Vigna's constants): every bit of the result
// depends on all bits of z, and no two z have the same result.
constexpr std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

// Makes of 64 random bits a number that is nearly normal, of mean 0 and variance 1, and at
// most 3.47 in magnitude: the sum of four 16-bit uniforms has variance 1/3.
constexpr float nearly_normal(std::uint64_t bits) {
  const auto sum = static_cast<std::int32_t>((bits & 0xffffU) + ((bits >> 16) & 0xffffU) +
                                             ((bits >> 32) & 0xffffU) + (bits >> 48));
  constexpr float kScale = 1.7320508F / 65536.0F;
  return static_cast<float>(sum - 2 * 65535) * kScale;
}

// Vigna's SplitMix64: the state goes up by the golden ratio, and is mixed.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() { return mix(state_ += kGoldenRatio); }
  // In [0, limit).
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  // In [0, 1), a multiple of 2^-24.
  float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24F; }
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  // The number is nearly normal; the mean is 0.
  float normal(float deviation = 1) { return deviation * nearly_normal(next()); }
  // All of it: functions of lasso/clicks.h take it up and leave it where their draws end.
  std::uint64_t* state() { return &state_; }

 private:
  std::uint64_t state_;
};

}  // namespace lasso

#endif  // LASSO_CORE_RANDOM_H_
