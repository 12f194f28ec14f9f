// Operators that multiply matrices.
#include "models/onnx/import/products.h"

#include <algorithm>
#include <string>

#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::BinaryKind;
using graph::Dim;
using graph::kNoValue;
using graph::Shape;
using graph::ValueId;

namespace {

// The last two dimensions exchanged.
ValueId transposed(NodeContext& n, ValueId x) {
  const std::size_t rank = n.shape_of(x).size();
  Axes permutation;
  for (std::size_t i = 0; i < rank; ++i) permutation.push_back(static_cast<std::int64_t>(i));
  std::swap(permutation[rank - 1], permutation[rank - 2]);
  return n.transpose(x, permutation);
}

bool is_constant(NodeContext& n, ValueId x) {
  return n.importer().builder().value(x).constant.has_value();
}

// The weights of a linear layer whose transposed ones are a constant; they stay where they lie.
ValueId transposed_weights(NodeContext& n, ValueId b) {
  Tensor weights = *n.importer().builder().value(b).constant;
  std::swap(weights.dims[0], weights.dims[1]);
  weights.transposed = !weights.transposed;
  return n.constant(std::move(weights));
}

// a b of matrices. Where b is a constant, it is a linear layer's weights.
ValueId product(NodeContext& n, ValueId a, ValueId b) {
  if (n.shape_of(b).size() == 2 && is_constant(n, b) && !is_constant(n, a)) {
    return n.add(graph::Linear{}, {a, transposed_weights(n, b)});
  }
  return n.add(graph::MatMul{}, {a, transposed(n, b)});
}

void import_matmul(NodeContext& n) {
  n.require_float();
  n.result(0, matrix_product(n, n.value(0), n.value(1)));
}

// alpha A B + beta C
void import_gemm(NodeContext& n) {
  n.require_float();
  n.check(n.rank(0) == 2 && n.rank(1) == 2, "matrices of {} and {} dimensions", n.rank(0),
          n.rank(1));
  const float alpha = n.number("alpha", 1.0F);
  const float beta = n.number("beta", 1.0F);
  ValueId a = n.value(0);
  if (n.integer("transA", 0) != 0) a = transposed(n, a);
  ValueId rows = n.value(1);
  if (n.integer("transB", 0) == 0) {
    const bool stays = is_constant(n, rows) && alpha == 1.0F;
    rows = stays ? transposed_weights(n, rows) : transposed(n, rows);
  }
  if (is_constant(n, rows)) {
    ValueId bias = kNoValue;
    ValueId sum = kNoValue;
    if (n.has(2)) {
      const ValueId c = n.scaled(n.value(2), beta);
      const Dim width = n.shape_of(rows)[0];
      const bool is_row = graph::product(n.shape_of(c)) == width && !n.shape_of(c).empty() &&
                          n.shape_of(c).back() == width;
      if (is_row && is_constant(n, c)) {
        bias = n.reshape(c, {width});
      } else {
        sum = c;
      }
    }
    std::vector<ValueId> inputs{a, n.scaled(rows, alpha)};
    if (bias != kNoValue) inputs.push_back(bias);
    const ValueId y = n.add(graph::Linear{}, inputs);
    return n.result(0, sum == kNoValue ? y : n.binary(BinaryKind::kAdd, y, sum));
  }
  ValueId y = n.scaled(n.add(graph::MatMul{}, {a, rows}), alpha);
  if (n.has(2)) y = n.binary(BinaryKind::kAdd, y, n.scaled(n.value(2), beta));
  n.result(0, y);
}

// --- Einsum

struct Term {
  std::string labels;  // one for each dimension
  ValueId value = kNoValue;
};

bool has_label(const std::string& labels, char label) {
  return labels.find(label) != std::string::npos;
}

// The term with its dimensions in that order; `labels` are a permutation of its own.
Term ordered(NodeContext& n, const Term& term, const std::string& labels) {
  Axes permutation;
  for (const char label : labels) {
    permutation.push_back(static_cast<std::int64_t>(term.labels.find(label)));
  }
  return {labels, n.transpose(term.value, permutation)};
}

// Without the labels that are not kept.
Term summed(NodeContext& n, const Term& term, const std::string& kept) {
  graph::Reduce reduce;
  reduce.keep = false;
  Term result;
  for (std::size_t i = 0; i < term.labels.size(); ++i) {
    if (has_label(kept, term.labels[i])) {
      result.labels += term.labels[i];
    } else {
      reduce.axes.push_back(static_cast<std::int64_t>(i));
    }
  }
  result.value = reduce.axes.empty() ? term.value : n.add(reduce, {term.value});
  return result;
}

Dim size_of_labels(NodeContext& n, const Term& term, const std::string& labels) {
  Dim size = 1;
  for (const char label : labels) size = size * n.shape_of(term.value)[term.labels.find(label)];
  return size;
}

// A product of two terms with those labels that are kept: a batch of matrix products.
Term multiplied(NodeContext& n, Term a, Term b, const std::string& kept) {
  a = summed(n, a, kept + b.labels);
  b = summed(n, b, kept + a.labels);
  std::string batch;
  std::string rows;
  std::string columns;
  std::string sums;
  for (const char label : a.labels) {
    if (!has_label(b.labels, label)) {
      rows += label;
    } else if (has_label(kept, label)) {
      batch += label;
    } else {
      sums += label;
    }
  }
  for (const char label : b.labels) {
    if (!has_label(a.labels, label)) columns += label;
  }
  for (const char label : batch + sums) {
    const Dim& p = n.shape_of(a.value)[a.labels.find(label)];
    const Dim& q = n.shape_of(b.value)[b.labels.find(label)];
    if (p != q) n.unsupported("sizes {} and {} of one label", to_string(p), to_string(q));
  }
  const Term left = ordered(n, a, batch + rows + sums);
  const Term right = ordered(n, b, batch + columns + sums);
  const ValueId x =
      n.reshape(left.value, {size_of_labels(n, left, batch), size_of_labels(n, left, rows),
                             size_of_labels(n, left, sums)});
  const ValueId y =
      n.reshape(right.value, {size_of_labels(n, right, batch), size_of_labels(n, right, columns),
                              size_of_labels(n, right, sums)});
  Shape shape;
  for (const char label : batch + rows) {
    shape.push_back(n.shape_of(left.value)[left.labels.find(label)]);
  }
  for (const char label : columns) {
    shape.push_back(n.shape_of(right.value)[right.labels.find(label)]);
  }
  return {batch + rows + columns, n.reshape(n.add(graph::MatMul{}, {x, y}), shape)};
}

// Letters for the dimensions of an ellipsis, the last one first.
constexpr std::string_view kEllipsis = "0123456789";

std::string expanded_labels(const NodeContext& n, const std::string& text, std::int64_t rank) {
  const std::size_t dots = text.find("...");
  std::string labels = text;
  if (dots != std::string::npos) {
    const auto count = rank - static_cast<std::int64_t>(text.size() - 3);
    n.check(count >= 0 && count <= 10, "\"{}\" of {} dimensions", text, rank);
    std::string more;
    for (std::int64_t i = count; i-- > 0;) more += kEllipsis[static_cast<std::size_t>(i)];
    labels = text.substr(0, dots) + more + text.substr(dots + 3);
  }
  n.check(static_cast<std::int64_t>(labels.size()) == rank, "\"{}\" of {} dimensions", text, rank);
  std::string sorted = labels;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    n.unsupported("the diagonal that \"{}\" takes", text);
  }
  return labels;
}

