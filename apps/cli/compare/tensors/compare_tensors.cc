#include "cli/compare/tensors/compare_tensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "cli/compare/read_values.h"
#include "cli/compare/tensors/compare_layers.h"
#include "cli/compare/tensors/tensor_inputs.h"
#include "cli/compare/tensors/tensor_side.h"
#include "cli/compare/tensors/tensor_values.h"
#include "cli/exit_codes.h"
#include "common/text.h"

namespace lasso::app {

namespace {

// What exporters call masks before they are compared with a threshold, which is 0.
bool is_mask(const std::string& name) {
  constexpr std::array<const char*, 4> kNames = {"masks", "low_res_masks", "low_res_logits",
                                                 "pred_masks"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

const OrderedJson& ask(Side* side, const OrderedJson& request) {
  side->send(RecordKind::kRequest, request);
  return side->next().meta;
}

class TensorMeasurement {
 public:
  TensorMeasurement(Side* a, Side* b, const TensorTask& task, const Criteria& criteria,
                    Progress* progress)
      : a_(a), b_(b), task_(task), criteria_(criteria), progress_(progress) {
    comparison_.info_a = a->current().meta;
    comparison_.info_b = b->current().meta;
    inputs_a_ = arguments_from_json(comparison_.info_a.at("inputs"));
    inputs_b_ = arguments_from_json(comparison_.info_b.at("inputs"));
  }

  TensorComparison compare() {
    make_inputs();
    run();
    compare_outputs();
    if (task_.layers) compare_inside();
    return std::move(comparison_);
  }

 private:
  // The arrays of --inputs by the index of A's input.
  std::map<std::size_t, std::pair<std::string, HostTensor>> given_arrays(
      const std::vector<ArgumentPair>& pairs) const {
    std::map<std::size_t, std::pair<std::string, HostTensor>> given;
    if (task_.inputs.empty()) return given;
    for (auto& [name, tensor] : for_option("--inputs", [&] { return load_npz(task_.inputs); })) {
      const auto pair = std::find_if(pairs.begin(), pairs.end(), [&, &name = name](const auto& p) {
        return inputs_a_[p.a].name == name || inputs_b_[p.b].name == name;
      });
      if (pair == pairs.end()) {
        std::vector<std::string> names;
        for (const ArgumentInfo& input : inputs_a_) names.push_back(input.name);
        usage_error("--inputs {}: there is no input \"{}\": expected {}", task_.inputs,
                    printable(name), printable(fmt::format("{}", fmt::join(names, ", "))));
      }
      if (!given.emplace(pair->a, std::pair(name, std::move(tensor))).second) {
        usage_error("--inputs {}: input \"{}\" is there twice, by both models' names", task_.inputs,
                    printable(inputs_a_[pair->a].name));
      }
    }
    return given;
  }

  void make_inputs() {
    const std::vector<ArgumentPair> pairs = match_arguments(inputs_a_, inputs_b_, "input", true);
    const auto given = given_arrays(pairs);
    SizeHints hints;
    for (const auto& [input, array] : given) hints.shapes[input] = array.second.shape;
    hints.given = task_.sizes;
    hints.typical_a = comparison_.info_a.at("typical").get<SymbolSizes>();
    hints.typical_b = comparison_.info_b.at("typical").get<SymbolSizes>();
    const BothSizes sizes = choose_sizes(inputs_a_, inputs_b_, pairs, hints);
    // Both get what the model that knows more of the sizes asks for.
    const auto sizes_a = comparison_.info_a.at("size_inputs").get<SymbolSizes>();
    const auto sizes_b = comparison_.info_b.at("size_inputs").get<SymbolSizes>();
    const auto size_of = [](const SymbolSizes& known, const ArgumentInfo& input) {
      const auto size = known.find(input.name);
      return size == known.end() ? 0 : size->second;
    };
    OrderedJson tasks_a = OrderedJson::array();
    OrderedJson tasks_b = OrderedJson::array();
    for (const ArgumentPair& pair : pairs) {
      const ArgumentInfo& own = inputs_a_[pair.a];
      const ArgumentInfo& other = inputs_b_[pair.b];
      const auto array = given.find(pair.a);
      InputTask input;
      input.name = own.name;
      input.type = own.type;
      input.given = array != given.end();
      input.source = input.given ? array->second.first : own.name;
      input.source_type = narrower(own.type, other.type);
      input.source_shape =
          input.given ? array->second.second.shape : lasso::app::shape_of(own, sizes.a);
      input.size = std::max(size_of(sizes_a, own), size_of(sizes_b, other));
      comparison_.inputs.push_back({own.name, other.name, to_string(own.type), input.source_shape,
                                    input.given      ? "given"
                                    : input.size > 0 ? "size"
                                                     : "random"});
      tasks_a.push_back(to_json(input));
      input.name = other.name;
      input.type = other.type;
      input.layout = pair.layout;
      if (!is_possible(pair.layout, input.source_shape.size())) input.layout = Layout::kSame;
      tasks_b.push_back(to_json(input));
    }
    ask(a_, {{"inputs", tasks_a}, {"seed", task_.seed}});
    ask(b_, {{"inputs", tasks_b}, {"seed", task_.seed}});
  }

  // One side at a time. The first runs set things up, and do not count.
  void run() {
    constexpr double kLong = 3000;
    progress_->set("running both");
    std::array<double, 2> first{};
    for (const auto& [i, side, layers] :
         {std::tuple(0, a_, &layers_a_), std::tuple(1, b_, &layers_b_)}) {
      const OrderedJson& answer = ask(side, {{"run", task_.layers}});
      first[static_cast<std::size_t>(i)] = answer.at("ms").get<double>();
      *layers = layers_from_json(answer.at("layers"));
    }
    comparison_.runs = std::max(first[0], first[1]) > kLong ? 1 : 3;
    for (int round = 0; round < comparison_.runs; ++round) {
      for (const auto& [side, least] :
           {std::pair(a_, &comparison_.ms_a), std::pair(b_, &comparison_.ms_b)}) {
        const double ms = ask(side, {{"run", false}}).at("ms").get<double>();
        *least = round == 0 ? ms : std::min(*least, ms);
      }
    }
  }

  ComparedOutput compare_output(const ArgumentInfo& a, const ArgumentInfo& b, Layout layout) {
    ask(a_, {{"output", a.name}});
    ask(b_, {{"output", b.name}});
    ComparedOutput output;
    LayerDifference& difference = output.difference;
    difference.key = a.name;
    if (b.name != a.name) difference.key_b = b.name;
    difference.shape_a = lasso::app::shape_of(a_->current());
    difference.shape_b = lasso::app::shape_of(b_->current());
    const std::vector<Layout> layouts =
        layouts_between(difference.shape_a, difference.shape_b, layout);
    if (layouts.empty()) return output;
    const ElementLimits limits = criteria_.elements.value_or(ElementLimits{});
    difference.values = Difference(limits);
    if (layouts.front() == Layout::kSame) {
      add_values(a_, b_, &difference.values);
    } else {
      difference.values = compare_values(read_tensor(a_), read_tensor(b_), layouts.front(), limits);
      difference.shape_b = difference.shape_a;
    }
    if (difference.shape_a.size() >= 3 && (is_mask(a.name) || is_mask(b.name))) {
      output.iou = difference.values.positive_iou();
    }
    return output;
  }

  void compare_outputs() {
    progress_->set("comparing outputs");
    const auto outputs_a = arguments_from_json(comparison_.info_a.at("outputs"));
    const auto outputs_b = arguments_from_json(comparison_.info_b.at("outputs"));
    const auto pairs = match_arguments(outputs_a, outputs_b, "output", false);
    if (pairs.empty()) usage_error("no output of A is one of B's: neither names nor shapes fit");
    std::vector<bool> is_paired_a(outputs_a.size());
    std::vector<bool> is_paired_b(outputs_b.size());
    for (const ArgumentPair& pair : pairs) {
      comparison_.outputs.push_back(
          compare_output(outputs_a[pair.a], outputs_b[pair.b], pair.layout));
      is_paired_a[pair.a] = true;
      is_paired_b[pair.b] = true;
    }
    for (std::size_t i = 0; i < outputs_a.size(); ++i) {
      if (!is_paired_a[i]) comparison_.outputs_only_a.push_back(outputs_a[i].name);
    }
    for (std::size_t i = 0; i < outputs_b.size(); ++i) {
      if (!is_paired_b[i]) comparison_.outputs_only_b.push_back(outputs_b[i].name);
    }
  }

  void compare_inside() {
    const auto side = [](Side* child, const OrderedJson& info, std::vector<LayerKey> layers) {
      SideLayers result{child, info.at("traces").get<bool>(), std::move(layers), {}};
      if (info.contains("values")) {
        result.values = info.at("values").get<std::vector<std::string>>();
      }
      return result;
    };
    ComparedLayers compared =
        compare_layers(side(a_, comparison_.info_a, std::move(layers_a_)),
                       side(b_, comparison_.info_b, std::move(layers_b_)), progress_);
    comparison_.layers = std::move(compared.layers);
    comparison_.by_name = compared.by_name;
    comparison_.layers_only_a = compared.only_a;
    comparison_.layers_only_b = compared.only_b;
  }

  Side* a_;
  Side* b_;
  const TensorTask& task_;
  const Criteria& criteria_;
  Progress* progress_;
  TensorComparison comparison_;
  std::vector<ArgumentInfo> inputs_a_;
  std::vector<ArgumentInfo> inputs_b_;
  std::vector<LayerKey> layers_a_;
  std::vector<LayerKey> layers_b_;
};

}  // namespace

const LayerDifference* TensorComparison::first_divergence(const Criteria& criteria) const {
  for (const LayerDifference& layer : layers) {
    if (criteria.diverges(layer)) return &layer;
  }
  for (const ComparedOutput& output : outputs) {
    if (criteria.diverges(output.difference)) return &output.difference;
  }
  return nullptr;
}

const LayerDifference* TensorComparison::worst_layer() const {
  const auto worst =
      std::max_element(layers.begin(), layers.end(),
                       [](const auto& a, const auto& b) { return a.relative() < b.relative(); });
  return worst == layers.end() ? nullptr : &*worst;
}

TensorComparison compare_tensors(Side* a, Side* b, const TensorTask& task, const Criteria& criteria,
                                 Progress* progress) {
  return TensorMeasurement(a, b, task, criteria, progress).compare();
}

std::vector<std::string> misses(const TensorComparison& comparison, const Criteria& criteria,
                                const Operand& a, const Operand& b) {
  std::vector<std::string> lines;
  const std::string sides = a.text() + " and " + b.text();
  criteria.tell_divergence(sides, comparison.first_divergence(criteria), lines);
  for (const ComparedOutput& output : comparison.outputs) {
    const LayerDifference& difference = output.difference;
    if (criteria.elements && difference.shape_a != difference.shape_b) {
      lines.push_back(fmt::format("{} have different shapes of {}", sides, difference.key));
    } else {
      criteria.tell_elements(sides, difference, lines);
    }
    if (criteria.is_missed(output.iou)) {
      lines.push_back(fmt::format("{} of {} have the IoU {:.6f}, and {:g} is asked for",
                                  difference.key, sides, *output.iou, *criteria.min_iou));
    }
  }
  return lines;
}

}  // namespace lasso::app
