// In which types the values of a graph are read once its layers have lower precisions: what
// lower_precision rewrites the graph by.
#ifndef LASSO_PASSES_WANTED_TYPES_H_
#define LASSO_PASSES_WANTED_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "graph/graph.h"
#include "quant/precision_plan.h"

namespace lasso::passes {

// A type with what belongs to it. Uint8 is either that of Quantize, which may have a smoothing, or
// of one scheme for the whole value.
struct Want {
  DType dtype = DType::kF32;
  const std::vector<float>* smoothing = nullptr;  // null: none
  bool by_scheme = false;
  graph::Affine scheme = {};

  bool operator==(const Want& other) const;
};

// Positions among the inputs of layers, which linear ones and convolutions share.
inline constexpr std::size_t kWeights = 1;
inline constexpr std::size_t kResidual = 3;

// Refers to the graph and the plan, as they were when it was made.
class WantedTypes {
 public:
  // `on_cpu`: what reads pixels in float32 writes lower types. Throws kInvalidArgument for a plan
  // that does not fit the layers.
  WantedTypes(const graph::Graph& graph, const quant::PrecisionPlan& plan, bool on_cpu);

  // Null for a node that keeps float32.
  const quant::LayerPrecision* precision_of(const graph::Node& node) const;
  // The type of what a node of attention attends to, and of its result.
  DType attention_type(const graph::Node& node) const;

  // The type in which a node reads an input.
  Want of_input(const graph::Node& node, std::size_t input) const;
  // What all readers of a value agree on; float32 where they don't. Values that only move from one
  // layer to another, as those of a Concat, are wanted in the type that the reader behind wants:
  // in a type of 16 bits only if whatever makes them can, in uint8 in any case, since somebody must
  // quantise them. All uint8 values that are connected by such moves have one scheme, which covers
  // what all their readers read.
  Want of(graph::ValueId id) const;

  // Whether a node is a convolution of pixels in float32 that writes what is wanted, where that is
  // bfloat16 or uint8 by a scheme: its result is large, and its products are few.
  bool rounds_pixels(const graph::Node& node) const;

  // Whether a node only moves or chooses numbers, whatever type they have.
  static bool is_move(const graph::Node& node);

 private:
  void collect_makers();
  void collect_wants();
  void collect_schemes();
  // Before schemes are known.
  Want layer_want(const graph::Node& node, std::size_t input) const;
  // The types of 16 bits that a node can write, as a set of bits.
  unsigned halves_of(const graph::Node& node) const;
  // The type of the weights of the layer that makes a value; float32 where none does.
  DType made_by(graph::ValueId id) const;
  std::size_t find_group(std::size_t value);

  const graph::Graph& graph_;
  const quant::PrecisionPlan& plan_;
  bool on_cpu_;
  std::map<graph::ValueId, DType> makers_;  // weights of the layers that make values
  // By value.
  std::vector<unsigned> halves_;
  std::vector<Want> wants_;
  std::vector<std::size_t> groups_;         // the value that stands for each one's group
  std::vector<quant::Range> group_ranges_;  // of that value's group
  std::vector<quant::Range> read_ranges_;   // of what convolutions in int8 read
};

}  // namespace lasso::passes

#endif  // LASSO_PASSES_WANTED_TYPES_H_
