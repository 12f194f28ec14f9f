#include "cli/compare/tensors/match_arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "cli/exit_codes.h"
#include "cli/model/host_tensors.h"
#include "common/text.h"

namespace lasso::app {

namespace {

enum class Kind : std::uint8_t { kReal, kInteger, kTruth };

Kind kind_of(ElementType type) {
  if (is_real_type(type)) return Kind::kReal;
  return type == ElementType::kBool ? Kind::kTruth : Kind::kInteger;
}

bool fits(const std::vector<std::string>& a, const std::vector<std::string>& b, Layout layout) {
  if (a.size() != b.size() || (layout != Layout::kSame && a.size() != 4)) return false;
  const std::vector<std::size_t> places = places_in_a(layout, a.size());
  for (std::size_t i = 0; i < b.size(); ++i) {
    const std::string& own = a[places[i]];
    if (is_number(own) && is_number(b[i]) && own != b[i]) return false;
  }
  return true;
}

std::optional<Layout> layout_of(const ArgumentInfo& a, const ArgumentInfo& b) {
  for (const Layout layout : {Layout::kSame, Layout::kChannelsLast, Layout::kChannelsFirst}) {
    if (fits(a.shape, b.shape, layout)) return layout;
  }
  return std::nullopt;
}

class Matcher {
 public:
  Matcher(const std::vector<ArgumentInfo>& a, const std::vector<ArgumentInfo>& b, const char* what,
          bool all)
      : a_(a), b_(b), what_(what), all_(all), left_a_(a.size()), left_b_(b.size()) {
    std::iota(left_a_.begin(), left_a_.end(), 0);
    std::iota(left_b_.begin(), left_b_.end(), 0);
  }

  std::vector<ArgumentPair> match() {
    match_names();
    match_shapes();
    if (all_ && !(left_a_.empty() && left_b_.empty())) {
      const bool in_a = !left_a_.empty();
      usage_error("{} {} of {} has no counterpart in {}", what_,
                  text_of(in_a ? a_[left_a_.front()] : b_[left_b_.front()]), in_a ? "A" : "B",
                  in_a ? "B" : "A");
    }
    std::sort(pairs_.begin(), pairs_.end(),
              [](const ArgumentPair& x, const ArgumentPair& y) { return x.a < y.a; });
    return std::move(pairs_);
  }

 private:
  void add(std::size_t a, std::size_t b, Layout layout) {
    pairs_.push_back({a, b, layout});
    std::erase(left_a_, a);
    std::erase(left_b_, b);
  }

  void match_names() {
    for (std::size_t a = 0; a < a_.size(); ++a) {
      for (std::size_t b = 0; b < b_.size(); ++b) {
        if (a_[a].name != b_[b].name) continue;
        const std::optional<Layout> layout = layout_of(a_[a], b_[b]);
        if (!layout && all_) {
          usage_error("{} {} of A is {} in B", what_, text_of(a_[a]), text_of(b_[b]));
        }
        add(a, b, layout.value_or(Layout::kSame));
      }
    }
  }

  std::vector<std::size_t> fitting(const ArgumentInfo& a) const {
    std::vector<std::size_t> found;
    for (const std::size_t b : left_b_) {
      if (kind_of(a.type) == kind_of(b_[b].type) && layout_of(a, b_[b])) found.push_back(b);
    }
    return found;
  }

  void match_shapes() {
    std::vector<std::pair<std::size_t, std::size_t>> found;
    for (const std::size_t a : left_a_) {
      const std::vector<std::size_t> fitting_b = fitting(a_[a]);
      if (fitting_b.empty()) continue;
      if (fitting_b.size() > 1) refuse(a_[a], "B", b_, fitting_b);
      const std::size_t b = fitting_b.front();
      std::vector<std::size_t> rivals;
      for (const std::size_t other : left_a_) {
        const std::vector<std::size_t> others = fitting(a_[other]);
        if (std::find(others.begin(), others.end(), b) != others.end()) rivals.push_back(other);
      }
      if (rivals.size() > 1) refuse(b_[b], "A", a_, rivals);
      found.emplace_back(a, b);
    }
    for (const auto& [a, b] : found) add(a, b, *layout_of(a_[a], b_[b]));
  }

  [[noreturn]] void refuse(const ArgumentInfo& argument, const char* side,
                           const std::vector<ArgumentInfo>& list,
                           const std::vector<std::size_t>& fitting) const {
    std::vector<std::string> names;
    for (const std::size_t i : fitting) names.push_back(text_of(list[i]));
    usage_error("{} {} may be each of {} of {}: names differ, and shapes do not tell", what_,
                text_of(argument), fmt::join(names, ", "), side);
  }

  const std::vector<ArgumentInfo>& a_;
  const std::vector<ArgumentInfo>& b_;
  const char* what_;
  bool all_;
  std::vector<std::size_t> left_a_;
  std::vector<std::size_t> left_b_;
  std::vector<ArgumentPair> pairs_;
};

// Symbols of both sides, in groups of those that are the same size.
class SymbolGroups {
 public:
  SymbolGroups(const std::vector<ArgumentInfo>& a, const std::vector<ArgumentInfo>& b) {
    for (const auto& [side, arguments] : {std::pair(0, &a), std::pair(1, &b)}) {
      for (const ArgumentInfo& argument : *arguments) {
        for (const std::string& dim : argument.shape) {
          const auto multiple = symbol_multiple(dim);
          if (multiple) groups_.try_emplace({side, multiple->symbol}, groups_.size());
        }
      }
    }
  }

