// Choosing the precision of every layer of a module by what comes out of it. The module's family
// says how well the results of an engine agree with those of float32; everything else is the same
// for all.
#ifndef LASSO_QUANT_CALIBRATE_H_
#define LASSO_QUANT_CALIBRATE_H_

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "quant/input_range.h"
#include "quant/observe.h"
#include "quant/precision_plan.h"
#include "quant/search.h"
#include "quant/smoothing.h"

namespace lasso::quant {

// How well the results of an engine agree with those of the float32 engine, from 0 to 1.
struct Score {
  double mean = 0;
  double lowest = 0;
  double standard_error = 0;  // of the mean
  double run_ms = 0;          // median time of a run
  int without_evidence = 0;   // results that say nothing about agreement, and do not count
};

struct CalibrationTask {
  std::vector<std::string> layers;  // the weights whose precision is chosen
  Candidates candidates;
  double aim = 1;  // the mean agreement that an engine must reach
  // Lowers to a type of 16 bits what is not chosen layer by layer.
  std::function<void(PrecisionPlan& plan, DType half)> lower_rest;
  // Builds an engine and measures it on the data that choose.
  std::function<Score(const PrecisionPlan& plan)> measure;
  // The mean agreement on few of them, for the sensitivity of single layers.
  std::function<double(const PrecisionPlan& plan)> measure_few;
  // Called before each step; may be empty.
  std::function<void(const std::string& stage, std::size_t done, std::size_t total)> progress;
};

class Calibration {
 public:
  explicit Calibration(CalibrationTask task);

  // Searches the smoothing of every layer for what it was observed to read. `weights` gives those
  // of layer i, [n, k].
  void search_smoothings(const std::vector<InputObserver>& inputs,
                         const std::function<Tensor(std::size_t i)>& weights);

  // Searches the range of what every layer, which is a convolution, was observed to read.
  void search_input_ranges(const std::vector<InputObserver>& inputs);

  // All layers in one type, and the rest lowered with them where the candidates say to what.
  Assignment uniform(DType weights) const;
  PrecisionPlan plan(const Assignment& assignment) const;

  // Each assignment is measured once.
  const Score& trial(const Assignment& assignment);
  // What the first candidate costs each layer when nothing else is lowered. Measured once.
  const std::vector<double>& losses();
  // The fastest assignment that reaches the aim; see choose_precisions.
  Assignment choose();

  const std::map<Assignment, Score>& trials() const { return trials_; }
  // By layer: empty where search_smoothings was not called.
  const std::vector<Smoothing>& smoothings() const { return smoothings_; }
  // By layer: empty where search_input_ranges was not called.
  const std::vector<InputRange>& input_ranges() const { return input_ranges_; }
  bool has_losses() const { return !losses_.empty(); }

 private:
  bool reaches(const Assignment& assignment);
  void check_inputs(const std::vector<InputObserver>& inputs) const;
  void report(const std::string& stage, std::size_t done, std::size_t total) const;

  CalibrationTask task_;
  std::vector<Smoothing> smoothings_;
  std::vector<InputRange> input_ranges_;
  std::vector<double> losses_;  // by layer; empty: not measured
  std::map<Assignment, Score> trials_;
};

}  // namespace lasso::quant

#endif  // LASSO_QUANT_CALIBRATE_H_
