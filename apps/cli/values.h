// Values of options: text to numbers, points and boxes. Every error names the option, the value and
// what is allowed, and ends in exit status 2.
#ifndef LASSO_CLI_VALUES_H_
#define LASSO_CLI_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lasso/argument.h"
#include "lasso/types.h"

namespace lasso::app {

std::int64_t parse_integer(const std::string& option, const std::string& text, std::int64_t min,
                           std::int64_t max);
// A number of bytes above 0, with K, M or G, or the small letter, behind it for 2^10, 2^20 or 2^30.
std::uint64_t parse_bytes(const std::string& option, const std::string& text);
double parse_positive(const std::string& option, const std::string& text);
double parse_not_negative(const std::string& option, const std::string& text);

// One of `allowed`.
std::string parse_choice(const std::string& option, const std::string& text,
                         const std::vector<std::string>& allowed);
// A comma list of values of `allowed`, in its order and without repetition.
std::vector<std::string> parse_choices(const std::string& option, const std::string& text,
                                       const std::vector<std::string>& allowed);
// A comma list of integers.
std::vector<std::int64_t> parse_integers(const std::string& option, const std::string& text,
                                         std::int64_t min, std::int64_t max);

// The GPUs that a device names, as EngineOptions::device does: {0} of "cuda", {0, 1} of "cuda:0,1";
// none of "cpu". Nothing for what is no device.
std::optional<std::vector<int>> gpus_of(const std::string& device);
std::vector<int> parse_device(const std::string& option, const std::string& text);
// The lowest compute capability that Lasso runs on.
inline constexpr int kLeastCapability = 75;
// Whether a cap on instructions is a GPU's, "sm_80", if it is right.
bool is_capability(const std::string& isa);
// 80 of the compute capability "sm_80"; nothing for what is none.
std::optional<int> capability_of(const std::string& isa);
// The same; one that Lasso does not run on is wrong, too.
int parse_capability(const std::string& option, const std::string& text);

// "W,H": pixels.
std::pair<int, int> parse_size(const std::string& option, const std::string& text);
// NAME=MIN:OPT:MAX
SizeRange parse_profile(const std::string& option, const std::string& text);

Point parse_point(const std::string& text);  // --point X,Y[,LABEL]
Box parse_box(const std::string& text);      // --box X0,Y0,X1,Y1

// "a, b or c"
std::string join_choices(const std::vector<std::string>& choices);

}  // namespace lasso::app

#endif  // LASSO_CLI_VALUES_H_
