#include "common/prompts.h"

#include <gtest/gtest.h>

#include <limits>

namespace lasso::app {
namespace {

TEST(BoxProblem, IsOfCoordinatesThatAreNotFiniteAndOfNoArea) {
  EXPECT_EQ(box_problem({1, 2, 3, 4}), std::nullopt);
  EXPECT_EQ(box_problem({-1, -2, 1e9F, 1e9F}), std::nullopt);  // it may leave the image
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    for (float Box::*const side : {&Box::x0, &Box::y0, &Box::x1, &Box::y1}) {
      Box box{1, 2, 3, 4};
      box.*side = value;
      EXPECT_NE(box_problem(box).value_or("nothing").find("not finite"), std::string::npos);
    }
  }
  EXPECT_NE(box_problem({1, 2, 1, 4}).value_or("nothing").find("x0 = 1"), std::string::npos);
  EXPECT_NE(box_problem({1, 4, 3, 2}).value_or("nothing").find("y0 = 4"), std::string::npos);
}

}  // namespace
}  // namespace lasso::app
