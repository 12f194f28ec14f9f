// Writes files in PyTorch's format before zip archives.
#ifndef LASSO_TESTS_SUPPORT_LEGACY_WRITER_H_
#define LASSO_TESTS_SUPPORT_LEGACY_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "support/pickles.h"

namespace lasso::test {

struct LegacyStorage {
  std::string key;
  std::int64_t elements = 0;
  std::string bytes;
};

// Opcodes of a storage; `part` is None, or (key, first element, number of elements).
inline std::string legacy_storage(const std::string& key, std::int64_t elements,
                                  const std::string& type = "FloatStorage",
                                  const std::string& part = "N") {
  return tuple({text("storage"), global("torch", type), text(key), text("cpu"), integer(elements),
                part}) +
         "Q";
}

// A whole file of an object, given as opcodes, and its storages.
inline std::string legacy_file(const std::string& object,
                               const std::vector<LegacyStorage>& storages,
                               const std::string& little_endian_flag = "\x88") {
  std::string file = program("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");
  file += program(integer(1001));
  file += program(dict({{"protocol_version", integer(1001)},
                        {"little_endian", little_endian_flag},
                        {"type_sizes", dict({{"int", integer(4)}})}}));
  file += program(object);
  std::vector<std::string> keys;
  for (const LegacyStorage& storage : storages) keys.push_back(text(storage.key));
  file += program(list(keys));
  for (const LegacyStorage& storage : storages) {
    file += little_endian(storage.elements) + storage.bytes;
  }
  return file;
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_LEGACY_WRITER_H_
