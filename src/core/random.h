// Random numbers that are the same everywhere for the same seed.
#ifndef LASSO_CORE_RANDOM_H_
#define LASSO_CORE_RANDOM_H_

#include <cstdint>

namespace lasso {

// Vigna's SplitMix64: the state goes up by the golden ratio, and is mixed.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  // In [0, limit).
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  // In [0, 1), a multiple of 2^-24.
  float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24F; }
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  // All of it: functions of lasso/clicks.h take it up and leave it where their draws end.
  std::uint64_t* state() { return &state_; }

 private:
  std::uint64_t state_;
};

}  // namespace lasso

#endif  // LASSO_CORE_RANDOM_H_
