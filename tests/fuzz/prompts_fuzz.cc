// Lines of --prompts: each is read, or named as a failure; and results can be written as JSON.
#include <cstdlib>
#include <string>

#include "common/prompts.h"
#include "fuzz.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lasso;  // NOLINT(google-build-using-namespace)
  const std::string text(reinterpret_cast<const char*>(data), size);
  // Names come back as they were, whatever bytes they have.
  if (app::file_name(app::json_name(text)) != text) std::abort();
  return fuzz::expect_error_or_success([&] {
    const app::PromptFile file = app::parse_prompts(text, "fuzz.jsonl", "default.png", false);
    for (const app::ImageTask& image : file.images) {
      for (const app::PromptTask& task : image.prompts) {
        if (task.prompt.points.empty() && !task.prompt.box) std::abort();
        app::json_line({{"image", app::json_name(*image.path)}, {"id", task.id}});
      }
      for (const app::PromptFailure& failure : image.failures) app::json_line(failure.message);
    }
    for (const app::PromptFailure& failure : file.failures) app::json_line(failure.message);
  });
}
