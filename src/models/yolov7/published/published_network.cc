#include "models/yolov7/published/published_network.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lasso::yolov7 {

namespace {

// Appends layers; blocks are numbered as those of a checkpoint.
class NetworkBuilder {
 public:
  NetworkBuilder(const Architecture& architecture, Network& network)
      : architecture_(architecture), network_(network) {}

  void run() {
    int x = stem();
    std::vector<int> stages;
    for (const Stage& stage : architecture_.backbone) {
      if (stage.channels > 0) x = halved(architecture_.backbone_halving, x, stage.channels);
      x = aggregated(stage.aggregation, architecture_.backbone_taken, x);
      stages.push_back(x);
    }
    std::vector<int> ways{pooled(x, architecture_.down.back().output)};
    std::size_t stage = stages.size() - 1;
    for (const Aggregation& aggregation : architecture_.up) {
      const int raised = upsampled(conv(ways.back(), aggregation.output, 1));
      const int beside = conv(stages[--stage], aggregation.output, 1);
      const int joined = concatenation({beside, raised});
      ways.push_back(aggregated(aggregation, architecture_.head_taken, joined));
    }
    std::vector<int> levels{ways.back()};
    std::size_t way = ways.size() - 1;
    for (const Aggregation& aggregation : architecture_.down) {
      const int joined =
          halved(architecture_.head_halving, levels.back(), aggregation.output, ways[--way]);
      levels.push_back(aggregated(aggregation, architecture_.head_taken, joined));
    }
    for (int& level : levels) level = conv(level, 2 * channels(level), 3);
    heads(levels);
  }

 private:
  std::int64_t channels(int layer) const {
    return layer == kImage ? network_.channels
                           : network_.layers[static_cast<std::size_t>(layer)].channels;
  }
  int add(std::string name, LayerKind kind, std::vector<int> inputs, std::int64_t channels) {
    network_.layers.push_back({std::move(name), std::move(kind), std::move(inputs), channels});
    return static_cast<int>(network_.layers.size() - 1);
  }
  std::string next_block() { return std::to_string(blocks_++); }

  int linear(const std::string& name, int input, std::int64_t count, std::int64_t kernel,
             std::int64_t stride, std::int64_t padding) {
    Convolution layer;
    layer.form.stride = stride;
    layer.form.padding = padding;
    layer.weights.dims = {count, channels(input), kernel, kernel};
    layer.bias.dims = {count};
    return add(name, layer, {input}, count);
  }
  int conv_of(const std::string& block, int input, std::int64_t count, std::int64_t kernel,
              std::int64_t stride = 1) {
    const int y = linear(block + ".conv", input, count, kernel, stride, kernel / 2);
    return add(block + ".act", architecture_.function, {y}, count);
  }
  int conv(int input, std::int64_t count, std::int64_t kernel, std::int64_t stride = 1) {
    return conv_of(next_block(), input, count, kernel, stride);
  }
  int max_pool(const std::string& name, int input, std::int64_t kernel, std::int64_t stride) {
    MaxPool layer;
    layer.kernel = kernel;
    layer.stride = stride;
    layer.padding = stride == 1 ? kernel / 2 : 0;
    return add(name, layer, {input}, channels(input));
  }
  int concatenation_of(const std::string& name, const std::vector<int>& inputs) {
    std::int64_t sum = 0;
    for (const int input : inputs) sum += channels(input);
    return add(name, Concatenation{}, inputs, sum);
  }
  int concatenation(const std::vector<int>& inputs) {
    return concatenation_of(next_block(), inputs);
  }
  int upsampled(int input) { return add(next_block(), Upsampling{2}, {input}, channels(input)); }

  int stem() {
    int x = kImage;
    if (architecture_.reorganised) {
      // A convolution of 3x3 pixels behind the reorganisation, as one of the image: see
      // merge_reorganisation.
      next_block();
      const std::string block = next_block();
      const std::int64_t count = architecture_.stem.front().channels;
      x = add(block + ".act", architecture_.function, {linear(block + ".conv", x, count, 6, 2, 2)},
              count);
      return x;
    }
    for (const StemConv& layer : architecture_.stem) x = conv(x, layer.channels, 3, layer.stride);
    return x;
  }

