#include "cli/model/layer_times.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "cli/model/picture.h"
#include "cli/model/statistics.h"

namespace lasso::app {

LayerTimes time_layers(Segmenter* segmenter, const ImageView& image) {
  LayerTimes times;
  segmenter->set_trace([&](const std::string& program, const std::string& name,
                           const std::vector<std::int64_t>& /*shape*/, const float* /*values*/,
                           double ms) {
    times[{program, name}] = ms;
  });
  const Embedding embedding = segmenter->encode(image);
  Prompt prompt;
  prompt.points.push_back(
      {0.5F * static_cast<float>(image.width), 0.5F * static_cast<float>(image.height)});
  SegmentOptions options;
  options.masks = false;
  // Once without and once with a mask as input: programs of their own.
  prompt.mask_input = segmenter->segment(embedding, prompt, options).low_res_logits;
  segmenter->segment(embedding, prompt, options);
  segmenter->set_trace({});
  return times;
}

LayerTimes measure_layers(Segmenter* segmenter, int runs) {
  const Image image = synthetic_image(1024, 768, 1);
  time_layers(segmenter, image.view());
  std::map<std::pair<std::string, std::string>, std::vector<double>> samples;
  for (int i = 0; i < runs; ++i) {
    for (const auto& [layer, ms] : time_layers(segmenter, image.view()))
      samples[layer].push_back(ms);
  }
  LayerTimes times;
  for (auto& [layer, values] : samples) times[layer] = summarize(std::move(values)).median;
  return times;
}

}  // namespace lasso::app
