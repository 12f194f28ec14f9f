#include "models/detector/run/predictor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "core/check.h"
#include "core/stopwatch.h"
#include "engine/run/compute_sizes.h"
#include "graph/computed_sizes.h"
#include "image/resize.h"

namespace lasso::detector {

using engine::MemorySpace;
using engine::TensorRef;
using graph::Bindings;
using graph::Dim;

namespace {

// Beyond, the layers of the smallest models fill the caches and the cores; a GPU has more of these,
// and suppresses boxes of all images in the time of one.
constexpr std::int64_t kImagesPerRun = 8;
constexpr std::int64_t kImagesPerGpuRun = 16;
// Of sizes of images, which are kept.
constexpr std::size_t kPlans = 32;

Interface interface_for(const Model& model) {
  Recognised recognised = recognise(model);
  LASSO_CHECK(recognised.interface, ErrorCode::kUnsupported,
              "the engine's model, of the family \"{}\", is no detector: {}; run its tensors with "
              "lasso::Runner (lasso run)",
              model.family->name(), recognised.reason);
  return std::move(*recognised.interface);
}

DType input_type(const engine::CompiledModule& module) {
  const graph::Graph& program = module.programs.front().graph;
  return program.value(program.inputs.front()).dtype;
}

std::unique_ptr<engine::Session> make_session(std::shared_ptr<const engine::CompiledModule> module,
                                              int threads, const engine::Session* beside) {
  engine::SessionOptions options;
  options.threads = threads;
  options.cached_plans = kPlans;
  if (beside != nullptr && !beside->device()->is_host()) options.device = beside->device();
  return std::make_unique<engine::Session>(std::move(module), options);
}

std::vector<std::int64_t> values_of(const engine::CompiledProgram& program,
                                    const Bindings& bindings) {
  std::vector<std::int64_t> values;
  for (const std::string& symbol : program.symbols) values.push_back(bindings.at(symbol));
  return values;
}

// A dimension where each symbol is the given end of its range.
std::int64_t end_of(const graph::Graph& program, const Dim& dim, std::int64_t graph::Range::*end) {
  Bindings bindings;
  for (const auto& [factors, coefficient] : dim.terms()) {
    for (const graph::Factor& factor : factors) {
      bindings[factor.symbol()] = graph::range_of(program.profile, factor.symbol()).*end;
    }
  }
  return dim.evaluate(bindings);
}
std::int64_t least_of(const graph::Graph& program, const Dim& dim) {
  return end_of(program, dim, &graph::Range::min);
}
std::int64_t most_of(const graph::Graph& program, const Dim& dim) {
  return end_of(program, dim, &graph::Range::max);
}

template <typename T>
TensorRef in_vector(std::vector<T>& values, std::size_t count) {
  values.resize(count);
  return {values.data()};
}

bool are_equal(const DetectOptions& a, const DetectOptions& b) {
  return a.conf_thres == b.conf_thres && a.iou_thres == b.iou_thres && a.topk == b.topk &&
         a.classes == b.classes && a.agnostic == b.agnostic && a.multi_label == b.multi_label;
}

bool is_finite(const Box& box) {
  return std::isfinite(box.x0) && std::isfinite(box.y0) && std::isfinite(box.x1) &&
         std::isfinite(box.y1);
}

}  // namespace

Predictor::Predictor(const Model& model, int threads, const DetectorOptions& options)
    : module_(model.module),
      precision_(model.record.precision),
      interface_(interface_for(model)),
      threads_(threads) {
  LASSO_CHECK(program().computed.graph == nullptr ||
                  !graph::reads_values(*program().computed.graph).front(),
              ErrorCode::kUnsupported, "the values of the model's images decide sizes of the run");
  set_target(options);
  set_anchors(options.anchors);
  set_batches();
}

void Predictor::set_batches() {
  const Dim& batch = program().value(program().inputs.front()).shape[0];
  const auto is_possible = [&](std::int64_t images) {
    Bindings bindings;
    if (!bind_size(batch, images, bindings)) return false;
    return std::all_of(bindings.begin(), bindings.end(), [&](const auto& binding) {
      return graph::contains(graph::range_of(program().profile, binding.first), binding.second);
    });
  };
  const bool on_gpu = module_->options.target.kind == backend::DeviceKind::kCuda;
  const std::int64_t most = on_gpu ? kImagesPerGpuRun : kImagesPerRun;
  for (std::int64_t images = 1; images <= most; ++images) {
    if (is_possible(images)) batches_.push_back(static_cast<std::size_t>(images));
  }
  if (batches_.empty()) batches_.push_back(static_cast<std::size_t>(least_of(program(), batch)));
}

std::size_t Predictor::places_for(std::size_t images) const {
  const auto more = std::upper_bound(batches_.begin(), batches_.end(), images);
  return more == batches_.begin() ? *more : *std::prev(more);
}

void Predictor::set_target(const DetectorOptions& options) {
  const DetectorInfo& info = interface_.info;
  const auto wanted = options.size.value_or(640);
  LASSO_CHECK(wanted >= 1 && wanted <= graph::kMaxSymbol, ErrorCode::kInvalidArgument,
              "size is {}: 1 to {} is expected", wanted, graph::kMaxSymbol);
  if (info.width > 0 && info.height > 0) {
    LASSO_CHECK(!options.size || (info.width == wanted && info.height == wanted),
                ErrorCode::kInvalidArgument,
                "size is {}, and the model takes images of {}x{} alone", wanted, info.width,
                info.height);
    target_ = {info.width, info.height, 0};
    return;
  }
  const graph::Shape& shape = program().value(program().inputs.front()).shape;
  const std::int64_t most = std::min(most_of(program(), shape[2]), most_of(program(), shape[3])) /
                            info.stride * info.stride;
  std::int64_t size = (std::int64_t{wanted} + info.stride - 1) / info.stride * info.stride;
  LASSO_CHECK(!options.size || size <= most, ErrorCode::kInvalidArgument,
              "size is {}, and the model takes images of up to {} pixels a side", wanted, most);
  size = std::min(size, most);
  target_.width = info.width > 0 ? info.width : static_cast<int>(size);
  target_.height = info.height > 0 ? info.height : static_cast<int>(size);
  const bool is_open = info.width == 0 && info.height == 0;
  target_.stride = is_open && options.rectangular ? info.stride : 0;
}

void Predictor::set_anchors(const std::vector<float>& anchors) {
  DetectorInfo& info = interface_.info;
  if (info.form != DetectorForm::kMaps) {
    LASSO_CHECK(anchors.empty(), ErrorCode::kInvalidArgument,
                "anchors are given, and the model makes its boxes itself");
    return;
  }
  const std::size_t maps = interface_.outputs.size();
  if (!anchors.empty()) {
    const bool are_sizes = std::all_of(anchors.begin(), anchors.end(),
                                       [](float x) { return std::isfinite(x) && x > 0; });
    const std::size_t of_place = anchors.size() / maps / 2;
    LASSO_CHECK(
        are_sizes && of_place * maps * 2 == anchors.size(), ErrorCode::kInvalidArgument,
        "{} numbers are given for anchors: as many widths and heights, above 0, for each of "
        "{} maps are expected",
        anchors.size(), maps);
    info.anchors = anchors;
  }
  LASSO_CHECK(!info.anchors.empty(), ErrorCode::kInvalidArgument,
              "the model gives {} maps that are not decoded, and has no anchors: give them", maps);
  const auto of_place = static_cast<std::int64_t>(info.anchors.size() / maps / 2);
  if (interface_.anchors == 0) {
    const graph::Shape& shape = program().value(program().outputs[interface_.outputs[0]]).shape;
    const std::int64_t channels = shape[1].constant();
    LASSO_CHECK(channels % of_place == 0 && channels / of_place > 5, ErrorCode::kInvalidArgument,
                "{} anchors of each place are given, and maps of {} channels are no boxes and "
                "classes of so many",
                of_place, channels);
    info.classes = static_cast<int>(channels / of_place - 5);
  } else {
    LASSO_CHECK(of_place == interface_.anchors, ErrorCode::kInvalidArgument,
                "{} anchors of each place are given, and the model's maps have {}", of_place,
                interface_.anchors);
  }
}

void Predictor::set_network(std::shared_ptr<const engine::CompiledModule> module) {
  auto session = make_session(std::move(module), threads_, network_.get());
  inputs_ = make_network_images(*session, input_type(*module_));
  session->set_trace(trace_);
  network_ = std::move(session);
}

void Predictor::set_trace(engine::Session::Trace trace) {
  trace_ = std::move(trace);
  if (network_ != nullptr) network_->set_trace(trace_);
}

void Predictor::apply(const Rules& rules) {
  if (rules_ == rules) return;
  bindings_.clear();
  if (has_own_rules()) {
    const bool is_same = rules_ && rules_->conf_thres == rules.conf_thres &&
                         rules_->iou_thres == rules.iou_thres && rules_->agnostic == rules.agnostic;
    rules_.reset();
    if (!is_same) set_network(with_rules(module_, interface_.info, rules));
  } else {
    rules_.reset();
    if (network_ == nullptr) set_network(module_);
    graph::Module behind;
    behind.programs.push_back(
        detections_program(program(), interface_, interface_.info.anchors, rules));
    engine::CompileOptions options = module_->options;
    options.precision = {};
    options.times = nullptr;
    detections_ =
        make_session(engine::compile(std::move(behind), options), threads_, network_.get());
  }
  rules_ = rules;
}

std::string Predictor::name_of(std::size_t image) const {
  const std::size_t count = letterboxes_.size();
  return count == 1 ? "the image" : fmt::format("image {} of {}", image, count);
}

void Predictor::detect(const ImageView* images, std::size_t count, const DetectOptions& options,
                       DetectionArrays& result) {
  timings_ = {};
  if (!options_ || !are_equal(*options_, options)) {
    options_.reset();
    apply(rules_for(interface_.info, options));
    options_ = options;
  }
  const auto most = static_cast<std::size_t>(rules_->topk);
  result.images = static_cast<std::int64_t>(count);
  result.capacity = rules_->topk;
  result.num_detections.assign(count, 0);
  result.boxes.assign(count * most * 4, 0.0F);
  result.scores.assign(count * most, 0.0F);
  result.classes.assign(count * most, 0);

  letterboxes_.resize(count);
  order_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    try {
      check_view(images[i]);
      letterboxes_[i] = letterbox_of(images[i].width, images[i].height, target_);
    } catch (const Error& error) {
      fail(error.code(), "{}: {}", name_of(i), error.what());
    }
    order_[i] = i;
  }
  const auto size_of_input = [&](std::size_t i) {
    return std::pair{letterboxes_[i].input_height, letterboxes_[i].input_width};
  };
  std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
    return std::pair{size_of_input(a), a} < std::pair{size_of_input(b), b};
  });
  for (std::size_t begin = 0; begin < count;) {
    std::size_t end = begin + 1;
    while (end < count && end - begin < batches_.back() &&
           size_of_input(order_[end]) == size_of_input(order_[begin])) {
      ++end;
    }
    end = std::min(end, begin + places_for(end - begin));
    const std::span batch(order_.data() + begin, end - begin);
    run_batch(images, batch);
    const Stopwatch watch;
    for (std::size_t place = 0; place < batch.size(); ++place) take(place, batch[place], result);
    timings_.postprocess_ms += watch.milliseconds();
    begin = end;
  }
}

