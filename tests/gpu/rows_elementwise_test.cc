// The rows of GPUs for ops on elements against the CPU's reference.
#include <cstdint>
#include <utility>
#include <vector>

#include "gpu/rows.h"

namespace lasso {
namespace {

using graph::Activation;
using test::In;
using test::RowsTest;

TEST_F(RowsTest, Elementwise) {
  using graph::BinaryKind;
  using graph::UnaryKind;
  const std::vector<std::pair<Dims, Dims>> shapes{{{8}, {8}},
                                                  {{3, 100}, {100}},
                                                  {{2, 50, 7}, {2, 1, 7}},
                                                  {{5, 1, 3}, {1, 4, 3}},
                                                  {{1000, 33}, {1}},
                                                  {{64, 16, 16}, {1, 16, 16}},
                                                  {{2, 3, 4, 5}, {3, 1, 5}},
                                                  {{1, 4096, 256}, {5, 1, 256}}};
  for (const auto kind :
       {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul, BinaryKind::kDiv, BinaryKind::kMax,
        BinaryKind::kMin, BinaryKind::kPow, BinaryKind::kMod, BinaryKind::kFmod}) {
    for (const auto& [a, b] : shapes) {
      const float offset = kind == BinaryKind::kDiv || kind == BinaryKind::kPow ? 2.5F : 0.0F;
      for (const Activation activation :
           {Activation::kNone, Activation::kGelu, Activation::kSilu}) {
        check("binary", graph::Binary{kind, activation},
              {{a, DType::kF32, false, offset}, {b, DType::kF32, false, offset}});
      }
    }
  }
  for (int kind = 0; kind <= static_cast<int>(UnaryKind::kSoftplus); ++kind) {
    const auto unary = static_cast<UnaryKind>(kind);
    float offset = 0.0F;
    if (unary == UnaryKind::kLog || unary == UnaryKind::kSqrt || unary == UnaryKind::kReciprocal) {
      offset = 1.5F;
    }
    if (unary == UnaryKind::kAcosh) offset = 2.5F;
    for (const std::int64_t count : {1, 7, 1000, 100003}) {
      check("unary", graph::Unary{unary}, {{{count}, DType::kF32, false, offset}});
    }
  }
  for (const float slope : {0.1F, -2.0F}) {
    for (const std::int64_t count : {1, 7, 1000, 100003}) {
      check("leaky ReLU", graph::LeakyRelu{slope}, {{{count}}});
    }
  }
  check("fourier", graph::FourierFeatures{}, {{{3, 5, 2}}, {{2, 128}}});
  check("fourier", graph::FourierFeatures{}, {{{4096, 2}}, {{2, 7}}});
}

// Kinds for which NaN, infinities and zeros are the point: the same numbers as the reference's.
TEST_F(RowsTest, ElementwiseEdges) {
  using graph::BinaryKind;
  In all{{48, 48}};
  all.special = true;
  In each{{48, 1}};
  each.special = true;
  for (const auto kind :
       {BinaryKind::kMax, BinaryKind::kMin, BinaryKind::kMod, BinaryKind::kFmod}) {
    check("every pair", graph::Binary{kind, Activation::kNone}, {all, each});
  }
  check("every float", graph::LeakyRelu{0.5F}, {all});
}

// The last pair has more loops than a kernel.
const std::vector<std::pair<Dims, Dims>>& broadcast_pairs() {
  static const std::vector<std::pair<Dims, Dims>> pairs{
      {{8}, {8}},
      {{3, 100}, {100}},
      {{2, 50, 7}, {2, 1, 7}},
      {{5, 1, 3}, {1, 4, 3}},
      {{1000, 33}, {1}},
      {{1, 1000, 64}, {5, 1, 64}},
      {{2, 1, 2, 1, 2, 1, 2, 1, 2, 4}, {1, 2, 1, 2, 1, 2, 1, 2, 1, 4}}};
  return pairs;
}

TEST_F(RowsTest, IntegersAndTruthValues) {
  using graph::BinaryKind;
  using graph::UnaryKind;
  const auto input = [](const Dims& dims, DType type, bool special = false) {
    In in{dims, type};
    in.below = 100000;
    in.special = special;
    return in;
  };
  for (const auto kind :
       {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul, BinaryKind::kDiv, BinaryKind::kMax,
        BinaryKind::kMin, BinaryKind::kPow, BinaryKind::kMod, BinaryKind::kFmod}) {
    const graph::Binary op{kind, Activation::kNone};
    for (const auto& [a, b] : broadcast_pairs()) {
      check("integers", op, {input(a, DType::kI32), input(b, DType::kI32)}, true);
    }
    check("every pair", op, {input({19, 19}, DType::kI32, true), input({19, 1}, DType::kI32, true)},
          true);
  }
  for (const auto kind : {BinaryKind::kAnd, BinaryKind::kOr, BinaryKind::kXor}) {
    for (const DType type : {DType::kBool, DType::kU8}) {
      for (const auto& [a, b] : broadcast_pairs()) {
        check("truth values", graph::Binary{kind, Activation::kNone},
              {input(a, type), input(b, type)}, true);
      }
    }
  }
  for (const std::int64_t count : {1, 7, 1000, 100003}) {
    for (const auto kind :
         {UnaryKind::kIdentity, UnaryKind::kAbs, UnaryKind::kNegate, UnaryKind::kSign}) {
      check("integers", graph::Unary{kind}, {input({count}, DType::kI32, true)}, true);
    }
    check("not", graph::Unary{UnaryKind::kNot}, {input({count}, DType::kBool)}, true);
    for (const auto kind : {UnaryKind::kIsNan, UnaryKind::kIsInf}) {
      check("floats", graph::Unary{kind}, {input({count}, DType::kF32, true)}, true);
    }
  }
}

TEST_F(RowsTest, ComparisonsAndChoices) {
  using graph::CompareKind;
  for (const auto kind : {CompareKind::kEqual, CompareKind::kLess, CompareKind::kLessEqual,
                          CompareKind::kGreater, CompareKind::kGreaterEqual}) {
    for (const DType type : {DType::kF32, DType::kI32, DType::kU8, DType::kBool}) {
      if (type == DType::kBool && kind != CompareKind::kEqual) continue;
      for (const auto& [a, b] : broadcast_pairs()) {
        In left{a, type};
        In right{b, type};
        left.below = right.below = 3;
        check("compare", graph::Compare{kind}, {left, right}, true);
      }
      In all{{48, 48}, type};
      In each{{48, 1}, type};
      all.special = each.special = true;
      check("every pair", graph::Compare{kind}, {all, each}, true);
    }
  }
  for (const DType type : {DType::kU8, DType::kF16, DType::kF32, DType::kI64}) {
    const auto choose = [&](const Dims& condition, const Dims& a, const Dims& b) {
      In yes{a, type};
      In no{b, type};
      yes.special = no.special = true;
      check("select", graph::Select{}, {{condition, DType::kBool}, yes, no}, true);
    };
    for (const auto& [a, b] : broadcast_pairs()) {
      choose(a, a, b);
      choose(a, b, a);
      choose(b, a, b);
      choose({}, a, b);
      choose(a, {}, b);
    }
    choose({4, 1, 1}, {1, 9, 1}, {31});
    choose({100003}, {1}, {});
  }
}

}  // namespace
}  // namespace lasso
