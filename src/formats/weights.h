// The tensors of a checkpoint: names and views of a mapped file; nothing is copied until asked for.
#ifndef LASSO_FORMATS_WEIGHTS_H_
#define LASSO_FORMATS_WEIGHTS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/tensor.h"

namespace lasso {

// A view of elements in a file or in memory. Readers guarantee that every element lies inside the
// storage.
struct WeightTensor {
  DType dtype = DType::kF32;
  Dims dims;
  Dims strides;                     // in elements, none negative; 0 where a dimension was expanded
  const std::byte* data = nullptr;  // the first element; may be unaligned
  std::size_t storage_bytes = 0;    // of the storage, from `data` on
  std::shared_ptr<const void> owner;       // keeps `data` alive
  std::shared_ptr<const MappedFile> file;  // the map that holds `data`; none: it lies in memory

  // Row-major without gaps; dimensions of one element may have any stride.
  bool is_contiguous() const;
  // Whether the elements can be used where they lie: contiguous and aligned.
  bool lies_dense() const;
  // Bytes from the first element to the end of the last one, gaps included; 0 if there is none.
  std::size_t reach_bytes() const;
  // Bytes of the dense tensor; throws kCorruptFile where that overflows.
  std::size_t dense_bytes() const;
};

// What stands in a checkpoint beside the tensors that Lasso reads.
struct OtherValue {
  std::string what;       // "a number", "an object of class a.B", "a tensor of complex64"
  std::string clause{};   // of an object: what a file is whose weights are in it, and what to do
  bool is_model = false;  // an object whose class is known as a model's
};

// The strides of a dense row-major tensor.
Dims dense_strides(const Dims& dims);

// Tensors by name. A value: copies share the map.
class Weights {
 public:
  Weights() = default;
  // `path` stands in error messages; the file, or a description such as "random weights".
  explicit Weights(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::size_t size() const { return tensors_.size(); }
  std::vector<std::string> names() const;  // sorted
  bool contains(const std::string& name) const { return tensors_.count(name) != 0; }
  // Throws kNotFound, with the file and the name.
  const WeightTensor& at(const std::string& name) const;
  const std::map<std::string, WeightTensor>& tensors() const { return tensors_; }

  // Values that are no tensors, and tensors of types that Lasso does not read, by name; "" is the
  // name of a value in place of everything.
  const std::map<std::string, OtherValue>& others() const { return others_; }
  void add_other(const std::string& name, OtherValue value) {
    others_.emplace(name, std::move(value));
  }
  // The name and the clause of the object among them that most likely is the model; empty: there is
  // none.
  std::string object_clause() const;

  // Adds a tensor; throws kCorruptFile if there is one of that name.
  void add(const std::string& name, WeightTensor tensor);
  // Adds or replaces a dense tensor.
  void set(const std::string& name, const Tensor& tensor);

  // The tensor as a dense row-major one: a view that shares ownership of the map where its elements
  // lie dense and aligned, a copy otherwise. Throws kCorruptFile if the tensor is larger than the
  // storage that it comes from (a dimension was expanded).
  Tensor dense(const std::string& name) const;

  // Gives the file's pages under this tensor back to the system; they are read again when used. A
  // loader that packs tensor after tensor and releases each one holds one tensor's pages at a time.
  void release(const std::string& name) const;

  // XXH3-128 of names, types, shapes and elements in the order of the names, as 32 hexadecimal
  // digits: the same for the same tensors in any file format. `salt` is hashed before them, for
  // what else tells models apart. Reads every tensor once and releases its pages. Throws
  // kCorruptFile where elements are not finite (of float64, not within float32's range), with the
  // first tensors that have such and how many, and where the file has become shorter.
  std::string fingerprint(const std::string& salt = {}) const;

 private:
  std::string path_;
  std::map<std::string, WeightTensor> tensors_;
  std::map<std::string, OtherValue> others_;
};

}  // namespace lasso

#endif  // LASSO_FORMATS_WEIGHTS_H_