  void join(const std::string& a, const std::string& b) {
    const std::size_t kept = groups_.at({0, a});
    const std::size_t gone = groups_.at({1, b});
    for (auto& [symbol, group] : groups_) {
      if (group == gone) group = kept;
    }
  }

  // A dimension of that size; the first value counts.
  void set(int side, const SymbolMultiple& dim, std::int64_t size) {
    if (size % dim.factor == 0) set(side, dim.symbol, size / dim.factor);
  }
  void set(int side, const std::string& symbol, std::int64_t size) {
    sizes_.try_emplace(groups_.at({side, symbol}), size);
  }
  std::optional<std::int64_t> find(int side, const std::string& symbol) const {
    const auto group = groups_.find({side, symbol});
    if (group == groups_.end()) return std::nullopt;
    const auto size = sizes_.find(group->second);
    return size == sizes_.end() ? std::nullopt : std::optional(size->second);
  }
  bool has(int side, const std::string& symbol) const { return groups_.count({side, symbol}) > 0; }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [symbol, group] : groups_) {
      if (std::find(names.begin(), names.end(), symbol.second) == names.end()) {
        names.push_back(symbol.second);
      }
    }
    return names;
  }

  void set_typical(const SymbolSizes& a, const SymbolSizes& b) {
    std::map<std::size_t, std::int64_t> typical;
    for (const auto& [symbol, group] : groups_) {
      const SymbolSizes& own = symbol.first == 0 ? a : b;
      const auto size = own.find(symbol.second);
      std::int64_t& most = typical.try_emplace(group, 1).first->second;
      if (size != own.end()) most = std::max(most, size->second);
    }
    for (const auto& [group, size] : typical) sizes_.try_emplace(group, size);
  }

  BothSizes sizes() const {
    BothSizes both;
    for (const auto& [symbol, group] : groups_) {
      (symbol.first == 0 ? both.a : both.b)[symbol.second] = sizes_.at(group);
    }
    return both;
  }

 private:
  std::map<std::pair<int, std::string>, std::size_t> groups_;
  std::map<std::size_t, std::int64_t> sizes_;  // by group
};

void set_given(const SymbolSizes& given, SymbolGroups& groups) {
  for (const auto& [symbol, size] : given) {
    if (!groups.has(0, symbol) && !groups.has(1, symbol)) {
      const std::vector<std::string> names = groups.names();
      usage_error("--size {}={}: {}", symbol, size,
                  names.empty()
                      ? std::string("no input has a symbol")
                      : fmt::format("the inputs' symbols are {}",
                                    printable(fmt::format("{}", fmt::join(names, ", ")))));
    }
    for (const int side : {0, 1}) {
      if (!groups.has(side, symbol)) continue;
      const std::optional<std::int64_t> known = groups.find(side, symbol);
      if (known && *known != size) {
        usage_error("--size {}={}: it is {} by the other model or the given inputs", symbol, size,
                    *known);
      }
      groups.set(side, symbol, size);
    }
  }
}

}  // namespace

std::vector<ArgumentPair> match_arguments(const std::vector<ArgumentInfo>& a,
                                          const std::vector<ArgumentInfo>& b, const char* what,
                                          bool all) {
  return Matcher(a, b, what, all).match();
}

BothSizes choose_sizes(const std::vector<ArgumentInfo>& a, const std::vector<ArgumentInfo>& b,
                       const std::vector<ArgumentPair>& pairs, const SizeHints& hints) {
  SymbolGroups groups(a, b);
  struct Number {
    int side = 0;
    SymbolMultiple dim;
    std::int64_t size = 0;
  };
  std::vector<Number> numbers;
  for (const ArgumentPair& pair : pairs) {
    const std::vector<std::string>& dims_b = b[pair.b].shape;
    const std::vector<std::size_t> places = places_in_a(pair.layout, dims_b.size());
    for (std::size_t i = 0; i < dims_b.size(); ++i) {
      const std::string& dim_a = a[pair.a].shape.at(places[i]);
      const std::string& dim_b = dims_b[i];
      const auto own = symbol_multiple(dim_a);
      const auto other = symbol_multiple(dim_b);
      if (own && other && own->factor == other->factor) groups.join(own->symbol, other->symbol);
      if (own && is_number(dim_b)) numbers.push_back({0, *own, std::stoll(dim_b)});
      if (is_number(dim_a) && other) numbers.push_back({1, *other, std::stoll(dim_a)});
    }
  }
  for (const Number& number : numbers) groups.set(number.side, number.dim, number.size);
  for (const auto& [input, shape] : hints.shapes) {
    for (std::size_t i = 0; i < shape.size() && i < a[input].shape.size(); ++i) {
      const auto multiple = symbol_multiple(a[input].shape[i]);
      if (multiple) groups.set(0, *multiple, shape[i]);
    }
  }
  set_given(hints.given, groups);
  groups.set_typical(hints.typical_a, hints.typical_b);
  return groups.sizes();
}

}  // namespace lasso::app
