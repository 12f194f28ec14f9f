// What calibration reports of models of any family.
#ifndef LASSO_MODELS_CALIBRATION_REPORT_H_
#define LASSO_MODELS_CALIBRATION_REPORT_H_

#include <string>
#include <vector>

#include "lasso/calibration.h"
#include "models/calibration_set.h"
#include "quant/calibrate.h"

namespace lasso {

void report_pictures(const CalibrationSet& set, CalibrationReport& report);

// The mean agreement that an engine must have where nobody says which.
inline constexpr double kDefaultAim = 0.99;

// Layers by the names of their weights, with their shares of the work.
void report_layers(const std::vector<std::string>& names, const std::vector<double>& work,
                   CalibrationReport& report);

// The engines that were tried, the most layers in int8, or fp16, first; and of the layers, which
// were reported before, what they run in and what was measured of them.
void report_choice(quant::Calibration& layers, const quant::Assignment& chosen,
                   CalibrationReport& report);

// The accepting pictures' figures but for those that only the family's measure has. Decides on
// acceptance; an aim of 0 accepts whatever there is.
void report_acceptance(const quant::Score& score, double aim, const CalibrationSet& set, int seed,
                       CalibrationReport& report);

}  // namespace lasso

#endif  // LASSO_MODELS_CALIBRATION_REPORT_H_
