#include "cli/inspect/summary.h"

#include <fmt/format.h>

#include "cli/console.h"

namespace lasso::app {

std::string quantity(double value) {
  if (value >= 1e9) return fmt::format("{:.2f} G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.1f} M", value / 1e6);
  if (value >= 1e3) return fmt::format("{:.1f} k", value / 1e3);
  return fmt::format("{:.0f} ", value);
}

void print_summary_row(const std::string& name, const std::string& value) {
  print(fmt::format("  {}{}", styled(Style::kDim, fmt::format("{:<14}", name)), value));
}

}  // namespace lasso::app
