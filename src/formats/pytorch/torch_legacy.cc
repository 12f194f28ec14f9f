#include "formats/pytorch/torch_legacy.h"

#include <map>
#include <string>

#include "core/check.h"
#include "formats/pytorch/pickle.h"
#include "formats/text.h"

namespace lasso {

namespace {

// 0x1950a86a20f9469cfc6c, little-endian.
constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::int64_t kProtocolVersion = 1001;

// The pickles one behind the other, and then the storages.
class LegacyReader {
 public:
  explicit LegacyReader(const MappedFile& file) : reader_(file.data(), file.size(), file.path()) {}

  Pickle next_pickle() {
    Pickle pickle = read_pickle(reader_.take(0), reader_.remaining(), reader_.name());
    reader_.take(pickle.bytes);
    return pickle;
  }

  void read_head() {
    const Pickle magic = next_pickle();
    const PickleValue& number = magic.value(magic.root);
    LASSO_CHECK(number.type == PickleType::kBigInt && number.text == kMagic,
                ErrorCode::kCorruptFile, "{}: it begins with another number than torch.save writes",
                reader_.name());
    const Pickle version = next_pickle();
    const PickleValue& root = version.value(version.root);
    LASSO_CHECK(root.type == PickleType::kInt && root.integer == kProtocolVersion,
                ErrorCode::kCorruptFile, "{}: version {} of PyTorch's old format, expected {}",
                reader_.name(), root.integer, kProtocolVersion);
    check_byte_order(next_pickle());
  }

  // key -> bytes. What is in the file behind the last storage is nobody's.
  std::map<std::string, StorageBytes, std::less<>> read_storages(const Pickle& structure) {
    std::map<std::string_view, std::size_t> item_bytes;
    for (const PickleStorage& storage : structure.storages) {
      const std::size_t item = storage.type == nullptr ? 0 : storage.type->item_bytes;
      const auto [found, added] = item_bytes.emplace(storage.key, item);
      LASSO_CHECK(added || found->second == item, ErrorCode::kCorruptFile,
                  "{}: storage {} has elements of two sizes", reader_.name(),
                  printable(storage.key));
    }
    const Pickle keys = next_pickle();
    const PickleValue& list = keys.value(keys.root);
    LASSO_CHECK(list.type == PickleType::kList, ErrorCode::kCorruptFile,
                "{}: a list of its storages is expected behind its structure", reader_.name());
    std::map<std::string, StorageBytes, std::less<>> storages;
    for (const PickleId id : keys.items_of(list)) {
      const std::string key(keys.value(id).text);
      const auto item = item_bytes.find(key);
      LASSO_CHECK(item != item_bytes.end(), ErrorCode::kCorruptFile,
                  "{}: storage {} is listed, and no tensor has it", reader_.name(), printable(key));
      LASSO_CHECK(item->second > 0, ErrorCode::kUnsupported,
                  "{}: storage {} has elements of a type that is not known here, so that what "
                  "follows it can't be found; save the file again with PyTorch 1.6 or newer",
                  reader_.name(), printable(key));
      const auto count = reader_.read<std::int64_t>();
      std::int64_t bytes = 0;
      LASSO_CHECK(count >= 0 && !__builtin_mul_overflow(
                                    count, static_cast<std::int64_t>(item->second), &bytes),
                  ErrorCode::kCorruptFile, "{}: storage {} has {} elements", reader_.name(),
                  printable(key), count);
      LASSO_CHECK(static_cast<std::uint64_t>(bytes) <= reader_.remaining(), ErrorCode::kCorruptFile,
                  "{}: storage {} has {} bytes where {} are left: the file is cut off; copy or "
                  "download it again",
                  reader_.name(), printable(key), bytes, reader_.remaining());
      const StorageBytes found{reader_.take(static_cast<std::size_t>(bytes)),
                               static_cast<std::size_t>(bytes),
                               fmt::format("storage {}", printable(key))};
      LASSO_CHECK(storages.emplace(key, found).second, ErrorCode::kCorruptFile,
                  "{}: storage {} is listed twice", reader_.name(), printable(key));
    }
    return storages;
  }

 private:
  // {"protocol_version": 1001, "little_endian": True, "type_sizes": {...}}
  void check_byte_order(const Pickle& system) const {
    const PickleValue& root = system.value(system.root);
    if (root.type != PickleType::kDict) return;
    const std::vector<PickleId>& items = system.items_of(root);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const PickleValue& value = system.value(items[i + 1]);
      const bool big = system.value(items[i]).text == "little_endian" &&
                       value.type == PickleType::kBool && value.integer == 0;
      LASSO_CHECK(!big, ErrorCode::kUnsupported,
                  "{}: saved on a big-endian machine; load and save it on a little-endian one",
                  reader_.name());
    }
  }

  ByteReader reader_;
};

}  // namespace

bool begins_like_legacy_pytorch(std::string_view head) {
  constexpr std::size_t kBefore = 16;  // PROTO, from protocol 4 on FRAME, and LONG1
  return head.starts_with('\x80') &&
         head.substr(0, kBefore + kMagic.size()).find(kMagic) != head.npos;
}

TorchFile open_legacy_pytorch(const std::shared_ptr<const MappedFile>& file) {
  LegacyReader reader(*file);
  reader.read_head();
  TorchFile torch;
  torch.file = file;
  torch.pickle = reader.next_pickle();
  torch.find = [path = file->path(),
                storages = reader.read_storages(torch.pickle)](const PickleStorage& storage) {
    const auto found = storages.find(storage.key);
    LASSO_CHECK(found != storages.end(), ErrorCode::kCorruptFile, "{}: storage {} is missing", path,
                printable(storage.key));
    return found->second;
  };
  return torch;
}

}  // namespace lasso