  // With `beside`, which is as large, concatenated.
  int halved(Halving halving, int input, std::int64_t count, int beside = kImage) {
    std::vector<int> parts;
    switch (halving) {
      case Halving::kPool:
        return max_pool(next_block() + ".m", input, 2, 2);
      case Halving::kConv:
        parts = {conv(input, count, 3, 2)};
        if (beside == kImage) return parts.front();
        break;
      case Halving::kBlock: {
        const std::string block = next_block();
        const int x = conv_of(block + ".cv1", input, channels(input), 1);
        const int convolved = conv_of(block + ".cv2", x, count / 2, 3, 2);
        const int pool = max_pool(block + ".mp", input, 2, 2);
        const int both =
            concatenation_of(block, {convolved, conv_of(block + ".cv3", pool, count / 2, 1)});
        if (beside == kImage) return both;
        parts = {both};
        break;
      }
      case Halving::kPoolAndConv: {
        const int pool = conv(max_pool(next_block() + ".m", input, 2, 2), count / 2, 1);
        const int convolved = conv(conv(input, count / 2, 1), count / 2, 3, 2);
        parts = {convolved, pool};
        break;
      }
    }
    if (beside != kImage) parts.push_back(beside);
    return concatenation(parts);
  }

  int aggregated(const Aggregation& aggregation, int taken, int input) {
    const int first = aggregation_of(aggregation, taken, input);
    if (!architecture_.is_twin) return first;
    const int second = aggregation_of(aggregation, taken, input);
    return add(next_block(), Sum{}, {second, first}, aggregation.output);
  }
  int aggregation_of(const Aggregation& aggregation, int taken, int input) {
    std::vector<int> values{conv(input, aggregation.branch, 1)};
    int x = conv(input, aggregation.branch, 1);
    values.push_back(x);
    for (int i = 1; i <= architecture_.depth; ++i) {
      x = conv(x, aggregation.inner, 3);
      if (i % taken == 0) values.push_back(x);
    }
    std::reverse(values.begin(), values.end());
    return conv(concatenation(values), aggregation.output, 1);
  }

  // The greatest values around each pixel, in windows of three sizes.
  std::vector<int> windows(const std::vector<std::string>& names, int x) {
    std::vector<int> values;
    std::int64_t kernel = 5;
    for (const std::string& name : names) {
      values.push_back(max_pool(name, x, kernel, 1));
      kernel += 4;
    }
    return values;
  }
  int pooled(int input, std::int64_t count) {
    if (architecture_.pools_in_block) return pooled_in_block(input, count);
    const int beside = conv(input, count, 1);
    const int x = conv(input, count, 1);
    std::vector<std::string> names;
    for (int i = 0; i < 3; ++i) names.push_back(next_block() + ".m");
    std::vector<int> values = windows(names, x);
    std::reverse(values.begin(), values.end());
    values.push_back(x);
    const int y = conv(concatenation(values), count, 1);
    return conv(concatenation({y, beside}), count, 1);
  }
  int pooled_in_block(int input, std::int64_t count) {
    const std::string block = next_block();
    const auto part = [&](const char* member, int x, std::int64_t kernel) {
      return conv_of(block + member, x, count, kernel);
    };
    int x = part(".cv1", input, 1);
    x = part(".cv3", x, 3);
    x = part(".cv4", x, 1);
    std::vector<int> values{x};
    for (const int pool : windows({block + ".m.0", block + ".m.1", block + ".m.2"}, x)) {
      values.push_back(pool);
    }
    int y = part(".cv5", concatenation_of(block + ".m", values), 1);
    y = part(".cv6", y, 3);
    return part(".cv7", concatenation_of(block, {y, part(".cv2", input, 1)}), 1);
  }

  void heads(const std::vector<int>& levels) {
    const std::string block = next_block();
    const auto fields = static_cast<std::int64_t>(kBoxFields + network_.names.size());
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const auto anchors = static_cast<std::int64_t>(network_.levels[i].anchors.size());
      const std::string name = block + ".m." + std::to_string(i);
      network_.maps.push_back(linear(name, levels[i], anchors * fields, 1, 1, 0));
    }
  }

  const Architecture& architecture_;
  Network& network_;
  int blocks_ = 0;
};

}  // namespace

Network published_network(const Architecture& architecture) {
  constexpr int kClasses = 80;  // COCO's
  Network network;
  network.architecture = architecture.title;
  network.levels = published_levels(architecture.levels);
  for (int i = 0; i < kClasses; ++i) network.names.push_back("class " + std::to_string(i));
  NetworkBuilder(architecture, network).run();
  network.parameters = parameter_count(network.layers);
  return network;
}

}  // namespace lasso::yolov7
