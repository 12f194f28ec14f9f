// Makes models that were saved whole, as torch.save writes them: modules of modules, honest and
// changed ones.
#ifndef LASSO_TESTS_SUPPORT_TORCH_MODEL_H_
#define LASSO_TESTS_SUPPORT_TORCH_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "formats/weights.h"
#include "support/pickles.h"

namespace lasso::test {

inline std::string real(double value) {
  std::string bytes = little_endian(value);
  return "G" + std::string(bytes.rbegin(), bytes.rend());
}

// What stands in a module's state; the values are opcodes that push one value each.
struct SavedModule {
  using Values = std::vector<std::pair<std::string, std::string>>;

  std::string module;  // "models.common"
  std::string name;    // of the class
  Values attributes{};
  Values parameters{};
  Values buffers{};
  std::vector<std::pair<std::string, SavedModule>> modules{};

  // The module under a path such as "model.0.conv".
  SavedModule& at(const std::string& path) {
    if (path.empty()) return *this;
    const std::size_t dot = path.find('.');
    for (auto& [key, value] : modules) {
      if (key != path.substr(0, dot)) continue;
      return value.at(dot == path.npos ? "" : path.substr(dot + 1));
    }
    throw std::out_of_range(path);
  }
  // Replaces a value, or adds it.
  void set(const std::string& key, const std::string& value) { set(attributes, key, value); }
  static void set(Values& values, const std::string& key, const std::string& value) {
    erase(values, key);
    values.emplace_back(key, value);
  }
  static void erase(Values& values, const std::string& key) {
    std::erase_if(values, [&](const auto& entry) { return entry.first == key; });
  }

  std::string opcodes() const {
    std::vector<std::pair<std::string, std::string>> children;
    for (const auto& [key, child] : modules) children.emplace_back(key, child.opcodes());
    Values state{{"training", "\x89"},
                 {"_parameters", ordered_dict(parameters)},
                 {"_buffers", ordered_dict(buffers)},
                 {"_modules", ordered_dict(children)}};
    state.insert(state.end(), attributes.begin(), attributes.end());
    return global(module, name) + ")\x81" + dict(state) + "b";
  }
};

// Tensors of float32 numbers, each in a storage of its own.
class SavedTensors {
 public:
  std::string add(const std::vector<std::int64_t>& dims, const std::vector<float>& values) {
    const std::string key = std::to_string(storages_.size());
    storages_[key] =
        std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    return tensor(storage(key, static_cast<std::int64_t>(values.size())), 0, dims,
                  dense_strides(dims));
  }
  const std::map<std::string, std::string>& storages() const { return storages_; }

 private:
  std::map<std::string, std::string> storages_;
};

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_TORCH_MODEL_H_
