#include "speed_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include "console.h"
#include "exit_codes.h"
#include "files.h"
#include "speed_side.h"
#include "synthetic.h"

namespace lasso::cli {

namespace {

using Clock = std::chrono::steady_clock;

// A PNG of a picture that is made up. It has no name any more when it is made, so that nothing is
// left behind whatever happens; children that are forked find it under path().
class MadeUpPicture {
 public:
  MadeUpPicture() {
    const FileGuard guard;
    const std::string name =
        (std::filesystem::temp_directory_path() / fmt::format("lasso-{}.png", getpid())).string();
    write_with([&] { write_png(name, synthetic_image(1920, 1080, 1).view()); });
    descriptor_ = open(name.c_str(), O_RDONLY | O_CLOEXEC);
    const int reason = errno;
    std::remove(name.c_str());
    if (descriptor_ < 0) {
      throw Failure(Exit::kSomeFailed,
                    fmt::format("{}: can't be read: {}", name, std::strerror(reason)));
    }
  }
  ~MadeUpPicture() { close(descriptor_); }
  MadeUpPicture(const MadeUpPicture&) = delete;
  MadeUpPicture& operator=(const MadeUpPicture&) = delete;

  std::string path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

 private:
  int descriptor_ = -1;
};

class SpeedMeasurement {
 public:
  explicit SpeedMeasurement(const SpeedTask& task) : task_(task), machine_(task.run.threads) {
    const SpeedSetup setup{task.model, task.run,
                           task.image.empty() ? picture_.emplace().path() : task.image};
    if (task.baseline) results_.rows.push_back(*task.baseline);
    first_ = results_.rows.size();
    for (const Operand& operand : task.candidates) {
      sides_.push_back(std::make_unique<SpeedSide>(operand, setup));
      results_.rows.emplace_back();
      results_.rows.back().name = label(operand);
    }
    results_.image = task.image;
    results_.plan = task.plan;
    results_.stages = speed_stages(task.prompt_counts);
  }

  SpeedResults run() {
    choose_order();
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < sides_.size(); ++i) all.push_back(i);
    if (results_.interleaved) {
      measure(all);
    } else {
      for (const std::size_t i : all) measure({i});
    }
    measure_machine();
    for (std::size_t i = first_; i < results_.rows.size(); ++i) {
      SpeedRow& row = results_.rows[i];
      row.peak_gflop_per_s = results_.machine.peak_gflop_per_s(
          row.info.at("precision").get<std::string>(), row.info.at("isa").get<std::string>());
    }
    return std::move(results_);
  }

 private:
  // Short names, unless they are ambiguous; numbers tell apart what is the same altogether.
  std::string label(const Operand& operand) const {
    const auto short_name = [](const Operand& o) {
      return std::filesystem::path(o.file).filename().string() + "@" + o.variant;
    };
    int others = 0;
    for (const Operand& other : task_.candidates) {
      others += short_name(other) == short_name(operand) && other.text() != operand.text() ? 1 : 0;
    }
    const std::string name = others > 0 ? operand.text() : short_name(operand);
    const auto taken = [&](const std::string& text) {
      return std::any_of(results_.rows.begin(), results_.rows.end(),
                         [&](const SpeedRow& row) { return row.name == text; });
    };
    std::string numbered = name;
    for (int number = 2; taken(numbered); ++number) numbered = fmt::format("{} ({})", name, number);
    return numbered;
  }

  void choose_order() {
    if (sides_.size() < 2) return;
    std::uint64_t needed = 0;
    for (const Operand& operand : task_.candidates) {
      needed += estimated_memory(
          operand, *std::max_element(task_.prompt_counts.begin(), task_.prompt_counts.end()));
    }
    const std::uint64_t available = available_memory();
    if (task_.sequential) {
      results_.order_reason = "as asked for";
    } else if (needed > available) {
      constexpr double kGiB = 1 << 30;
      results_.order_reason =
          fmt::format("together they may take {:.1f} GiB, and {:.1f} GiB are free",
                      static_cast<double>(needed) / kGiB, static_cast<double>(available) / kGiB);
    }
    results_.interleaved = results_.order_reason.empty();
  }

