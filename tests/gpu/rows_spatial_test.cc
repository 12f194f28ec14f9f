// Rows of the operations on images that imported models bring, against the CPU's reference.
#include <cstdint>

#include "gpu/rows.h"

namespace lasso {
namespace {

using graph::Activation;
using test::absent;
using test::In;
using test::RowsTest;
using test::weights;

TEST_F(RowsTest, Deconv2d) {
  for (const Activation activation : {Activation::kNone, Activation::kGelu}) {
    graph::Deconv2d op{.kernel_h = 3, .kernel_w = 4, .stride = 2, .padding = 1};
    op.activation = activation;
    check("doubling", op, {{{2, 7, 9, 16}}, weights({16, 20, 3, 4}), weights({20})});
    op.stride = {3, 1};
    op.padding = {0, 2, 1, 0};
    op.output_padding = {2, 1};
    op.dilation = {2, 1};
    check("no bias", op, {{{1, 7, 9, 70}}, weights({70, 3, 3, 4}), absent()});
    op.groups = 3;
    check("groups", op, {{{2, 5, 6, 6}}, weights({6, 70, 3, 4}), weights({210})});
  }
}

TEST_F(RowsTest, Pool2d) {
  for (graph::Pool2d op : {graph::Pool2d{.kernel_h = 2, .kernel_w = 2, .stride = 2},
                           graph::Pool2d{.kernel_h = 5, .kernel_w = 5, .padding = 2},
                           graph::Pool2d{.kernel_h = 3,
                           .kernel_w = 2,
                           .stride = {2, 3},
                           .padding = {1, 0, 2, 1},
                           .dilation = {2, 1},
                           .ceil = true}}) {
    for (const std::int64_t channels : {1, 7, 64}) {
      op.kind = graph::PoolKind::kMax;
      check("max", op, {{{2, 9, 13, channels}}}, true);
      for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
        if (type != DType::kF32) check("halves", op, {{{2, 9, 13, channels}, type}}, true);
        In special{{2, 40, 13, channels}, type};
        special.special = true;
        // Of a half, which NaN it is may change.
        check("special values", op, {special}, type == DType::kF32);
      }
      op.kind = graph::PoolKind::kAverage;
      for (const bool count_padding : {false, true}) {
        op.count_padding = count_padding;
        check("average", op, {{{2, 9, 13, channels}, DType::kF32, false, 0.5F}});
      }
    }
  }
}

TEST_F(RowsTest, Resize) {
  using graph::ResizeCoordinates;
  using graph::ResizeMode;
  for (const ResizeMode mode : {ResizeMode::kNearest, ResizeMode::kLinear, ResizeMode::kCubic}) {
    for (const ResizeCoordinates coordinates :
         {ResizeCoordinates::kHalfPixel, ResizeCoordinates::kHalfPixelSymmetric,
          ResizeCoordinates::kAlignCorners, ResizeCoordinates::kAsymmetric}) {
      for (const std::int64_t channels : {1, 4, 7, 64}) {
        const bool is_nearest = mode == ResizeMode::kNearest;
        graph::Resize op{.mode = mode, .coordinates = coordinates};
        op.height = 18;
        op.width = 7;
        check("sizes", op, {{{2, 9, 13, channels}}}, is_nearest);
        op.rounding = graph::NearestRounding::kFloor;
        op.scale_h = 2.05F;
        op.scale_w = 0.6F;
        op.exclude_outside = mode == ResizeMode::kCubic;
        check("scales", op, {{{2, 9, 13, channels}}}, is_nearest);
        if (!is_nearest) continue;
        for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
          In special{{2, 9, 13, channels}, type};
          special.special = true;
          check("special values", op, {special}, true);
        }
      }
    }
  }
}

}  // namespace
}  // namespace lasso
