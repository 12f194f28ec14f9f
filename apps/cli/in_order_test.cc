#include "cli/in_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace lasso::app {
namespace {

using Numbers = InOrder<int, int>;

class InOrderTest : public testing::Test {
 protected:
  // Of 0 to count - 1.
  std::function<std::optional<int>()> numbers(int count) {
    return [this, count] { return next_ < count ? std::optional(next_++) : std::nullopt; };
  }
  int next_ = 0;
  std::vector<int> told_;
};

TEST_F(InOrderTest, ResultsComeInOrderAndItemsAreTakenWhenThereIsAWorker) {
  for (const std::size_t workers : {1, 2, 7}) {
    next_ = 0;
    told_.clear();
    std::mutex mutex;
    std::set<std::size_t> seen;
    std::atomic<int> told{0};
    int most_ahead = 0;
    Numbers run(
        {[&] {
           most_ahead = std::max(most_ahead, next_ - told);
           return numbers(100)();
         },
         [&](std::size_t worker, std::size_t number, const int& item, const Numbers::Wait& wait) {
           EXPECT_EQ(static_cast<int>(number), item);
           if (item % 3 == 0) wait();
           const std::lock_guard lock(mutex);
           seen.insert(worker);
           return item * item;
         },
         [&](const int& result) {
           told_.push_back(result);
           ++told;
         }});
    run.run(workers);
    ASSERT_EQ(told_.size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(told_[static_cast<std::size_t>(i)], i * i);
    EXPECT_LT(*seen.rbegin(), workers);
    EXPECT_LT(most_ahead, static_cast<int>(workers));
  }
}

TEST_F(InOrderTest, AnErrorEndsTheRunAfterTheItemsBeforeIt) {
  for (const std::size_t workers : {1, 3}) {
    next_ = 0;
    told_.clear();
    Numbers run({numbers(1000),
                 [&](std::size_t, std::size_t, const int& item, const Numbers::Wait& wait) {
                   if (item == 20) throw std::runtime_error("bad 20");
                   wait();
                   return item;
                 },
                 [&](const int& result) { told_.push_back(result); }});
    try {
      run.run(workers);
      ADD_FAILURE();
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "bad 20");
    }
    EXPECT_EQ(told_.size(), 20u);
    EXPECT_LT(next_, 30);
  }
}

TEST_F(InOrderTest, SoDoesAnErrorOfTheListAndOfWhatIsTold) {
  Numbers list(
      {[&]() -> std::optional<int> {
         if (next_ == 5) throw std::runtime_error("list");
         return next_++;
       },
       [](std::size_t, std::size_t, const int& item, const Numbers::Wait&) { return item; },
       [&](const int& result) { told_.push_back(result); }});
  EXPECT_THROW(list.run(2), std::runtime_error);
  EXPECT_EQ(told_, (std::vector<int>{0, 1, 2, 3, 4}));
  next_ = 0;
  Numbers tell(
      {numbers(50),
       [](std::size_t, std::size_t, const int& item, const Numbers::Wait&) { return item; },
       [&](const int& result) {
         if (result == 7) throw std::runtime_error("tell");
       }});
  EXPECT_THROW(tell.run(3), std::runtime_error);
}

}  // namespace
}  // namespace lasso::app
