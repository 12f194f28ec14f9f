// Segments pixels where they lie: a BGR buffer whose rows are padded, as a camera, a video decoder
// or a cv::Mat holds it. bgr_buffer MODEL IMAGE X Y
//
// With OpenCV: lasso::ImageView{mat.data, mat.cols, mat.rows, mat.step, lasso::PixelFormat::kBgr}.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "lasso/lasso.h"

namespace {

// Stands for a frame that somebody else owns.
struct Frame {
  int width = 0;
  int height = 0;
  std::size_t row_bytes = 0;  // a multiple of 256, more than width * 3
  std::vector<std::uint8_t> bytes;
};

Frame capture(const char* path) {
  const lasso::Image rgb = lasso::read_image(path);
  Frame frame;
  frame.width = rgb.width;
  frame.height = rgb.height;
  const std::size_t used = static_cast<std::size_t>(rgb.width) * 3;
  frame.row_bytes = (used / 256 + 1) * 256;
  frame.bytes.assign(frame.row_bytes * static_cast<std::size_t>(rgb.height), 0xAB);
  for (std::size_t i = 0; i < rgb.pixels.size(); i += 3) {
    std::uint8_t* pixel = frame.bytes.data() + i / used * frame.row_bytes + i % used;
    pixel[0] = rgb.pixels[i + 2];
    pixel[1] = rgb.pixels[i + 1];
    pixel[2] = rgb.pixels[i];
  }
  return frame;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s MODEL IMAGE X Y\n", argv[0]);
    return 2;
  }
  const Frame frame = capture(argv[2]);

  // Nothing is copied: the view says where the pixels are, how far apart the rows, and in which
  // order the channels.
  lasso::ImageView view;
  view.data = frame.bytes.data();
  view.width = frame.width;
  view.height = frame.height;
  view.stride_bytes = static_cast<std::ptrdiff_t>(frame.row_bytes);
  view.format = lasso::PixelFormat::kBgr;

  lasso::Segmenter segmenter(lasso::Engine::open(argv[1]));
  const lasso::Embedding embedding = segmenter.encode(view);
  lasso::Prompt prompt;
  prompt.points = {{std::strtof(argv[3], nullptr), std::strtof(argv[4], nullptr)}};

  // The same object again and again: its masks' memory is reused.
  lasso::Segmentation answer;
  segmenter.segment(embedding, prompt, {}, &answer);
  std::printf("%ld pixels, predicted IoU %.4f\n",
              static_cast<long>(lasso::mask_area(answer.masks[0])), answer.iou_predictions[0]);
} catch (const lasso::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
