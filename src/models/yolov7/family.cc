#include "models/yolov7/family.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/check.h"
#include "models/single_program.h"
#include "models/yolov7/checkpoint/checkpoint.h"
#include "models/yolov7/describe/describe.h"
#include "models/yolov7/model.h"
#include "models/yolov7/model_file.h"
#include "models/yolov7/published/published_network.h"

namespace lasso::yolov7 {

namespace {

// Sizes in the place of symbols; sides of images also in pixels, as "height" and "width".
FixedImages fixed_images(const DescribeOptions& options, int stride, const std::string& source) {
  FixedImages fixed;
  constexpr std::int64_t kMost = 1 << 16;
  const auto set = [&](const std::string& name, std::int64_t value, std::int64_t& size) {
    LASSO_CHECK(size == 0, ErrorCode::kInvalidArgument,
                "{}: {}={}: that size is fixed as another one already", source, name, value);
    size = value;
  };
  for (const auto& [name, value] : options.fixed_sizes) {
    LASSO_CHECK(value >= 1 && value <= kMost, ErrorCode::kInvalidArgument,
                "{}: {}={}: a size from 1 to {} is expected", source, name, value, kMost);
    const bool is_side = name == "height" || name == "width";
    LASSO_CHECK(!is_side || value % stride == 0, ErrorCode::kInvalidArgument,
                "{}: {}={}: a multiple of {}, the model's largest stride, is expected", source,
                name, value, stride);
    if (name == "batch") {
      set(name, value, fixed.batch);
    } else if (name == kRows || name == "height") {
      set(name, is_side ? value / stride : value, fixed.rows);
    } else if (name == kColumns || name == "width") {
      set(name, is_side ? value / stride : value, fixed.columns);
    } else {
      fail(ErrorCode::kInvalidArgument,
           "{}: the model has no size \"{}\": expected batch, height and width in pixels, or {} "
           "and {} of {} pixels",
           source, name, kRows, kColumns, stride);
    }
  }
  return fixed;
}

// `source` stands in messages.
std::unique_ptr<const ModelDescription> describe_network(const Network& network,
                                                         const DescribeOptions& options,
                                                         const std::string& source) {
  SingleProgram model;
  const FixedImages fixed = fixed_images(options, largest_stride(network.levels), source);
  model.program = yolov7::describe(network, fixed, source);
  model.record = record_of(network, "");
  model.record.hash =
      network.weights.fingerprint(model.record.description + graph::to_string(model.program));
  model.weight_bytes = network.parameters * sizeof(float);
  return std::make_unique<SingleProgramDescription>(std::move(model));
}

class DetectorFamily final : public Family {
 public:
  std::string name() const override { return kFamily; }

  Recognition recognise(const ModelSource& source) const override {
    const TorchFile* torch = source.torch();
    return {torch != nullptr && has_detector(*torch), ""};
  }

  std::unique_ptr<const ModelDescription> describe(const ModelSource& source,
                                                   const DescribeOptions& options) const override {
    check_options(options, source.path());
    auto description = describe_network(read_network(*source.torch()), options, source.path());
    source.file()->release(source.file()->data(), source.file()->size());
    return description;
  }

  std::shared_ptr<const void> load(const engine::LoadedEngine& engine,
                                   const std::string& source) const override {
    return std::make_shared<const DetectorModel>(read_model(engine, source));
  }

  void info(const Model& model, EngineInfo& info) const override {
    const auto& own = *std::static_pointer_cast<const DetectorModel>(model.state);
    info.model = fmt::format("{}, {} class{}", own.architecture, own.classes(),
                             own.classes() == 1 ? "" : "es");
    info.parameters = own.parameters;
  }

  std::vector<std::string> architectures() const override {
    std::vector<std::string> names;
    for (const Architecture& known : published_architectures()) names.push_back(known.name);
    return names;
  }

  std::unique_ptr<const ModelDescription> random(const std::string& architecture,
                                                 std::uint64_t seed,
                                                 const DescribeOptions& options) const override {
    check_options(options, architecture);
    const auto& known = published_architectures();
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const Architecture& a) { return a.name == architecture; });
    LASSO_CHECK(found != known.end(), ErrorCode::kInvalidArgument,
                "architecture \"{}\": expected one of {}", architecture,
                fmt::join(architectures(), ", "));
    return describe_network(random_network(*found, seed), options, architecture);
  }

 private:
  static void check_options(const DescribeOptions& options, const std::string& source) {
    LASSO_CHECK(options.config_path.empty(), ErrorCode::kInvalidArgument,
                "{}: a model of YOLOv7 needs no configuration, and {} is given beside it", source,
                options.config_path);
    LASSO_CHECK(options.preprocess.empty() || options.preprocess == kFamily,
                ErrorCode::kInvalidArgument,
                "{}: images of YOLOv7 are letterboxed, and the preprocessing \"{}\" is given",
                source, options.preprocess);
    LASSO_CHECK(options.fixed_inputs.empty(), ErrorCode::kInvalidArgument,
                "{}: inputs of ONNX models can be fixed, and this is a model of YOLOv7", source);
  }
};

}  // namespace

const Family& family() {
  static const DetectorFamily instance;
  return instance;
}

}  // namespace lasso::yolov7
