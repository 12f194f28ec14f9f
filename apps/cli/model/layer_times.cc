#include "cli/model/layer_times.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "cli/model/argument_shapes.h"
#include "cli/model/picture.h"
#include "cli/model/size_inputs.h"
#include "cli/model/statistics.h"
#include "core/random.h"
#include "lasso/runner.h"

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

namespace {

std::int64_t size_of_dimension(const std::string& text, const ArgumentInfo& argument) {
  const auto multiple = symbol_multiple(text);
  if (!multiple) return std::stoll(text);  // inputs' dimensions are symbols or numbers
  for (const SizeRange& range : argument.profile) {
    if (range.symbol == multiple->symbol) return multiple->factor * range.opt;
  }
  return multiple->factor;
}

// Numbers that any model takes: an image's between 0 and 1, indices of 0, and sizes that are as
// large as those that outputs have of them.
HostTensor made_up(const ArgumentInfo& argument, std::int64_t size, SplitMix64& random) {
  HostTensor tensor;
  tensor.type = argument.type;
  std::int64_t count = 1;
  for (const std::string& text : argument.shape) {
    tensor.shape.push_back(size_of_dimension(text, argument));
    count *= tensor.shape.back();
  }
  tensor.bytes.resize(static_cast<std::size_t>(count) * size_of(argument.type));
  const bool is_size = argument.role == ArgumentRole::kSizes;
  for (std::int64_t i = 0; i < count; ++i) {
    std::byte* at = tensor.bytes.data() + static_cast<std::size_t>(i) * size_of(argument.type);
    const auto put = [&](auto value) { std::memcpy(at, &value, sizeof(value)); };
    if (argument.type == ElementType::kFloat32) {
      put(is_size ? static_cast<float>(size) : random.uniform());
    } else if (is_size && argument.type == ElementType::kInt64) {
      put(size);
    } else if (is_size && argument.type == ElementType::kInt32) {
      put(static_cast<std::int32_t>(size));
    }
  }
  return tensor;
}

}  // namespace

LayerTimes measure_layers(const Engine& engine, int threads, int runs) {
  RunnerOptions options;
  options.threads = threads;
  Runner runner(engine, options);
  const std::int64_t largest = typical_size(runner.outputs());
  SplitMix64 random(1);
  std::map<std::string, HostTensor> tensors;
  std::map<std::string, HostTensorView> inputs;
  for (const ArgumentInfo& input : runner.inputs()) {
    HostTensor& tensor = tensors[input.name] = made_up(input, largest, random);
    inputs.emplace(input.name, tensor.view());
  }
  runner.run(inputs);
  std::map<std::pair<std::string, std::string>, std::vector<double>> samples;
  runner.set_trace([&](const std::string& name, const std::vector<std::int64_t>& /*shape*/,
                       const float* /*values*/, double ms) {
    samples[{runner.program(), name}].push_back(ms);
  });
  for (int i = 0; i < runs; ++i) runner.run(inputs);
  LayerTimes times;
  for (auto& [layer, values] : samples) times[layer] = summarize(std::move(values)).median;
  return times;
}

}  // namespace lasso::app
