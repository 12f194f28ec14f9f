#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "lasso/mask.h"

namespace lasso {

namespace {

// The first 16 were chosen by eye. Each other one is the farthest from all before it in OKLab (with
// lightness 0.8 and the two other axes 1.6 times), among those of lightness 0.45 to 0.92 and chroma
// above 0.07: as many as COCO has classes. Two pairs stand in the order in which neighbours differ.
constexpr std::array<Rgb, 80> kColors{
    {{30, 144, 255},  {255, 140, 0},   {50, 205, 100},  {240, 50, 130},  {150, 90, 240},
     {255, 215, 30},  {0, 195, 190},   {235, 70, 50},   {170, 220, 40},  {230, 110, 230},
     {60, 90, 220},   {255, 175, 140}, {20, 150, 90},   {190, 165, 255}, {175, 120, 60},
     {120, 210, 255}, {115, 65, 110},  {0, 100, 125},   {205, 240, 195}, {150, 0, 155},
     {0, 255, 0},     {205, 0, 255},   {0, 0, 255},     {200, 125, 160}, {145, 50, 40},
     {85, 90, 35},    {100, 0, 255},   {255, 205, 240}, {255, 0, 200},   {150, 155, 10},
     {155, 0, 90},    {110, 115, 180}, {0, 255, 205},   {140, 180, 140}, {95, 60, 165},
     {15, 155, 200},  {160, 90, 180},  {210, 185, 105}, {150, 0, 255},   {255, 120, 140},
     {135, 250, 245}, {255, 155, 225}, {120, 0, 185},   {130, 135, 255}, {200, 60, 160},
     {70, 145, 140},  {160, 255, 160}, {35, 85, 160},   {0, 105, 0},     {140, 165, 210},
     {195, 75, 105},  {0, 155, 0},     {0, 105, 80},    {150, 95, 100},  {255, 0, 255},
     {30, 255, 130},  {125, 75, 15},   {205, 40, 205},  {190, 80, 0},    {130, 135, 80},
     {185, 0, 40},    {255, 105, 190}, {210, 120, 105}, {215, 230, 125}, {255, 220, 175},
     {85, 45, 205},   {195, 205, 255}, {200, 90, 255},  {140, 195, 100}, {120, 220, 170},
     {255, 15, 80},   {80, 80, 125},   {155, 255, 25},  {255, 165, 185}, {190, 125, 245},
     {205, 165, 210}, {65, 65, 255},   {100, 175, 255}, {95, 120, 0},    {60, 215, 0}}};

}  // namespace

Rgb palette_color(std::size_t index) noexcept {
  if (index < kColors.size()) return kColors[index];
  // The golden ratio spreads hues evenly however many there are; lightness alternates.
  const double turns = static_cast<double>(index) * 0.6180339887498949;
  const double hue = 6.0 * (turns - std::floor(turns));
  const double value = index % 3 == 0 ? 0.78 : 0.97;
  const double saturation = index % 2 == 0 ? 0.80 : 0.58;
  const auto channel = [&](double offset) {
    const double k = std::fmod(offset + hue, 6.0);
    const double down = std::clamp(std::min(k, 4.0 - k), 0.0, 1.0);
    return static_cast<std::uint8_t>(std::lround(255.0 * value * (1.0 - saturation * down)));
  };
  return {channel(5.0), channel(3.0), channel(1.0)};
}

}  // namespace lasso
