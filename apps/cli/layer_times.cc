#include "layer_times.h"

#include <cstdint>
#include <vector>

#include "statistics.h"
#include "synthetic.h"

namespace lasso::cli {

namespace {

// One prompt of one point, without and with the mask that answers it.
void run_programs(Context* context, const Image& image) {
  const Embedding embedding = context->encode(image.view());
  Prompt prompt;
  prompt.points.push_back(
      {0.5F * static_cast<float>(image.width), 0.5F * static_cast<float>(image.height)});
  SegmentOptions options;
  options.masks = false;
  prompt.mask_input = context->segment(embedding, prompt, options).low_res_logits;
  context->segment(embedding, prompt, options);
}

}  // namespace

LayerTimes measure_layers(Context* context, int runs) {
  const Image image = synthetic_image(1024, 768, 1);
  run_programs(context, image);
  std::map<std::pair<std::string, std::string>, std::vector<double>> samples;
  context->set_trace([&](const std::string& program, const std::string& name,
                         const std::vector<std::int64_t>& /*shape*/, const float* /*values*/,
                         double ms) {
    samples[{program, name}].push_back(ms);
  });
  for (int i = 0; i < runs; ++i) run_programs(context, image);
  context->set_trace({});
  LayerTimes times;
  for (auto& [key, values] : samples) times[key] = summarize(std::move(values)).median;
  return times;
}

}  // namespace lasso::cli
