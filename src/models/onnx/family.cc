#include "models/onnx/family.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/check.h"
#include "core/checksum.h"
#include "core/json_fields.h"
#include "formats/onnx/check_onnx.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/text.h"
#include "models/onnx/import/importer.h"
#include "models/single_program.h"
#include "models/unsupported.h"

namespace lasso::onnx {

namespace {

constexpr char kFamily[] = "onnx";

// What an engine's file says of a model.
struct Description {
  std::string name;  // of the graph
  std::string producer;
  std::int64_t parameters = 0;
};

template <class V>
void fields(V& v, Description& description) {
  v("name", description.name);
  v("producer", description.producer);
  v("parameters", description.parameters);
}

Description describe_model(const OnnxModel& model) {
  // Texts of descriptions are neither empty nor long.
  constexpr std::size_t kMost = 100;
  const auto text = [](const std::string& s) { return s.empty() ? "-" : printable(s, kMost); };
  Description description;
  description.name = text(model.graph.name);
  description.producer = text(model.producer_name);
  if (!model.producer_version.empty()) {
    description.producer += " " + printable(model.producer_version, kMost);
  }
  description.parameters = parameter_count(model);
  return description;
}

class OnnxFamily final : public Family {
 public:
  std::string name() const override { return kFamily; }

  Recognition recognise(const ModelSource& source) const override {
    return {source.kind() == FileKind::kOnnx, ""};
  }

  std::unique_ptr<const ModelDescription> describe(const ModelSource& source,
                                                   const DescribeOptions& options) const override {
    LASSO_CHECK(options.config_path.empty(), ErrorCode::kInvalidArgument,
                "{}: an ONNX model needs no configuration, and {} is given beside it",
                source.path(), options.config_path);
    LASSO_CHECK(options.preprocess.empty(), ErrorCode::kInvalidArgument,
                "{}: an ONNX model is run on tensors, and the preprocessing \"{}\" is given",
                source.path(), options.preprocess);
    const OnnxModel model = read_model(source);
    SingleProgram single;
    single.record.family = kFamily;
    single.record.hash = hash_of(model, options.fixed_inputs, options.fixed_sizes);
    single.record.description = write_fields(describe_model(model)).dump();
    single.program = import_model(model, options.fixed_inputs, options.fixed_sizes);
    single.weight_bytes = weight_bytes(model);
    single.unread_weights = 1;  // what folding makes of them, too
    return std::make_unique<SingleProgramDescription>(std::move(single));
  }

  std::shared_ptr<const void> load(const engine::LoadedEngine& engine,
                                   const std::string& source) const override {
    const std::string where = source + ": model description";
    auto state = std::make_shared<Description>(
        read_fields<Description>(parse_json(engine.model.description, where), where));
    LASSO_CHECK(engine.module->programs.size() == 1, ErrorCode::kCorruptFile,
                "{}: {} programs: an ONNX model is one", source, engine.module->programs.size());
    return state;
  }

  void info(const Model& model, EngineInfo& info) const override {
    const auto& own = *std::static_pointer_cast<const Description>(model.state);
    info.model = own.name == "-" ? "ONNX model" : own.name;
    info.parameters = static_cast<std::uint64_t>(own.parameters);
  }
};

}  // namespace

const Family& family() {
  static const OnnxFamily instance;
  return instance;
}

OnnxModel read_model(const ModelSource& source) {
  OnnxModel model = check_onnx(read_onnx(source.file()));
  const std::vector<std::string> parts = unsupported_parts(model);
  if (!parts.empty()) {
    throw UnsupportedParts(
        fmt::format("{}: not supported: {}", source.path(), fmt::join(parts, "; ")), parts);
  }
  return model;
}

std::string hash_of(const OnnxModel& model, const FixedInputs& fixed, const FixedSizes& sizes) {
  Checksum sum;
  const MappedFile& file = *model.file;
  // A part at a time, whose pages are needed again one by one.
  const auto add = [&sum](const MappedFile& from, const std::byte* data, std::size_t bytes) {
    constexpr std::size_t kPart = std::size_t{16} << 20;
    for (std::size_t begin = 0; begin < bytes; begin += kPart) {
      const std::size_t size = std::min(kPart, bytes - begin);
      sum.update(data + begin, size);
      from.release(data + begin, size);
    }
  };
  add(file, file.data(), file.size());
  for (const OnnxTensor& tensor : model.graph.initializers) {
    const bool is_beside = tensor.file != nullptr && tensor.file != model.file;
    if (is_beside) add(*tensor.file, tensor.data, tensor.bytes);
  }
  for (const auto& [name, tensor] : fixed) {
    sum.update(name + to_string(tensor.dims));
    sum.update(tensor.data.get(), tensor.bytes());
  }
  for (const auto& [name, size] : sizes) sum.update(fmt::format("{}={}", name, size));
  return to_hex(sum.digest());
}

std::int64_t parameter_count(const OnnxModel& model) {
  std::int64_t count = 0;
  for (const OnnxTensor& tensor : model.graph.initializers) count += element_count(tensor);
  return count;
}

std::uint64_t weight_bytes(const OnnxModel& model) {
  std::uint64_t bytes = 0;
  for (const OnnxTensor& tensor : model.graph.initializers) bytes += tensor.bytes;
  return bytes;
}

}  // namespace lasso::onnx
