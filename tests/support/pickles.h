// Making pickles and PyTorch archives, honest and hostile ones. Every function returns opcodes that
// push one value.
#ifndef LASSO_TESTS_SUPPORT_PICKLES_H_
#define LASSO_TESTS_SUPPORT_PICKLES_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "formats/zip/zip_writer.h"

namespace lasso::test {

template <typename T>
std::string little_endian(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

inline std::string text(const std::string& value) {
  return "X" + little_endian(static_cast<std::uint32_t>(value.size())) + value;
}
inline std::string integer(std::int64_t value) {
  return std::string("\x8a\x08", 2) + little_endian(value);
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::vector<std::string>& items) {
  std::string result = "(";
  for (const std::string& item : items) result += item;
  return result + "t";
}
inline std::string integers(const std::vector<std::int64_t>& values) {
  std::vector<std::string> items;
  for (const std::int64_t value : values) items.push_back(integer(value));
  return tuple(items);
}
inline std::string list(const std::vector<std::string>& items) {
  std::string result = "](";
  for (const std::string& item : items) result += item;
  return result + "e";
}
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string result = "}(";
  for (const auto& [key, value] : items) result += text(key) + value;
  return result + "u";
}
inline std::string call(const std::string& callable, const std::vector<std::string>& arguments) {
  return callable + tuple(arguments) + "R";
}
inline std::string ordered_dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string result = call(global("collections", "OrderedDict"), {}) + "(";
  for (const auto& [key, value] : items) result += text(key) + value;
  return result + "u";
}
inline std::string storage(const std::string& key, std::int64_t elements,
                           const std::string& type = "FloatStorage") {
  return tuple(
             {text("storage"), global("torch", type), text(key), text("cpu"), integer(elements)}) +
         "Q";
}
inline std::string tensor(const std::string& storage, std::int64_t offset,
                          const std::vector<std::int64_t>& dims,
                          const std::vector<std::int64_t>& strides) {
  return call(global("torch._utils", "_rebuild_tensor_v2"),
              {storage, integer(offset), integers(dims), integers(strides), "\x89",
               call(global("collections", "OrderedDict"), {})});
}
inline std::string program(const std::string& value) { return "\x80\x02" + value + "."; }

// A PyTorch archive with this pickle and these storages.
inline void write_archive(const std::string& path, const std::string& pickle,
                          const std::map<std::string, std::string>& storages,
                          const std::map<std::string, std::string>& others = {}) {
  ZipWriter zip(path, path);
  zip.add("archive/data.pkl", pickle.data(), pickle.size());
  for (const auto& [key, bytes] : storages) {
    zip.add("archive/data/" + key, bytes.data(), bytes.size());
  }
  for (const auto& [name, bytes] : others) zip.add(name, bytes.data(), bytes.size());
  zip.finish();
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_PICKLES_H_
