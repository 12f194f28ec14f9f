// Masks the object at a point of a photograph: segment MODEL IMAGE X Y
#include <cstdio>
#include <cstdlib>

#include "lasso/lasso.h"

int main(int argc, char** argv) try {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s MODEL IMAGE X Y\n", argv[0]);
    return 2;
  }
  const lasso::Engine engine = lasso::Engine::open(argv[1]);
  lasso::Segmenter segmenter(engine);  // one per thread; the engine is shared

  const lasso::Image image = lasso::read_image(argv[2]);
  const lasso::Embedding embedding = segmenter.encode(image.view());  // once per image

  lasso::Prompt prompt;  // once per object
  prompt.points = {{std::strtof(argv[3], nullptr), std::strtof(argv[4], nullptr)}};
  const lasso::Segmentation answer = segmenter.segment(embedding, prompt);

  const lasso::Mask& mask = answer.masks[0];
  std::printf("%ld pixels, predicted IoU %.4f\n", static_cast<long>(lasso::mask_area(mask)),
              answer.iou_predictions[0]);
  const lasso::OverlayItem item{&mask, &prompt, lasso::palette_color(0)};
  lasso::write_png("overlay.png", lasso::draw_overlay(image.view(), {item}).view());
} catch (const lasso::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
