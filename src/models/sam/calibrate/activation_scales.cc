#include "models/sam/calibrate/activation_scales.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "core/check.h"
#include "models/calibration_set.h"
#include "models/sam/describe/describe.h"
#include "models/sam/model.h"
#include "models/sam/precision.h"
#include "models/sam/run/predictor.h"
#include "quant/observe_layers.h"

namespace lasso::sam {

namespace {

// Rows of each layer's inputs that scales are tried on, over all pictures.
constexpr std::int64_t kSampledRows = 256;

double squared_error(const std::vector<float>& values, float scale) {
  double sum = 0;
  for (const float x : values) {
    const float q = std::clamp(std::nearbyint(x / scale), -128.0F, 127.0F);
    const double error = static_cast<double>(q * scale) - static_cast<double>(x);
    sum += error * error;
  }
  return sum;
}

}  // namespace

float activation_scale(const quant::InputObserver& input) {
  constexpr int kSteps = 18;  // of a twentieth
  const float largest = *std::max_element(input.largest().begin(), input.largest().end());
  if (largest == 0.0F) return 1.0F;
  float best = 0.0F;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i <= kSteps; ++i) {
    const float scale = largest * (1.0F - 0.05F * static_cast<float>(i)) / 127.0F;
    const double error = squared_error(input.rows(), scale);
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return best;
}

ScalesOfLayers activation_scales(const SamCheckpoint& checkpoint, const Preprocess& preprocess,
                                 const engine::CompileOptions& compile,
                                 const CalibrationOptions& options) {
  const std::vector<std::string> names = lowerable_layers(checkpoint.config);
  const auto side = checkpoint.config.image_size;
  const CalibrationSet set = gather_pictures(
      options, side, [side](const Image& image) { return reduced_to_square(image, side); });
  engine::CompileOptions fp32 = compile;
  fp32.precision = {};
  const auto model = std::make_shared<const SamModel>(compile_model(checkpoint, preprocess, fp32));
  Predictor predictor(model, compile.target.threads);
  engine::Session& session = predictor.session();
  const graph::Graph& encoder = session.module().programs[session.program(kImageEncoder)].graph;
  const std::size_t total = set.choosing.size() + set.accepting.size();
  quant::LayerObserver observer(
      {&encoder}, names,
      std::max<std::int64_t>(1, kSampledRows / static_cast<std::int64_t>(total)));
  session.set_trace([&](const std::string& program, const std::string& value, const Dims& dims,
                        const float* data,
                        double /*ms*/) { observer.add(program, value, dims, data); });
  std::size_t done = 0;
  for (const auto* pictures : {&set.choosing, &set.accepting}) {
    for (const CalibrationPicture& picture : *pictures) {
      if (options.progress) {
        options.progress("activations", static_cast<int>(done), static_cast<int>(total));
      }
      predictor.encode(picture.image.view());
      ++done;
    }
  }
  session.set_trace({});
  ScalesOfLayers result;
  result.skipped = set.skipped;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const float scale = activation_scale(observer.inputs()[i]);
    LASSO_CHECK(std::isfinite(scale) && scale > 0.0F, ErrorCode::kUnsupported,
                "the layer of {} reads values that have no scale ({})", names[i], scale);
    result.scales[names[i]] = scale;
  }
  return result;
}

}  // namespace lasso::sam
