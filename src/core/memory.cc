#include "core/memory.h"

#include <unistd.h>

#include <fstream>

namespace lasso {

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");  // pages: total, resident, ...
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  if (!(file >> total >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace lasso
