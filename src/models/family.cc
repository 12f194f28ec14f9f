#include "models/family.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/check.h"

namespace lasso {

std::unique_ptr<const ModelDescription> Family::random(const std::string& architecture,
                                                       std::uint64_t /*seed*/,
                                                       const DescribeOptions& /*options*/) const {
  fail(ErrorCode::kInvalidArgument, "the model family \"{}\" has no architecture \"{}\"", name(),
       architecture);
}

const Family& recognise(const ModelSource& source) {
  std::vector<std::string> reasons;
  for (const Family* family : families()) {
    Recognition recognition = family->recognise(source);
    if (recognition.recognised) return *family;
    if (!recognition.reason.empty()) reasons.push_back(std::move(recognition.reason));
  }
  if (!source.is_checkpoint()) source.weights();  // throws, and says what the file is
  LASSO_CHECK(!reasons.empty(), ErrorCode::kUnsupported, "{}: a checkpoint of no known model",
              source.path());
  fail(ErrorCode::kUnsupported, "{}: {}", source.path(), fmt::join(reasons, "; "));
}

Model make_model(const Family& family, engine::LoadedEngine engine, const std::string& source) {
  Model model;
  model.family = &family;
  model.state = family.load(engine, source);
  model.record = std::move(engine.model);
  model.module = std::move(engine.module);
  return model;
}

Model load_engine(const ModelSource& source, engine::ReadOptions options) {
  for (const Family* family : families()) options.families.push_back(family->name());
  engine::LoadedEngine engine = engine::read_engine_file(source.file(), options);
  const auto family = std::find_if(families().begin(), families().end(), [&](const Family* known) {
    return known->name() == engine.model.family;
  });
  LASSO_CHECK(family != families().end(), ErrorCode::kInternal, "the model family {} is gone",
              engine.model.family);
  return make_model(**family, std::move(engine), source.path());
}

}  // namespace lasso