void Predictor::run_batch(const ImageView* images, std::span<const std::size_t> batch) {
  const Stopwatch watch;
  const Letterbox& first = letterboxes_[batch.front()];
  const std::size_t places = places_for(batch.size());
  const Binding& binding = bind(first, places);
  inputs_->reserve(places, static_cast<std::size_t>(first.input_width) *
                               static_cast<std::size_t>(first.input_height));
  for (std::size_t place = 0; place < batch.size(); ++place) {
    const std::size_t image = batch[place];
    inputs_->prepare(images[image], letterboxes_[image], place);
  }
  timings_.preprocess_ms += watch.milliseconds();
  const Stopwatch network;
  run_network(binding);
  timings_.network_ms += network.milliseconds();
  if (detections_ == nullptr) return;
  const Stopwatch suppress;
  run_detections(binding);
  timings_.suppress_ms += suppress.milliseconds();
}

const Predictor::Binding& Predictor::bind(const Letterbox& letterbox, std::size_t places) {
  const auto found = std::find_if(bindings_.begin(), bindings_.end(), [&](const Binding& known) {
    return known.height == letterbox.input_height && known.width == letterbox.input_width &&
           known.places == places;
  });
  if (found != bindings_.end()) return *found;
  Binding binding{letterbox.input_height, letterbox.input_width, places, {}, {}, {}, 0};
  const Bindings network = bind_network(letterbox, places);
  binding.network = values_of(module_->programs.front(), network);
  for (const graph::ValueId output : program().outputs) {
    const Dims dims = graph::evaluate(program().value(output).shape, network);
    binding.output_sizes.push_back(static_cast<std::size_t>(element_count(dims)));
  }
  if (detections_ != nullptr) bind_detections(network, binding);
  if (bindings_.size() >= kPlans) bindings_.erase(bindings_.begin());
  return bindings_.emplace_back(std::move(binding));
}

