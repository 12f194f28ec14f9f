#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "formats/onnx/check_onnx.h"
#include "formats/onnx/onnx_reader.h"
#include "fuzz.h"
#include "models/onnx/clean/clean.h"
#include "models/onnx/import/importer.h"
#include "passes/pass.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = [&] {
    // The fuzzer's bytes outlive the model.
    const std::shared_ptr<const void> owner(data, [](const void*) {});
    return lasso::check_onnx(lasso::parse_onnx(reinterpret_cast<const std::byte*>(data), size,
                                               "/nonexistent/fuzz.onnx", owner));
  };
  lasso::fuzz::expect_error_or_success([&] { lasso::onnx::clean(read()); });
  return lasso::fuzz::expect_error_or_success([&] {
    lasso::graph::Module module;
    module.programs.push_back(lasso::onnx::import_model(read()));
    lasso::passes::optimize(std::move(module), {});
  });
}
