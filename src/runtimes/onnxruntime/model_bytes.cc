#include "runtimes/onnxruntime/model_bytes.h"

#include <cstdint>
#include <set>

#include "core/bytes.h"
#include "core/check.h"
#include "formats/text.h"

namespace lasso::runtimes::onnxruntime {

namespace {

void append_varint(std::uint64_t value, std::string& bytes) {
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  bytes += static_cast<char>(value);
}

// A field that is a text or a message.
std::string field(std::uint64_t number, const std::string& content) {
  std::string bytes;
  append_varint(number << 3 | 2, bytes);
  append_varint(content.size(), bytes);
  return bytes + content;
}

}  // namespace

void check_names(const OnnxModel& model, const std::vector<std::string>& values) {
  std::set<std::string> known;
  for (const OnnxNode& node : model.graph.nodes) {
    known.insert(node.outputs.begin(), node.outputs.end());
  }
  for (const std::string& value : values) {
    LASSO_CHECK(!value.empty() && known.count(value) > 0, ErrorCode::kInvalidArgument,
                "{}: no node computes the value \"{}\", which is to be an output", model.path,
                printable(value));
  }
}

std::vector<std::byte> with_outputs(const OnnxModel& model,
                                    const std::vector<std::string>& values) {
  constexpr std::uint64_t kGraphOfModel = 7;
  constexpr std::uint64_t kOutputOfGraph = 12;
  constexpr std::uint64_t kNameOfValueInfo = 1;
  std::set<std::string> outputs;
  for (const OnnxValueInfo& output : model.graph.outputs) outputs.insert(output.name);
  std::string graph;
  for (const std::string& value : values) {
    if (!outputs.insert(value).second) continue;
    graph += field(kOutputOfGraph, field(kNameOfValueInfo, value));
  }
  const std::string more = field(kGraphOfModel, graph);
  const std::size_t size = model.file->size();
  constexpr std::size_t kMost = std::size_t{1} << 31;
  LASSO_CHECK(
      size + more.size() < kMost, ErrorCode::kUnsupported,
      "{}: {} bytes; values inside a model are shown of files below 2 GiB, such as one with "
      "its weights in external data",
      model.path, size);
  std::vector<std::byte> bytes(size + more.size());
  copy_bytes(bytes.data(), model.file->data(), size);
  copy_bytes(bytes.data() + size, more.data(), more.size());
  model.file->check_size();
  return bytes;
}

}  // namespace lasso::runtimes::onnxruntime
