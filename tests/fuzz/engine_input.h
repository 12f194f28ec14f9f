// Inputs of engine_fuzz: an engine file without its weights, which are zeros and would be most of
// it: the size of the weights in decimal digits, the programs and the description, a line each.
#ifndef LASSO_TESTS_FUZZ_ENGINE_INPUT_H_
#define LASSO_TESTS_FUZZ_ENGINE_INPUT_H_

#include <algorithm>
#include <cstdlib>
#include <string>

#include "support/engine_bytes.h"

namespace lasso::fuzz {

inline std::string engine_input(const std::string& file) {
  const test::EngineBytes parts = test::split_engine(file);
  return std::to_string(parts.weights.size()) + "\n" + parts.programs + "\n" + parts.meta;
}

// The file of an input; the input itself where it begins as a file does.
inline std::string engine_file(const std::string& input) {
  if (input.starts_with("LASSO")) return input;
  constexpr unsigned long kMaxWeights = 1 << 20;
  const std::size_t first = std::min(input.find('\n'), input.size());
  const std::size_t second = std::min(input.find('\n', first + 1), input.size());
  test::EngineBytes parts;
  parts.header = std::string("LASSO\r\n\x1a\1\0\0\0\3\0\0\0", 16);
  parts.header.resize(test::kEngineHeaderBytes);
  parts.header.replace(24, 3, "cpu");
  parts.header.replace(40, 4, "avx2");
  parts.header.replace(56, 1, "0");
  parts.header.replace(72, 1, "0");
  const char* names[] = {"weights", "programs", "meta"};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string name = names[i];
    parts.header.replace(test::kEngineSectionsAt + i * test::kEngineSectionBytes, name.size(),
                         name);
  }
  parts.weights.resize(std::min(std::strtoul(input.c_str(), nullptr, 10), kMaxWeights));
  if (first < input.size()) parts.programs = input.substr(first + 1, second - first - 1);
  if (second < input.size()) parts.meta = input.substr(second + 1);
  return test::join_engine(parts);
}

}  // namespace lasso::fuzz

#endif  // LASSO_TESTS_FUZZ_ENGINE_INPUT_H_
