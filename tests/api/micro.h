// What the tests of the public API share: the bundled checkpoint, and an image for it.
#ifndef LASSO_TESTS_API_MICRO_H_
#define LASSO_TESTS_API_MICRO_H_

#include <gtest/gtest.h>

#include <string>

#include "lasso/lasso.h"
#include "support/capped.h"
#include "support/files.h"

namespace lasso {

inline std::string data(const std::string& name) { return test::data_path("sam_micro/" + name); }

inline Prompt click(float x, float y) {
  Prompt prompt;
  prompt.points.push_back({x, y, PointLabel::kForeground});
  return prompt;
}

class Api : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ / name; }

  static const Engine& engine() {
    static const Engine instance = Engine::build(data("checkpoint.pth"), test::capped());
    return instance;
  }
  static const Image& image() {
    static const Image instance = read_image(data("image0.png"));
    return instance;
  }

  test::TempDir folder_;
};

}  // namespace lasso

#endif  // LASSO_TESTS_API_MICRO_H_