Bindings Predictor::bind_network(const Letterbox& letterbox, std::size_t images) const {
  const graph::Graph& graph = program();
  const graph::Shape& shape = graph.value(graph.inputs.front()).shape;
  Bindings bindings;
  const bool fits = bind_size(shape[0], static_cast<std::int64_t>(images), bindings) &&
                    bind_size(shape[2], letterbox.input_height, bindings) &&
                    bind_size(shape[3], letterbox.input_width, bindings);
  LASSO_CHECK(fits, ErrorCode::kInvalidArgument,
              "an image of {}x{} pixels becomes one of {}x{}, and the model takes {}",
              letterbox.width, letterbox.height, letterbox.input_width, letterbox.input_height,
              graph::to_string(shape));
  graph::check_bindings(graph.name, graph.profile, bindings);
  if (graph.computed.graph != nullptr) {
    const void* const none = nullptr;  // values are not read
    const auto sizes = engine::compute_sizes(graph, bindings, {&none, 1});
    for (std::size_t i = 0; i < sizes.size(); ++i) bindings[graph.computed.symbols[i]] = sizes[i];
    graph::check_bindings(graph.name, graph.profile, bindings);
  }
  return bindings;
}

void Predictor::bind_detections(const Bindings& network, Binding& binding) const {
  const engine::CompiledProgram& behind = detections_->module().programs.front();
  Bindings own;
  for (std::size_t i = 0; i < interface_.outputs.size(); ++i) {
    const graph::ValueId output = program().outputs[interface_.outputs[i]];
    const Dims dims = graph::evaluate(program().value(output).shape, network);
    const graph::Shape& shape = behind.graph.value(behind.graph.inputs[i]).shape;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      LASSO_CHECK(bind_size(shape[d], dims[d], own), ErrorCode::kUnsupported,
                  "the model gives {}, and the same number of images in each output is expected",
                  to_string(dims));
    }
  }
  binding.detections = values_of(behind, own);
  binding.images = static_cast<std::size_t>(own.at("images"));
}