  // The stages of some candidates, which take turns, and end.
  void measure(const std::vector<std::size_t>& group) {
    for (const std::size_t i : group) load(i);
    if (group.front() == 0 && task_.loaded) task_.loaded();
    measure_machine();
    Progress progress("measuring");
    for (const SpeedStage& stage : results_.stages) measure_stage(stage, group, &progress);
    for (const std::size_t i : group) {
      results_.rows[first_ + i].peak_rss_bytes = sides_[i]->peak_rss_bytes();
      sides_[i].reset();
    }
  }

  void load(std::size_t i) {
    SpeedRow& row = results_.rows[first_ + i];
    row.info = sides_[i]->load();
    results_.width = row.info.at("width").get<int>();
    results_.height = row.info.at("height").get<int>();
    const double encode = row.info.at("gflop").at("encode").get<double>();
    const double decode = row.info.at("gflop").at("decode").get<double>();
    for (const SpeedStage& stage : results_.stages) {
      const double gflop = stage.kind == SpeedStage::Kind::kEncode   ? encode
                           : stage.kind == SpeedStage::Kind::kDecode ? decode * stage.prompts
                                                                     : encode + decode;
      if (gflop > 0) row.gflop[stage.key()] = gflop;
    }
    for (const char* key : {"width", "height", "gflop"}) row.info.erase(key);
  }

  void measure_stage(const SpeedStage& stage, const std::vector<std::size_t>& group,
                     Progress* progress) {
    std::vector<Schedule> schedules(group.size(), Schedule(task_.plan));
    std::vector<Samples> samples(group.size());
    // Another one begins each round: none always runs after the same other.
    for (std::size_t round = 0; !done(schedules); ++round) {
      for (std::size_t turn = 0; turn < group.size(); ++turn) {
        const std::size_t k = (round + turn) % group.size();
        progress->set(fmt::format("{}: {}, round {}", results_.rows[first_ + group[k]].name,
                                  stage.title(), round + 1));
        run_once(stage, group[k], &schedules[k], &samples[k]);
      }
    }
    for (std::size_t k = 0; k < group.size(); ++k) {
      StageTimes times = times_of(std::move(samples[k]["ms"]));
      times.warm_up_runs = schedules[k].warm_up_runs();
      times.complete = schedules[k].complete();
      for (const char* part : {"read", "preprocess", "encode", "decode", "postprocess"}) {
        const Statistics of_part = summarize(samples[k][std::string(part) + "_ms"]);
        if (of_part.runs > 0) times.parts_ms.emplace_back(part, of_part.mean);
      }
      results_.rows[first_ + group[k]].stages[stage.key()] = std::move(times);
    }
  }

  using Samples = std::map<std::string, std::vector<double>>;  // by part

  void run_once(const SpeedStage& stage, std::size_t i, Schedule* schedule, Samples* samples) {
    const Schedule::Next next = schedule->next();
    if (next == Schedule::Next::kDone) return;
    const auto start = Clock::now();
    const Json parts = sides_[i]->run(stage);
    schedule->ran(milliseconds_since(start));
    if (next == Schedule::Next::kWarmUp) return;
    for (const auto& [part, ms] : parts.items()) (*samples)[part].push_back(ms.get<double>());
  }

  static bool done(const std::vector<Schedule>& schedules) {
    return std::all_of(schedules.begin(), schedules.end(), [](const Schedule& schedule) {
      return schedule.next() == Schedule::Next::kDone;
    });
  }

  // The best of several times counts: the clock may be held down now and then.
  void measure_machine() {
    const Progress progress("measuring the machine's peak");
    Machine now = machine_.measure();
    for (std::size_t i = 0; i < results_.machine.peaks.size(); ++i) {
      double& peak = now.peaks[i].gflop_per_s;
      peak = std::max(peak, results_.machine.peaks[i].gflop_per_s);
    }
    results_.machine = std::move(now);
  }

  const SpeedTask& task_;
  SpeedResults results_;
  std::optional<MadeUpPicture> picture_;
  MachineSide machine_;
  std::vector<std::unique_ptr<SpeedSide>> sides_;
  std::size_t first_ = 0;  // row of the first candidate
};

}  // namespace

SpeedResults measure_speed(const SpeedTask& task) { return SpeedMeasurement(task).run(); }

}  // namespace lasso::cli
