// A program of somebody who installed Lasso: consumer CHECKPOINT IMAGE
#include <lasso/lasso.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    lasso::Segmenter segmenter(lasso::Engine::build(argv[1]));
    const lasso::Image image = lasso::read_image(argv[2]);
    lasso::Prompt prompt;
    prompt.box = lasso::Box{20, 20, 120, 120};
    const lasso::Segmentation answer = segmenter.segment(segmenter.encode(image.view()), prompt);
    std::cout << "lasso " LASSO_VERSION ", " << answer.masks.size() << " mask\n";
    lasso::read_image("missing.png");
  } catch (const lasso::Error& error) {  // thrown by the library, caught here by its type
    return error.code() == lasso::ErrorCode::kNotFound ? 0 : 1;
  }
  return 1;
}