void Predictor::run_network(const Binding& binding) {
  outputs_.resize(binding.output_sizes.size());
  results_.clear();
  for (std::size_t i = 0; i < binding.output_sizes.size(); ++i) {
    results_.push_back(place_output(i, binding.output_sizes[i]));
  }
  const engine::ConstTensorRef input = inputs_->input();
  network_->run(0, binding.network, {&input, 1}, results_);
}

TensorRef Predictor::place_output(std::size_t output, std::size_t count) {
  const auto& places = interface_.outputs;
  const auto at = std::find(places.begin(), places.end(), output) - places.begin();
  if (interface_.info.form == DetectorForm::kEfficientNms) {
    if (at == 0) return in_vector(found_.counts, count);
    if (at == 1) return in_vector(found_.boxes, count);
    if (at == 2) return in_vector(found_.scores, count);
    if (at == 3) return in_vector(found_.classes, count);
  } else if (interface_.info.form == DetectorForm::kNonMaxSuppression) {
    if (at == 0) return in_vector(found_.rows, count);
    if (at == 1) return in_vector(found_.counts, count);
  }
  backend::Buffer& buffer = outputs_[output];
  const DType dtype = program().value(program().outputs[output]).dtype;
  const std::size_t bytes = count * size_of(dtype);
  if (bytes > buffer.size()) {
    buffer = {};
    buffer = network_->device()->allocate(bytes);
  }
  return {buffer.data(), dtype, MemorySpace::kDevice};
}

