#include "formats/pytorch/torch_reader.h"

#include <zlib.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "core/log.h"
#include "formats/pytorch/pickle.h"
#include "formats/text.h"
#include "formats/zip/zip_reader.h"

namespace lasso {

namespace {

constexpr std::string_view kPickleName = "/data.pkl";
constexpr std::size_t kMaxDepth = 16;  // of nested dictionaries
constexpr std::size_t kMaxTensors = 200'000;
constexpr std::size_t kMaxVisits = 1'000'000;  // dictionary entries; shared ones count each time
constexpr std::size_t kMaxNameBytes = 512;

const ZipEntry& stored_entry(const ZipArchive& zip, std::string_view name) {
  const ZipEntry* entry = zip.find(name);
  LASSO_CHECK(entry != nullptr, ErrorCode::kCorruptFile, "{}: zip entry {} misses", zip.name(),
              printable(name));
  LASSO_CHECK(entry->method == kZipStored, ErrorCode::kUnsupported,
              "{}: zip entry {} is compressed (method {}), which PyTorch never does; unpack the "
              "archive and pack it again with: zip -0 -r",
              zip.name(), printable(name), entry->method);
  return *entry;
}

// The folder of the archive that holds everything.
std::string find_root(const ZipArchive& zip) {
  std::string root;
  bool arrays = false;
  for (const ZipEntry& entry : zip.entries()) {
    arrays |= entry.name.ends_with(".npy");
    if (!entry.name.ends_with(kPickleName)) continue;
    const std::string folder = entry.name.substr(0, entry.name.size() - kPickleName.size());
    if (folder.find('/') != folder.npos) continue;
    LASSO_CHECK(root.empty(), ErrorCode::kCorruptFile,
                "{}: two pickles, {}/data.pkl and {}/data.pkl", zip.name(), printable(root),
                printable(folder));
    root = folder;
  }
  LASSO_CHECK(!root.empty(), ErrorCode::kUnsupported,
              "{}: {}, not a PyTorch checkpoint: it has no data.pkl", zip.name(),
              arrays ? "a NumPy .npz archive" : "a zip archive");
  const bool script = zip.find(root + "/constants.pkl") != nullptr ||
                      std::any_of(zip.entries().begin(), zip.entries().end(), [&](const auto& e) {
                        return e.name.starts_with(root + "/code/");
                      });
  LASSO_CHECK(!script, ErrorCode::kUnsupported,
              "{}: a TorchScript archive, which is a program; save the weights instead: "
              "torch.save(torch.jit.load(F).state_dict(), \"weights.pth\")",
              zip.name());
  return root;
}

void check_byte_order(const ZipArchive& zip, const std::string& root) {
  if (zip.find(root + "/byteorder") == nullptr) return;  // older than PyTorch 2.1: the writer's
  const ZipEntry& entry = stored_entry(zip, root + "/byteorder");
  const std::string_view order(reinterpret_cast<const char*>(zip.data(entry)), entry.size);
  LASSO_CHECK(order != "big", ErrorCode::kUnsupported,
              "{}: saved on a big-endian machine; load and save it on a little-endian one",
              zip.name());
  LASSO_CHECK(order == "little", ErrorCode::kCorruptFile, "{}: unknown byte order {}", zip.name(),
              printable(order));
}

// Walks nested dictionaries and collects tensors under their joined keys.
class Flattener {
 public:
  Flattener(const Pickle& pickle, const std::string& file) : pickle_(pickle), file_(file) {}

  std::map<std::string, std::uint32_t> run() {
    visit(pickle_.value(pickle_.root), "", 0);
    return std::move(tensors_);
  }

 private:
  void visit(const PickleValue& value, const std::string& name, std::size_t depth) {
    if (value.type == PickleType::kTensor) {
      LASSO_CHECK(tensors_.size() < kMaxTensors, ErrorCode::kCorruptFile,
                  "{}: more than {} tensors", file_, kMaxTensors);
      tensors_[name] = value.index;  // as in Python, the last value of a key counts
      return;
    }
    if (value.type != PickleType::kDict || depth >= kMaxDepth) return;
    const std::vector<PickleId>& items = pickle_.items_of(value);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      LASSO_CHECK(++visits_ <= kMaxVisits, ErrorCode::kCorruptFile,
                  "{}: more than {} entries in nested dictionaries", file_, kMaxVisits);
      const PickleValue& key = pickle_.value(items[i]);
      if (key.type != PickleType::kString || key.text.empty()) continue;
      if (name.size() + key.text.size() >= kMaxNameBytes) continue;
      const std::string path =
          name.empty() ? std::string(key.text) : name + '.' + std::string(key.text);
      visit(pickle_.value(items[i + 1]), path, depth + 1);
    }
  }

  const Pickle& pickle_;
  const std::string& file_;
  std::map<std::string, std::uint32_t> tensors_;
  std::size_t visits_ = 0;
};

}  // namespace

Weights read_pytorch(const std::shared_ptr<const MappedFile>& file) {
  const ZipArchive zip(file->data(), file->size(), file->path());
  const std::string root = find_root(zip);
  check_byte_order(zip, root);
  const ZipEntry& structure = stored_entry(zip, root + std::string(kPickleName));
  const auto* bytes = reinterpret_cast<const Bytef*>(zip.data(structure));
  // PyTorch can be told to leave checksums out, so that a wrong one is no proof of damage.
  if (crc32_z(0, bytes, structure.size) != structure.crc32) {
    log(LogLevel::kWarning,
        fmt::format("{}: the checksum of {} does not fit; the file may be damaged", file->path(),
                    printable(structure.name)));
  }
  const Pickle pickle = read_pickle(zip.data(structure), structure.size, file->path());

  Weights weights(file->path());
  for (const auto& [name, index] : Flattener(pickle, file->path()).run()) {
    const PickleTensor& view = pickle.tensors[index];
    const PickleStorage& storage = pickle.storages[view.storage];
    const ZipEntry& entry = stored_entry(zip, root + "/data/" + std::string(storage.key));
    const std::size_t item = size_of(storage.dtype);
    LASSO_CHECK(entry.size == static_cast<std::size_t>(storage.elements) * item,
                ErrorCode::kCorruptFile,
                "{}: tensor {}: zip entry {} has {} bytes, and {} elements of {} were expected",
                file->path(), printable(name), printable(entry.name), entry.size, storage.elements,
                to_string(storage.dtype));
    const std::size_t offset = static_cast<std::size_t>(view.offset) * item;
    WeightTensor tensor;
    tensor.dtype = storage.dtype;
    tensor.dims = view.dims;
    tensor.strides = view.strides;
    tensor.data = zip.data(entry) + offset;
    tensor.storage_bytes = entry.size - offset;
    tensor.owner = file;
    tensor.file = file;
    weights.add(name, std::move(tensor));
  }
  LASSO_CHECK(weights.size() > 0, ErrorCode::kUnsupported,
              "{}: no tensors in it: neither a state dictionary nor one nested under \"model\", "
              "\"state_dict\" and the like",
              file->path());
  file->release(file->data(), file->size());  // the pages of the zip headers
  return weights;
}

}  // namespace lasso
