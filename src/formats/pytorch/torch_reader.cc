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

const ZipEntry& stored_entry(const ZipArchive& zip, std::string_view name) {
  const ZipEntry* entry = zip.find(name);
  LASSO_CHECK(entry != nullptr, ErrorCode::kCorruptFile, "{}: zip entry {} is missing", zip.name(),
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

}  // namespace

TorchFile open_pytorch(const std::shared_ptr<const MappedFile>& file) {
  const auto zip = std::make_shared<const ZipArchive>(file->data(), file->size(), file->path());
  const std::string root = find_root(*zip);
  check_byte_order(*zip, root);
  const ZipEntry& structure = stored_entry(*zip, root + std::string(kPickleName));
  const auto* bytes = reinterpret_cast<const Bytef*>(zip->data(structure));
  // PyTorch can be told to leave checksums out, so that a wrong one is no proof of damage.
  if (crc32_z(0, bytes, structure.size) != structure.crc32) {
    log(LogLevel::kWarning,
        fmt::format("{}: the checksum of {} does not fit; the file may be damaged", file->path(),
                    printable(structure.name)));
  }
  TorchFile torch;
  torch.file = file;
  torch.pickle = read_pickle(zip->data(structure), structure.size, file->path());
  torch.find = [zip, root](const PickleStorage& storage) {
    const ZipEntry& entry = stored_entry(*zip, root + "/data/" + std::string(storage.key));
    return StorageBytes{zip->data(entry), entry.size,
                        fmt::format("zip entry {}", printable(entry.name))};
  };
  return torch;
}

}  // namespace lasso
