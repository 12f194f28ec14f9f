#include <cstring>
#include <vector>

#include "formats/npy/npy.h"
#include "fuzz.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return lasso::fuzz::expect_error_or_success([&] {
    const std::shared_ptr<const void> owner(data, [](const void*) {});
    const lasso::Tensor tensor =
        lasso::parse_npy(reinterpret_cast<const std::byte*>(data), size, "fuzz.npy", owner);
    std::vector<std::byte> copy(tensor.bytes());
    if (!copy.empty()) std::memcpy(copy.data(), tensor.data.get(), copy.size());
  });
}
