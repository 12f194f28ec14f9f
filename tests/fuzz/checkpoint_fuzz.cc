// A whole file through everything that happens before an engine is built.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "fuzz.h"
#include "models/sam/checkpoint/checkpoint.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int fd = memfd_create("fuzz", 0);
  if (fd < 0 || write(fd, data, size) != static_cast<ssize_t>(size)) return 0;
  lasso::fuzz::expect_error_or_success([&] {
    const auto checkpoint = lasso::sam::load_sam_checkpoint("/proc/self/fd/" + std::to_string(fd));
    static_cast<void>(checkpoint.weights.fingerprint());
  });
  close(fd);
  return 0;
}
