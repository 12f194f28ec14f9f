#include <cstddef>
#include <cstdint>
#include <memory>

#include "formats/onnx/check_onnx.h"
#include "formats/onnx/onnx_reader.h"
#include "fuzz.h"

namespace {

// Each element may be read.
unsigned sum_of(const lasso::OnnxGraph& graph) {
  unsigned sum = 0;
  for (const lasso::OnnxTensor& tensor : graph.initializers) {
    for (std::size_t i = 0; i < tensor.bytes; ++i) sum += std::to_integer<unsigned>(tensor.data[i]);
  }
  return sum;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return lasso::fuzz::expect_error_or_success([&] {
    // The fuzzer's bytes outlive the model.
    const std::shared_ptr<const void> owner(data, [](const void*) {});
    const lasso::OnnxModel model = lasso::check_onnx(lasso::parse_onnx(
        reinterpret_cast<const std::byte*>(data), size, "/nonexistent/fuzz.onnx", owner));
    static_cast<void>(lasso::unsupported_parts(model));
    const volatile unsigned sink = sum_of(model.graph);
    static_cast<void>(sink);
  });
}
