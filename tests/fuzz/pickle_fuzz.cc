#include "formats/pytorch/pickle.h"
#include "fuzz.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return lasso::fuzz::expect_error_or_success([&] {
    const lasso::Pickle pickle =
        lasso::read_pickle(reinterpret_cast<const std::byte*>(data), size, "fuzz.pkl");
    static_cast<void>(pickle.value(pickle.root));
    for (const lasso::PickleTensor& tensor : pickle.tensors) {
      const lasso::PickleStorage& storage = pickle.storages.at(tensor.storage);
      std::int64_t last = tensor.offset;
      for (std::size_t d = 0; d < tensor.dims.size(); ++d) {
        if (tensor.dims[d] == 0) last = -1;
        if (last >= 0) last += (tensor.dims[d] - 1) * tensor.strides.at(d);
      }
      if (last >= storage.elements) __builtin_trap();
    }
  });
}
