// Work on the items of a list, several at a time, whose results come in the order of the list.
#ifndef LASSO_CLI_IN_ORDER_H_
#define LASSO_CLI_IN_ORDER_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace lasso::app {

// Lets items pass in the order of their numbers.
class Turns {
 public:
  void wait(std::size_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return next_ == number; });
  }
  void pass(std::size_t number) {
    {
      const std::lock_guard lock(mutex_);
      next_ = number + 1;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;
};

// Items are taken one after another, when a worker is free: of a list of any length no more are in
// memory than there are workers.
template <typename Item, typename Result>
class InOrder {
 public:
  // Returns when the item's turn has come, and ends the work on it where an earlier one has ended
  // the run.
  using Wait = std::function<void()>;
  struct Steps {
    std::function<std::optional<Item>()> next;  // one call at a time
    // Called by several threads, each with its own `worker`. What it throws ends the run.
    std::function<Result(std::size_t worker, std::size_t number, const Item& item,
                         const Wait& wait)>
        work;
    std::function<void(const Result&)> tell;  // one call at a time, in the order of the items
  };

  explicit InOrder(Steps steps) : steps_(std::move(steps)) {}

  // Runs `workers` of them, the first in this thread. Throws what ended the run, when the items in
  // work are done.
  void run(std::size_t workers) {
    {
      std::vector<std::jthread> threads;
      try {
        for (std::size_t i = 1; i < workers; ++i) threads.emplace_back([this, i] { loop(i); });
      } catch (const std::system_error&) {
        // Those that the system gave take all items.
      }
      loop(0);
    }
    if (error_) std::rethrow_exception(error_);
  }

 private:
  struct Ended {};

  struct Taken {
    std::size_t number = 0;
    std::optional<Item> item;
    std::exception_ptr error;  // that came in its place
  };

  Taken take() {
    const std::lock_guard lock(taking_);
    Taken taken;
    taken.number = taken_;
    try {
      taken.item = steps_.next();
    } catch (...) {
      taken.error = std::current_exception();
    }
    if (taken.item || taken.error) ++taken_;
    return taken;
  }

  void loop(std::size_t worker) {
    while (!ended_) {
      const Taken taken = take();
      if (!taken.item && !taken.error) return;
      one(worker, taken);
      turns_.wait(taken.number);
      turns_.pass(taken.number);
    }
  }

  void one(std::size_t worker, const Taken& taken) {
    try {
      if (taken.error) std::rethrow_exception(taken.error);
      const auto wait = [&] {
        turns_.wait(taken.number);
        if (ended_) throw Ended{};
      };
      const Result result = steps_.work(worker, taken.number, *taken.item, wait);
      wait();
      steps_.tell(result);
    } catch (...) {
      turns_.wait(taken.number);
      if (!ended_.exchange(true)) error_ = std::current_exception();
    }
  }

  Steps steps_;
  std::mutex taking_;
  std::size_t taken_ = 0;
  Turns turns_;
  std::atomic<bool> ended_{false};
  std::exception_ptr error_;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_IN_ORDER_H_
