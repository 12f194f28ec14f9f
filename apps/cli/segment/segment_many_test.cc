#include "cli/segment/segment_many.h"

#include <gtest/gtest.h>

namespace lasso::app {
namespace {

TEST(ChooseJobs, AreOneForEachDeviceUnlessAskedFor) {
  EXPECT_EQ(choose_jobs(0, 1, 10), 1);
  EXPECT_EQ(choose_jobs(0, 4, 10), 4);
  EXPECT_EQ(choose_jobs(1, 4, 10), 1);
  EXPECT_EQ(choose_jobs(8, 1, 10), 8);
}

TEST(ChooseJobs, AreNoMoreThanImages) {
  EXPECT_EQ(choose_jobs(0, 4, 3), 3);
  EXPECT_EQ(choose_jobs(8, 1, 3), 3);
}

}  // namespace
}  // namespace lasso::app
