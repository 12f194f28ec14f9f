#include "formats/safetensors/safetensors_reader.h"
#include "fuzz.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return lasso::fuzz::expect_error_or_success([&] {
    // The fuzzer's bytes outlive the tensors.
    const std::shared_ptr<const void> owner(data, [](const void*) {});
    const lasso::SafetensorsFile file = lasso::parse_safetensors(
        reinterpret_cast<const std::byte*>(data), size, "fuzz.safetensors", owner);
    static_cast<void>(file.weights.fingerprint());
  });
}
