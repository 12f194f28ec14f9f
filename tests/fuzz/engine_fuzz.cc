// Engine files: refused with lasso::Error, or run. An input is a whole file, or what
// engine_input.h makes one of, with checksums that match.
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "engine_input.h"
#include "fuzz.h"
#include "models/sam/run/predictor.h"
#include "support/program_work.h"
#include "support/sam_files.h"

namespace {

using namespace lasso;  // NOLINT(google-build-using-namespace)

// What may be run: an input decides how much a program computes, and how much memory that takes.
bool is_small(const sam::SamModel& model) {
  const test::ProgramWork work = test::work_of(*model.module);
  return work.flops < 1e7 && work.elements < 1e7 && model.config.image_size <= 64;
}

void run(const std::string& path) {
  engine::CompileOptions options;
  options.target.features = cpu_features();
  const auto model = test::load_engine_file(path, options, false);
  if (!is_small(*model)) return;
  sam::Predictor predictor(model, 1);
  const Image image{3, 2, PixelFormat::kRgb, std::vector<std::uint8_t>(18, 77)};
  Prompt prompt;
  prompt.points = {{1, 1}};
  Segmentation result;
  predictor.segment(predictor.encode(image.view()), &prompt, 1, {}, &result);
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string file =
      fuzz::engine_file(std::string(reinterpret_cast<const char*>(data), size));
  const int fd = memfd_create("fuzz", 0);
  if (fd >= 0 && write(fd, file.data(), file.size()) == static_cast<ssize_t>(file.size())) {
    fuzz::expect_error_or_success([&] { run("/proc/self/fd/" + std::to_string(fd)); });
  }
  close(fd);
  return 0;
}
