// Recurrent layers, written out step by step: the length of the sequence must be known. What does
// not depend on the step before is one product for all steps.
#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <utility>

#include "formats/text.h"
#include "models/onnx/import/operators.h"
#include "models/onnx/import/quantize.h"

namespace lasso::onnx {

using graph::BinaryKind;
using graph::Dim;
using graph::kNoValue;
using graph::Shape;
using graph::UnaryKind;
using graph::ValueId;

namespace {

using Values = std::vector<ValueId>;

ValueId add(NodeContext& n, ValueId a, ValueId b) { return n.binary(BinaryKind::kAdd, a, b); }
ValueId multiply(NodeContext& n, ValueId a, ValueId b) { return n.binary(BinaryKind::kMul, a, b); }
// 1 - x
ValueId rest(NodeContext& n, ValueId x) {
  return n.binary(BinaryKind::kSub, n.scalar_constant(1.0F), x);
}

ValueId part(NodeContext& n, ValueId x, std::int64_t axis, std::int64_t begin, std::int64_t end) {
  const Dim& size = n.shape_of(x)[static_cast<std::size_t>(axis)];
  if (begin == 0 && size == Dim(end)) return x;
  return n.add(graph::Slice{axis, begin, end}, {x});
}

// What all recurrent layers have.
struct Layer {
  std::int64_t gates = 0;
  std::int64_t states = 0;  // that are handed on: of an LSTM two
  std::int64_t directions = 1;
  std::int64_t length = 0;
  std::int64_t width = 0;  // of the state
  Dim batch;
  float clip = 0;  // of what activations take; 0: none
  bool batch_first = false;
  bool quantises = false;        // what weights are multiplied with
  ValueId x = kNoValue;          // [length, batch, ...]
  ValueId rows = kNoValue;       // of x: [directions, gates * width, ...]
  ValueId recurrent = kNoValue;  // [directions, gates * width, width]
  ValueId lengths = kNoValue;    // int32 [batch, 1], where sequences differ
};

// One direction of it.
struct Direction {
  ValueId rows = kNoValue;
  ValueId recurrent = kNoValue;
  ValueId bias = kNoValue;            // of both products, [gates * width]
  ValueId recurrent_bias = kNoValue;  // of the state's alone
  ValueId peepholes = kNoValue;       // [3 * width]
  std::vector<std::string> activations;
  Values initial;  // [batch, width]
};

// x rows^T
ValueId product(NodeContext& n, const Layer& layer, ValueId x, ValueId rows) {
  ValueId scale = kNoValue;
  if (layer.quantises) {
    const DynamicallyQuantised rounded = dynamically_quantised(n, x);
    scale = rounded.scale;
    x = n.binary(BinaryKind::kSub, n.cast(rounded.numbers, DType::kF32),
                 n.cast(rounded.zero, DType::kF32));
  }
  const bool constant = n.importer().builder().value(rows).constant.has_value();
  const ValueId y =
      constant ? n.add(graph::Linear{}, {x, rows}) : n.add(graph::MatMul{}, {x, rows});
  return scale == kNoValue ? y : multiply(n, y, scale);
}

ValueId activation(NodeContext& n, const Layer& layer, const std::string& name, ValueId x) {
  if (layer.clip > 0) {
    x = n.binary(BinaryKind::kMax, x, n.scalar_constant(-layer.clip));
    x = n.binary(BinaryKind::kMin, x, n.scalar_constant(layer.clip));
  }
  if (name == "Sigmoid") return n.unary(UnaryKind::kSigmoid, x);
  if (name == "Tanh") return n.unary(UnaryKind::kTanh, x);
  if (name == "Relu") return n.unary(UnaryKind::kRelu, x);
  if (name == "Softplus") return n.unary(UnaryKind::kSoftplus, x);
  n.unsupported("the activation {}", printable(name));
}

// Gate i of all, which lie side by side.
ValueId gate(NodeContext& n, const Layer& layer, ValueId all, std::int64_t i) {
  return part(n, all, 1, i * layer.width, (i + 1) * layer.width);
}

// A step: what the inputs give [batch, gates * width], and the states before. The states after it.
using Step = std::function<Values(NodeContext&, const Layer&, const Direction&, ValueId, Values)>;

// i = f(x_i + h R_i + P_i c), f = f(...), o = f(... + P_o c'), c' = f c + i g(...), h' = o k(c').
// ONNX's order is i, o, f, c.
Values lstm_step(NodeContext& n, const Layer& layer, const Direction& way, ValueId x,
                 const Values& states) {
  const ValueId all = add(n, x, product(n, layer, states[0], way.recurrent));
  const auto peep = [&](ValueId y, std::int64_t i, ValueId cell) {
    if (way.peepholes == kNoValue) return y;
    const ValueId factors = part(n, way.peepholes, 0, i * layer.width, (i + 1) * layer.width);
    return add(n, y, multiply(n, factors, cell));
  };
  const std::string& f = way.activations[0];
  const ValueId in = activation(n, layer, f, peep(gate(n, layer, all, 0), 0, states[1]));
  const bool coupled = n.integer("input_forget", 0) != 0;
  const ValueId kept =
      coupled ? rest(n, in) : activation(n, layer, f, peep(gate(n, layer, all, 2), 2, states[1]));
  const ValueId fresh = activation(n, layer, way.activations[1], gate(n, layer, all, 3));
  const ValueId cell = add(n, multiply(n, kept, states[1]), multiply(n, in, fresh));
  const ValueId out = activation(n, layer, f, peep(gate(n, layer, all, 1), 1, cell));
  return {multiply(n, out, activation(n, layer, way.activations[2], cell)), cell};
}

// z = f(x_z + h R_z), r = f(x_r + h R_r), h' = (1 - z) g(x_h + (r h) R_h) + z h; with
// linear_before_reset the last product is r (h R_h + b). ONNX's order is z, r, h.
Values gru_step(NodeContext& n, const Layer& layer, const Direction& way, ValueId x,
                const Values& states) {
  const ValueId h = states[0];
  const std::int64_t width = layer.width;
  const bool linear = n.integer("linear_before_reset", 0) != 0;
  const ValueId gates = linear ? product(n, layer, h, way.recurrent)
                               : product(n, layer, h, part(n, way.recurrent, 0, 0, 2 * width));
  const auto opened = [&](std::int64_t i) {
    const ValueId sum = add(n, gate(n, layer, x, i), gate(n, layer, gates, i));
    return activation(n, layer, way.activations[0], sum);
  };
  const ValueId z = opened(0);
  const ValueId r = opened(1);
  ValueId inner = kNoValue;
  if (linear) {
    inner = gate(n, layer, gates, 2);
    if (way.recurrent_bias != kNoValue) {
      inner = add(n, inner, part(n, way.recurrent_bias, 0, 2 * width, 3 * width));
    }
    inner = multiply(n, r, inner);
  } else {
    inner = product(n, layer, multiply(n, r, h), part(n, way.recurrent, 0, 2 * width, 3 * width));
  }
  const ValueId fresh =
      activation(n, layer, way.activations[1], add(n, gate(n, layer, x, 2), inner));
  return {add(n, multiply(n, rest(n, z), fresh), multiply(n, z, h))};
}

Values rnn_step(NodeContext& n, const Layer& layer, const Direction& way, ValueId x,
                const Values& states) {
  return {activation(n, layer, way.activations[0],
                     add(n, x, product(n, layer, states[0], way.recurrent)))};
}

// Weights that DynamicQuantizeLSTM has as integers [directions, inputs, gates * width], with a
// scale for each direction or each column of it.
ValueId unpacked(NodeContext& n, std::size_t weights, std::size_t scale) {
  const auto shape = [&](std::size_t input) {
    if (!n.has(input)) return Shape{};
    Shape by = n.shape(input);
    n.check(by.size() == 1 || by.size() == 2, "input {} is {}", input, to_string(by));
    by.insert(by.begin() + 1, Dim(1));
    if (by.size() == 2) by.emplace_back(1);
    return by;
  };
  const ValueId numbers = centred(n, weights, scale + 1, shape(scale + 1));
  return n.transpose(multiply(n, numbers, n.reshape(n.value(scale), shape(scale))), {0, 2, 1});
}

// Where sizes are open, another shape may be the same one.
void require_shape(const NodeContext& n, std::size_t input, const Shape& expected,
                   std::string_view what) {
  const Shape& seen = n.shape(input);
  if (seen == expected) return;
  bool may_be = seen.size() == expected.size();
  for (std::size_t i = 0; may_be && i < seen.size(); ++i) {
    may_be = (seen[i] - expected[i]).is_constant() ? seen[i] == expected[i] : true;
  }
  if (may_be) n.unsupported("{} {} for {}", what, to_string(seen), to_string(expected));
  n.broken("{} {}, expected {}", what, to_string(seen), to_string(expected));
}

Layer layer_of(NodeContext& n, std::int64_t gates, std::int64_t states) {
  n.require_float();
  n.check(n.rank(0) == 3 && n.rank(1) == 3 && n.rank(2) == 3,
          "an input and weights of {}, {} and {} dimensions", n.rank(0), n.rank(1), n.rank(2));
  Layer layer;
  layer.gates = gates;
  layer.states = states;
  layer.batch_first = n.integer("layout", 0) != 0;
  layer.x = layer.batch_first ? n.transpose(n.value(0), {1, 0, 2}) : n.value(0);
  const Shape x = n.shape_of(layer.x);
  if (!x[0].is_constant()) {
    n.unsupported("a sequence of the open length {}", to_string(x[0]));
  }
  layer.length = x[0].constant();
  if (layer.length < 1) n.unsupported("a sequence without elements");
  layer.batch = x[1];
  layer.quantises = n.op_type() == "DynamicQuantizeLSTM";
  layer.rows = layer.quantises ? unpacked(n, 1, 8) : n.value(1);
  layer.recurrent = layer.quantises ? unpacked(n, 2, 10) : n.value(2);
  const Shape w = n.shape_of(layer.rows);
  const Shape r = n.shape_of(layer.recurrent);
  for (const Dim& size : r) {
    if (!size.is_constant()) n.unsupported("weights of an open size");
  }
  layer.width = r[2].constant();
  layer.directions = r[0].constant();
  const std::string direction = n.text("direction", "forward");
  n.check(direction == "forward" || direction == "reverse" || direction == "bidirectional",
          "attribute direction is \"{}\"", printable(direction));
  const std::int64_t rows = gates * layer.width;
  const std::int64_t both = direction == "bidirectional" ? 2 : 1;
  n.check(layer.width > 0 && layer.directions == both && w == Shape{both, rows, x[2]} &&
              r == Shape{both, rows, layer.width},
          "weights {} and {} of an input {}, direction {}", to_string(w), to_string(r),
          to_string(x), direction);
  n.check(n.integer("hidden_size", layer.width) == layer.width,
          "attribute hidden_size is {}, and weights {}", n.integer("hidden_size", 0), to_string(r));
  if (n.has(3)) require_shape(n, 3, {both, 2 * rows}, "a bias");
  layer.clip = n.number("clip", 0.0F);
  if (n.has(4)) {
    require_shape(n, 4, {layer.batch}, "lengths");
    const Integers* known = n.integers(4);
    const bool whole =
        known != nullptr && std::all_of(known->values.begin(), known->values.end(),
                                        [&](const Dim& d) { return d == Dim(layer.length); });
    if (!whole) layer.lengths = n.reshape(n.value(4), {layer.batch, 1});
  }
  return layer;
}

// One direction's part of a value whose first dimension they are.
ValueId of_direction(NodeContext& n, ValueId value, std::int64_t i) {
  Shape shape = n.shape_of(value);
  shape.erase(shape.begin());
  return n.reshape(part(n, value, 0, i, i + 1), shape);
}

Direction direction_of(NodeContext& n, const Layer& layer, std::int64_t i,
                       const std::vector<std::string>& activations) {
  Direction way;
  way.rows = of_direction(n, layer.rows, i);
  way.recurrent = of_direction(n, layer.recurrent, i);
  const std::int64_t rows = layer.gates * layer.width;
  if (n.has(3)) {
    const ValueId both = of_direction(n, n.value(3), i);
    way.bias = part(n, both, 0, 0, rows);
    way.recurrent_bias = part(n, both, 0, rows, 2 * rows);
  }
  const auto count = static_cast<std::ptrdiff_t>(activations.size()) / layer.directions;
  way.activations.assign(activations.begin() + i * count, activations.begin() + (i + 1) * count);
  for (std::int64_t state = 0; state < layer.states; ++state) {
    const auto input = static_cast<std::size_t>(5 + state);
    const Shape shape{layer.batch, layer.width};
    if (!n.has(input)) {
      const ValueId zero = n.reshape(n.scalar_constant(0.0F), {1, 1});
      way.initial.push_back(n.expand(zero, shape));
      continue;
    }
    const Shape expected = layer.batch_first ? Shape{layer.batch, layer.directions, layer.width}
                                             : Shape{layer.directions, layer.batch, layer.width};
    require_shape(n, input, expected, "an initial state");
    way.initial.push_back(
        n.reshape(part(n, n.value(input), layer.batch_first ? 1 : 0, i, i + 1), shape));
  }
  if (layer.states == 2 && n.has(7)) {
    require_shape(n, 7, {layer.directions, 3 * layer.width}, "peepholes");
    way.peepholes = of_direction(n, n.value(7), i);
  }
  return way;
}

// The bias of all gates but for what the reset gate of a GRU is multiplied with.
ValueId input_bias(NodeContext& n, const Layer& layer, const Direction& way, bool splits) {
  if (!splits) return add(n, way.bias, way.recurrent_bias);
  const std::int64_t width = layer.width;
  const ValueId gates =
      add(n, part(n, way.bias, 0, 0, 2 * width), part(n, way.recurrent_bias, 0, 0, 2 * width));
  return n.add(graph::Concat{0}, {gates, part(n, way.bias, 0, 2 * width, 3 * width)});
}

// The states after each step, by time, and after the last one.
struct Course {
  Values outputs;  // [batch, width]
  Values last;
};

Course run(NodeContext& n, const Layer& layer, const Direction& way, bool reverse,
           const Step& step) {
  ValueId x = product(n, layer, layer.x, way.rows);
  if (way.bias != kNoValue) {
    const bool splits = n.op_type() == "GRU" && n.integer("linear_before_reset", 0) != 0;
    x = add(n, x, input_bias(n, layer, way, splits));
  }
  const Shape row{layer.batch, layer.gates * layer.width};
  Course course;
  course.outputs.resize(static_cast<std::size_t>(layer.length));
  course.last = way.initial;
  for (std::int64_t i = 0; i < layer.length; ++i) {
    n.charge_nodes(32);
    const std::int64_t t = reverse ? layer.length - 1 - i : i;
    Values states = step(n, layer, way, n.reshape(part(n, x, 0, t, t + 1), row), course.last);
    ValueId output = states[0];
    if (layer.lengths != kNoValue) {
      // Behind its end a sequence keeps its state, and gives zeros.
      const ValueId inside =
          n.add(graph::Compare{graph::CompareKind::kLess},
                {n.integer_constant(static_cast<std::int32_t>(t)), layer.lengths});
      for (std::size_t k = 0; k < states.size(); ++k) {
        states[k] = n.add(graph::Select{}, {inside, states[k], course.last[k]});
      }
      output = n.add(graph::Select{}, {inside, output, n.scalar_constant(0.0F)});
    }
    course.last = states;
    course.outputs[static_cast<std::size_t>(t)] = output;
  }
  return course;
}

ValueId joined(NodeContext& n, const Values& parts, std::int64_t axis) {
  return parts.size() == 1 ? parts.front() : n.add(graph::Concat{axis}, parts);
}

void import_recurrent(NodeContext& n, std::int64_t gates, std::int64_t states,
                      const std::vector<std::string>& usual, const Step& step) {
  const Layer layer = layer_of(n, gates, states);
  std::vector<std::string> activations = n.text_list("activations");
  if (activations.empty()) {
    for (std::int64_t i = 0; i < layer.directions; ++i) {
      activations.insert(activations.end(), usual.begin(), usual.end());
    }
  }
  n.check(activations.size() == usual.size() * static_cast<std::size_t>(layer.directions),
          "attribute activations has {} elements, {} are expected", activations.size(),
          usual.size() * static_cast<std::size_t>(layer.directions));
  Values sequences;
  std::vector<Values> last(static_cast<std::size_t>(states));
  for (std::int64_t i = 0; i < layer.directions; ++i) {
    const Direction way = direction_of(n, layer, i, activations);
    const bool reverse = i == 1 || n.text("direction", "forward") == "reverse";
    const Course course = run(n, layer, way, reverse, step);
    // Y is [length, directions, batch, width], or [batch, length, directions, width].
    const Shape step_shape = layer.batch_first ? Shape{layer.batch, 1, 1, layer.width}
                                               : Shape{1, 1, layer.batch, layer.width};
    if (n.wants(0)) {
      Values steps;
      for (const ValueId output : course.outputs) steps.push_back(n.reshape(output, step_shape));
      sequences.push_back(joined(n, steps, layer.batch_first ? 1 : 0));
    }
    const Shape state_shape =
        layer.batch_first ? Shape{layer.batch, 1, layer.width} : Shape{1, layer.batch, layer.width};
    for (std::size_t k = 0; k < last.size(); ++k) {
      last[k].push_back(n.reshape(course.last[k], state_shape));
    }
  }
  if (n.wants(0)) n.result(0, joined(n, sequences, layer.batch_first ? 2 : 1));
  for (std::size_t k = 0; k < last.size(); ++k) {
    if (n.wants(1 + k)) n.result(1 + k, joined(n, last[k], layer.batch_first ? 1 : 0));
  }
}

void import_lstm(NodeContext& n) {
  import_recurrent(n, 4, 2, {"Sigmoid", "Tanh", "Tanh"}, lstm_step);
}

void import_gru(NodeContext& n) { import_recurrent(n, 3, 1, {"Sigmoid", "Tanh"}, gru_step); }

void import_rnn(NodeContext& n) { import_recurrent(n, 1, 1, {"Tanh"}, rnn_step); }

}  // namespace

const std::vector<Operator>& recurrent_operators() {
  static const std::vector<Operator> list{
      {"DynamicQuantizeLSTM", import_lstm, "com.microsoft"},
      {"GRU", import_gru},
      {"LSTM", import_lstm},
      {"RNN", import_rnn},
  };
  return list;
}

}  // namespace lasso::onnx