void Predictor::run_detections(const Binding& binding) {
  maps_.clear();
  for (const std::size_t output : interface_.outputs) {
    const TensorRef& result = results_[output];
    maps_.emplace_back(result.data, result.dtype, result.space);
  }
  const auto most = static_cast<std::size_t>(rules_->topk);
  const std::size_t images = binding.images;
  const std::array<TensorRef, 5> outputs{
      in_vector(found_.counts, images), in_vector(found_.boxes, images * most * 4),
      in_vector(found_.scores, images * most), in_vector(found_.classes, images * most),
      in_vector(found_.bad, images)};
  detections_->run(0, binding.detections, maps_, outputs);
}

void Predictor::take(std::size_t place, std::size_t image, DetectionArrays& result) {
  rows_.clear();
  std::size_t bad = 0;
  if (interface_.info.form == DetectorForm::kNonMaxSuppression) {
    read_rows(place);
  } else {
    LASSO_CHECK(place < found_.counts.size() && found_.scores.size() % found_.counts.size() == 0,
                ErrorCode::kUnsupported,
                "{}: the model gives results of {} images, and one for each is expected",
                name_of(image), found_.counts.size());
    const std::size_t most = found_.scores.size() / found_.counts.size();
    const auto count = static_cast<std::size_t>(
        std::clamp<std::int64_t>(found_.counts[place], 0, static_cast<std::int64_t>(most)));
    for (std::size_t i = place * most; i < place * most + count; ++i) {
      const float* corners = found_.boxes.data() + i * 4;
      rows_.push_back({{corners[0], corners[1], corners[2], corners[3]},
                       found_.scores[i],
                       found_.classes[i],
                       rows_.size()});
    }
    if (detections_ != nullptr) bad = static_cast<std::size_t>(found_.bad[place]);
  }
  bad += static_cast<std::size_t>(std::count_if(rows_.begin(), rows_.end(), [](const Row& row) {
    return !is_finite(row.box) || !std::isfinite(row.score);
  }));
  LASSO_CHECK(bad == 0, ErrorCode::kUnsupported,
              "{}: {} boxes have values that are not finite: in {}, the model leaves the range of "
              "its numbers for this image",
              name_of(image), bad, precision_);
  if (has_own_rules()) {
    const auto& wanted = rules_->classes;
    std::erase_if(rows_, [&](const Row& row) {
      return !wanted.empty() && !std::binary_search(wanted.begin(), wanted.end(), row.label);
    });
    // By rank at ties, which takes no memory as std::stable_sort does.
    std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) {
      return a.score != b.score ? a.score > b.score : a.rank < b.rank;
    });
  }
  store(image, result);
}

void Predictor::read_rows(std::size_t place) {
  constexpr std::size_t kFields = 7;
  const std::size_t most = found_.rows.size() / kFields;
  const auto count = static_cast<std::size_t>(
      std::clamp<std::int64_t>(found_.counts.front(), 0, static_cast<std::int64_t>(most)));
  constexpr float kMost = 16'777'216.0F;  // up to which float32 counts
  for (std::size_t i = 0; i < count; ++i) {
    const float* row = found_.rows.data() + i * kFields;
    LASSO_CHECK(row[5] >= 0 && row[5] < kMost, ErrorCode::kUnsupported,
                "the model's row {} has the class {}, and a number from 0 on is expected", i,
                row[5]);
    if (row[0] != static_cast<float>(place)) continue;
    rows_.push_back({{row[1], row[2], row[3], row[4]},
                     row[6],
                     static_cast<std::int32_t>(row[5]),
                     rows_.size()});
  }
}

void Predictor::store(std::size_t image, DetectionArrays& result) const {
  const Letterbox& letterbox = letterboxes_[image];
  const auto most = static_cast<std::size_t>(result.capacity);
  const std::size_t count = std::min(rows_.size(), most);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t to = image * most + i;
    const Box box = box_in_image(letterbox, rows_[i].box);
    const float corners[] = {box.x0, box.y0, box.x1, box.y1};
    std::copy_n(corners, 4, result.boxes.data() + to * 4);
    result.scores[to] = rows_[i].score;
    result.classes[to] = rows_[i].label;
  }
  result.num_detections[image] = static_cast<std::int32_t>(count);
}

}  // namespace lasso::detector
