// What the tests of this room share: reference arrays and where they lie.
#ifndef LASSO_IMAGE_IMAGE_TEST_DATA_H_
#define LASSO_IMAGE_IMAGE_TEST_DATA_H_

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace lasso::test {

inline std::string source_dir() {
  const char* dir = std::getenv("LASSO_SOURCE_DIR");
  return dir == nullptr ? "." : dir;
}

// The folders that hold reference data of a model: the one of the repository, or the full set
// beside it.
inline std::vector<std::string> reference_folders() {
  std::vector<std::string> found;
  for (const char* model : {"sam_micro", "sam_1024", "sam_h80"}) {
    for (const std::string& root :
         {source_dir() + "/../shared/golden", source_dir() + "/tests/data"}) {
      const std::string folder = root + "/" + model;
      if (!std::filesystem::exists(folder + "/image0.png")) continue;
      found.push_back(folder);
      break;
    }
  }
  return found;
}

inline std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(path + ": can't be read");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

template <typename T>
struct Array {
  std::vector<std::int64_t> shape;
  std::vector<T> values;
};

// A C-ordered .npy array; the caller knows its type.
template <typename T>
Array<T> read_npy(const std::string& path) {
  const std::string bytes = read_text(path);
  const auto header =
      static_cast<unsigned char>(bytes.at(8)) + 256u * static_cast<unsigned char>(bytes.at(9));
  const std::string description = bytes.substr(10, header);
  const std::string type = sizeof(T) == 1 ? "'|u1'" : "'<f4'";
  if (description.find(type) == std::string::npos) throw std::runtime_error(path + ": not " + type);
  Array<T> array;
  const std::size_t open = description.find('(');
  std::stringstream shape(description.substr(open + 1, description.find(')') - open - 1));
  std::int64_t count = 1;
  for (std::string item; std::getline(shape, item, ',');) {
    if (item.find_first_not_of(' ') == std::string::npos) continue;
    array.shape.push_back(std::stoll(item));
    count *= array.shape.back();
  }
  array.values.resize(static_cast<std::size_t>(count));
  if (bytes.size() != 10 + header + array.values.size() * sizeof(T)) {
    throw std::runtime_error(path + ": unexpected length");
  }
  std::memcpy(array.values.data(), bytes.data() + 10 + header, array.values.size() * sizeof(T));
  return array;
}

}  // namespace lasso::test

#endif  // LASSO_IMAGE_IMAGE_TEST_DATA_H_
