#include "formats/zip/zip_reader.h"
#include "fuzz.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return lasso::fuzz::expect_error_or_success([&] {
    const lasso::ZipArchive zip(reinterpret_cast<const std::byte*>(data), size, "fuzz.zip");
    unsigned sum = 0;
    for (const lasso::ZipEntry& entry : zip.entries()) {
      const std::byte* bytes = zip.data(entry);
      for (std::size_t i = 0; i < entry.packed_size; ++i) sum += static_cast<unsigned>(bytes[i]);
      if (zip.find(entry.name) == nullptr) __builtin_trap();
    }
    volatile unsigned sink = sum;
    static_cast<void>(sink);
  });
}
