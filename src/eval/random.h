// Random numbers that are the same everywhere for the same seed.
#ifndef LASSO_EVAL_RANDOM_H_
#define LASSO_EVAL_RANDOM_H_

#include <cstdint>
#include <string_view>

namespace lasso::app {

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
  int below(int limit) { return static_cast<int>(next() % static_cast<std::uint64_t>(limit)); }

 private:
  std::uint64_t state_;
};

// A seed for one thing of many: it depends on the thing's name, not on its place among the others.
// FNV-1a, started from the seed.
inline std::uint64_t seed_for(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = SplitMix64(seed).next() ^ 0xcbf29ce484222325U;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return hash;
}

}  // namespace lasso::app

#endif  // LASSO_EVAL_RANDOM_H_
