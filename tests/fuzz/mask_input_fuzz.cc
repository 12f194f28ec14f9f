// The file of --mask-input: one mask of finite logits, or wrong usage.
#include <cmath>
#include <cstdlib>
#include <string>

#include "cli/exit_codes.h"
#include "cli/segment/mask_input.h"
#include "fuzz.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lasso;  // NOLINT(google-build-using-namespace)
  return fuzz::expect_error_or_success([&] {
    try {
      const app::MaskInput mask =
          app::parse_mask_input(std::string(reinterpret_cast<const char*>(data), size), "fuzz.npy");
      const auto side = static_cast<std::size_t>(mask.shape.back());
      if (mask.values.size() != side * side) std::abort();
      for (const float value : mask.values) {
        if (!std::isfinite(value)) std::abort();
      }
    } catch (const app::Failure& failure) {
      if (failure.exit() != app::Exit::kUsage) throw;
    }
  });
}
