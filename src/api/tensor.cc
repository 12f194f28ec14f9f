#include "lasso/tensor.h"

#include <array>
#include <utility>

#include "api/tensor.h"
#include "core/bytes.h"
#include "core/check.h"
#include "core/guard.h"
#include "core/tensor.h"
#include "formats/npy/npz.h"

namespace lasso {

namespace {

constexpr auto kTypes = std::to_array<std::pair<ElementType, DType>>({
    {ElementType::kFloat32, DType::kF32},
    {ElementType::kFloat16, DType::kF16},
    {ElementType::kBFloat16, DType::kBF16},
    {ElementType::kFloat64, DType::kF64},
    {ElementType::kInt8, DType::kI8},
    {ElementType::kUInt8, DType::kU8},
    {ElementType::kInt16, DType::kI16},
    {ElementType::kInt32, DType::kI32},
    {ElementType::kInt64, DType::kI64},
    {ElementType::kBool, DType::kBool},
});

}  // namespace

ElementType element_type(DType dtype) {
  for (const auto& [type, known] : kTypes) {
    if (known == dtype) return type;
  }
  fail(ErrorCode::kInternal, "the type {} has no public name", to_string(dtype));
}

DType dtype_of(ElementType type) {
  for (const auto& [known, dtype] : kTypes) {
    if (known == type) return dtype;
  }
  fail(ErrorCode::kInvalidArgument, "element type {} does not exist", static_cast<int>(type));
}

const char* to_string(ElementType type) noexcept {
  for (const auto& [known, dtype] : kTypes) {
    if (known == type) return to_string(dtype).data();
  }
  return "unknown";
}

std::size_t size_of(ElementType type) noexcept {
  for (const auto& [known, dtype] : kTypes) {
    if (known == type) return size_of(dtype);
  }
  return 0;
}

std::map<std::string, HostTensor> load_npz(const std::string& path) {
  return guarded([&] {
    std::map<std::string, HostTensor> tensors;
    for (const auto& [name, array] : read_npz(path)) {
      HostTensor& tensor = tensors[name];
      tensor.type = element_type(array.dtype);
      tensor.shape = array.dims;
      tensor.bytes.resize(array.bytes());
      copy_bytes(tensor.bytes.data(), array.data.get(), tensor.bytes.size());
    }
    return tensors;
  });
}

void save_npz(const std::string& path, const std::map<std::string, HostTensor>& tensors) {
  guarded([&] {
    std::map<std::string, TensorView> views;
    for (const auto& [name, tensor] : tensors) {
      const TensorView view{dtype_of(tensor.type), tensor.shape, tensor.bytes.data()};
      const std::size_t bytes =
          static_cast<std::size_t>(element_count(view.dims)) * size_of(view.dtype);
      LASSO_CHECK(tensor.bytes.size() == bytes, ErrorCode::kInvalidArgument,
                  "{}: tensor \"{}\", {} {}, has {} bytes where {} are expected", path, name,
                  to_string(view.dtype), to_string(view.dims), tensor.bytes.size(), bytes);
      views.emplace(name, view);
    }
    write_npz(path, views);
  });
}

}  // namespace lasso