void import_einsum(NodeContext& n) {
  n.require_float();
  std::string equation = n.text("equation", "");
  std::erase(equation, ' ');
  const std::size_t arrow = equation.find("->");
  std::vector<std::string> texts(1);
  for (const char c : equation.substr(0, arrow)) {
    if (c == ',') {
      texts.emplace_back();
    } else {
      n.check((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.', "equation \"{}\"",
              equation);
      texts.back() += c;
    }
  }
  n.check(texts.size() == n.input_count(), "equation \"{}\" has {} terms, and there are {} inputs",
          equation, texts.size(), n.input_count());
  std::vector<Term> terms;
  std::string all;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    terms.push_back({expanded_labels(n, texts[i], n.rank(i)), n.value(i)});
    all += terms.back().labels;
  }
  std::string kept;
  if (arrow != std::string::npos) {
    kept = equation.substr(arrow + 2);
    const std::size_t dots = kept.find("...");
    if (dots != std::string::npos) {
      std::string more;
      for (std::size_t i = kEllipsis.size(); i-- > 0;) {
        if (has_label(all, kEllipsis[i])) more += kEllipsis[i];
      }
      kept = kept.substr(0, dots) + more + kept.substr(dots + 3);
    }
  } else {
    // Dimensions of the ellipsis first, then labels that stand once, in alphabetical order.
    std::string once;
    for (const char label : all) {
      const bool dots = kEllipsis.find(label) != std::string_view::npos;
      if (!has_label(once, label) && (dots || std::count(all.begin(), all.end(), label) == 1)) {
        once += label;
      }
    }
    std::sort(once.begin(), once.end(), [](char a, char b) {
      const bool a_dots = kEllipsis.find(a) != std::string_view::npos;
      const bool b_dots = kEllipsis.find(b) != std::string_view::npos;
      return a_dots != b_dots ? a_dots : (a_dots ? a > b : a < b);
    });
    kept = once;
  }
  for (const char label : kept) {
    n.check(has_label(all, label), "equation \"{}\": no input has {}", equation, label);
  }
  Term result = terms.front();
  for (std::size_t i = 1; i < terms.size(); ++i) {
    std::string needed = kept;
    for (std::size_t later = i + 1; later < terms.size(); ++later) needed += terms[later].labels;
    result = multiplied(n, result, terms[i], needed);
  }
  result = summed(n, result, kept);
  n.check(result.labels.size() == kept.size(), "equation \"{}\"", equation);
  n.result(0, ordered(n, result, kept).value);
}

}  // namespace

ValueId matrix_product(NodeContext& n, ValueId a, ValueId b) {
  const Shape x = n.shape_of(a);
  const Shape y = n.shape_of(b);
  n.check(!x.empty() && !y.empty(), "a product with a scalar");
  const bool row = x.size() == 1;
  const bool column = y.size() == 1;
  if (row) a = n.reshape(a, {1, x[0]});
  if (column) b = n.reshape(b, {y[0], 1});
  const ValueId z = product(n, a, b);
  Shape shape = n.shape_of(z);
  if (column) shape.pop_back();
  if (row) shape.erase(shape.end() - (column ? 1 : 2));
  return n.reshape(z, shape);
}

const std::vector<Operator>& product_operators() {
  static const std::vector<Operator> list{
      {"Einsum", import_einsum},
      {"Gemm", import_gemm},
      {"MatMul", import_matmul},
  };
  return list;
}

}  // namespace lasso::onnx
