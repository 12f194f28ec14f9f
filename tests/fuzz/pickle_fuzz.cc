// A pickle, and the modules of a detector that it may have, whose tensors are zeros.
#include <memory>
#include <string>
#include <vector>

#include "formats/pytorch/pickle.h"
#include "fuzz.h"
#include "models/yolov7/checkpoint/checkpoint.h"
#include "models/yolov7/describe/describe.h"

namespace {

// What a file would have in the place of a storage.
lasso::StorageBytes zeros_of(const lasso::PickleStorage& storage) {
  static const std::vector<std::byte> zeros(1 << 20);
  const std::size_t item = storage.type->item_bytes;
  if (static_cast<std::size_t>(storage.elements) > zeros.size() / item) {
    throw lasso::Error(lasso::ErrorCode::kCorruptFile, "a large storage");
  }
  return {zeros.data(), static_cast<std::size_t>(storage.elements) * item, "zeros"};
}

void read_modules(lasso::Pickle pickle) {
  static const auto file = lasso::MappedFile::open("/proc/self/exe");
  const lasso::TorchFile torch{file, std::move(pickle), zeros_of};
  if (!lasso::yolov7::has_detector(torch)) return;
  const lasso::yolov7::Network network = lasso::yolov7::read_network(torch);
  static_cast<void>(lasso::yolov7::describe(network, {}, "fuzz.pkl"));
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return lasso::fuzz::expect_error_or_success([&] {
    lasso::Pickle pickle =
        lasso::read_pickle(reinterpret_cast<const std::byte*>(data), size, "fuzz.pkl");
    static_cast<void>(pickle.value(pickle.root));
    for (const lasso::PickleTensor& tensor : pickle.tensors) {
      if (!tensor.dtype) continue;  // nobody reads it
      const lasso::PickleStorage& storage = pickle.storages.at(tensor.storage);
      const auto bytes = static_cast<std::int64_t>(storage.type->item_bytes) * storage.elements;
      std::int64_t last = tensor.offset;
      for (std::size_t d = 0; d < tensor.dims.size(); ++d) {
        if (tensor.dims[d] == 0) last = -1;
        if (last >= 0) last += (tensor.dims[d] - 1) * tensor.strides.at(d);
      }
      if (last >= bytes / static_cast<std::int64_t>(lasso::size_of(*tensor.dtype))) {
        __builtin_trap();
      }
    }
    // What objects refer to is there.
    for (const lasso::PickleValue& value : pickle.values) {
      if (value.type != lasso::PickleType::kObject) continue;
      const lasso::PickleObject& object = pickle.objects.at(value.index);
      static_cast<void>(lasso::class_of(pickle, value).full());
      static_cast<void>(pickle.items_of(pickle.value(object.arguments)));
      for (const lasso::PickleId id : {object.keywords, object.state}) {
        if (id != lasso::kNoPickleValue) static_cast<void>(pickle.value(id));
      }
      for (const std::uint32_t items : {object.elements, object.entries}) {
        if (items == lasso::kNoPickleValue) continue;
        for (const lasso::PickleId id : pickle.items.at(items)) {
          static_cast<void>(pickle.value(id));
        }
      }
    }
    read_modules(std::move(pickle));
  });
}
