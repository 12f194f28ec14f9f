#include "cli/bench/speed/run.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "cli/bench/speed/side.h"
#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/model/layer_json.h"
#include "cli/model/picture.h"
#include "common/machine.h"
#include "core/stopwatch.h"
#include "lasso/image.h"

namespace lasso::app {

namespace {

// What SpeedSide::run_layers() has returned in each run.
std::vector<LayerTime> layer_medians(const std::vector<OrderedJson>& runs) {
  std::vector<LayerTime> layers;
  for (std::size_t i = 0; i < runs.front().size(); ++i) {
    const OrderedJson& first = runs.front().at(i);
    std::vector<double> samples;
    for (const OrderedJson& run : runs) samples.push_back(run.at(i).at("ms").get<double>());
    layers.push_back({first.at("stage").get<std::string>(), layer_from_json(first),
                      summarize(std::move(samples)).median, 0});
  }
  return layers;
}

// A PNG of a picture that is made up, in memory; children that are forked find it under path().
class MadeUpPicture {
 public:
  MadeUpPicture() : descriptor_(memfd_create("picture.png", MFD_CLOEXEC)) {
    const std::vector<std::uint8_t> bytes = encode_png(synthetic_image(1920, 1080, 1).view());
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t count = ::write(descriptor_, bytes.data() + done, bytes.size() - done);
      if (count <= 0) {
        throw Failure(Exit::kDeviceOrMemory,
                      fmt::format("no memory for a picture: {}", std::strerror(errno)));
      }
      done += static_cast<std::size_t>(count);
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
    SpeedSetup setup{task.model,   task.run,   task.image, task.tensors,
                     task.program, task.sizes, task.detect};
    if (!task.tensors && task.image.empty()) setup.image = picture_.emplace().path();
    if (task.baseline) results_.rows.push_back(*task.baseline);
    first_ = results_.rows.size();
    for (const Operand& operand : task.candidates) {
      sides_.push_back(std::make_unique<SpeedSide>(operand, setup));
      results_.rows.emplace_back();
      results_.rows.back().name = label(operand);
    }
    results_.image = task.image;
    results_.plan = task.plan;
    results_.tensors = task.tensors;
    results_.stages = task.tensors  ? std::vector<SpeedStage>{{SpeedStage::Kind::kRun}}
                      : task.detect ? detect_stages()
                                    : speed_stages(task.image_counts, task.prompt_counts);
  }

  SpeedResults run() {
    choose_order();
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < sides_.size(); ++i) all.push_back(i);
    if (results_.interleaved) {
      measure_what_works(all);
    } else {
      for (const std::size_t i : all) measure_what_works({i});
    }
    drop_unmeasured();
    measure_machine();
    for (std::size_t i = first_; i < results_.rows.size(); ++i) set_peaks(&results_.rows[i]);
    return std::move(results_);
  }

 private:
  // Short names, unless they are ambiguous; numbers tell apart what is the same altogether.
  std::string label(const Operand& operand) const {
    int others = 0;
    for (const Operand& other : task_.candidates) {
      others +=
          other.short_name() == operand.short_name() && other.text() != operand.text() ? 1 : 0;
    }
    const std::string name = others > 0 ? operand.text() : operand.short_name();
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

  bool has_times() const {
    return std::any_of(results_.rows.begin() + static_cast<std::ptrdiff_t>(first_),
                       results_.rows.end(),
                       [](const SpeedRow& row) { return !row.stages.empty(); });
  }

  // Keeps times that are known when a candidate fails: they may have taken minutes.
  void measure_what_works(const std::vector<std::size_t>& group) {
    active_ = group.front();
    try {
      measure(group);
    } catch (const Failure& failure) {
      if (!has_times()) throw;
      results_.failures.push_back({results_.rows[first_ + active_].name, failure.what()});
      for (const std::size_t i : group) sides_[i].reset();
    }
  }

  void drop_unmeasured() {
    auto& rows = results_.rows;
    rows.erase(std::remove_if(rows.begin() + static_cast<std::ptrdiff_t>(first_), rows.end(),
                              [](const SpeedRow& row) { return row.stages.empty(); }),
               rows.end());
  }

  void set_peaks(SpeedRow* row) const {
    const Machine& machine = results_.machine;
    row->peak_gflop_per_s = row->peak_of(machine, row->info.value("precision", ""));
    for (LayerTime& layer : row->layers) {
      layer.peak_gflop_per_s = row->peak_of(machine, layer.layer.precision);
    }
  }

  // The stages of some candidates, which take turns, and end.
  void measure(const std::vector<std::size_t>& group) {
    for (const std::size_t i : group) load(i);
    if (group.front() == 0 && task_.loaded) task_.loaded();
    measure_machine();
    Progress progress("measuring");
    for (const SpeedStage& stage : results_.stages) measure_stage(stage, group, &progress);
    for (const std::size_t i : group) {
      active_ = i;
      results_.rows[first_ + i].peak_rss_bytes = sides_[i]->peak_rss_bytes();
    }
    // Last, since timing single layers takes memory, and touches results between the layers.
    if (task_.layers) measure_layers(group, &progress);
    for (const std::size_t i : group) sides_[i].reset();
  }

  void load(std::size_t i) {
    active_ = i;
    SpeedRow& row = results_.rows[first_ + i];
    row.info = sides_[i]->load();
    results_.width = row.info.at("width").get<int>();
    results_.height = row.info.at("height").get<int>();
    const OrderedJson& work = row.info.at("gflop");
    const double encode = work.value("encode", 0.0);
    const double decode = work.value("decode", 0.0);
    const double network = work.value("network", 0.0);
    for (const SpeedStage& stage : results_.stages) {
      const double gflop = stage.kind == SpeedStage::Kind::kEncode   ? encode * stage.count
                           : stage.kind == SpeedStage::Kind::kDecode ? decode * stage.count
                           : stage.kind == SpeedStage::Kind::kRun    ? work.value("run", 0.0)
                                                                     : encode + decode + network;
      if (gflop > 0) row.gflop[stage.key()] = gflop;
    }
    for (const char* key : {"width", "height", "gflop"}) row.info.erase(key);
  }

  // Runs each candidate of a group as often as its schedule says. `run` gets the index in the
  // group, and whether the run counts.
  std::vector<Schedule> take_turns(const std::vector<std::size_t>& group, const Plan& plan,
                                   const std::string& title, Progress* progress,
                                   const std::function<void(std::size_t, bool)>& run) {
    std::vector<Schedule> schedules(group.size(), Schedule(plan));
    // Another one begins each round: none always runs after the same other.
    for (std::size_t round = 0; !done(schedules); ++round) {
      for (std::size_t turn = 0; turn < group.size(); ++turn) {
        const std::size_t k = (round + turn) % group.size();
        const Schedule::Next next = schedules[k].next();
        if (next == Schedule::Next::kDone) continue;
        active_ = group[k];
        progress->set(fmt::format("{}: {}, round {}", results_.rows[first_ + active_].name, title,
                                  round + 1));
        const Stopwatch watch;
        run(k, next == Schedule::Next::kMeasure);
        schedules[k].ran(watch.milliseconds());
      }
    }
    return schedules;
  }

  using Samples = std::map<std::string, std::vector<double>>;  // by part

  void measure_stage(const SpeedStage& stage, const std::vector<std::size_t>& group,
                     Progress* progress) {
    std::vector<Samples> samples(group.size());
    const std::vector<Schedule> schedules =
        take_turns(group, task_.plan, stage.title(), progress, [&](std::size_t k, bool counts) {
          OrderedJson parts = sides_[group[k]]->run(stage);
          if (!counts) return;
          if (parts.contains("gpu_state")) {
            results_.rows[first_ + group[k]].gpu_states.push_back(
                gpu_state_from_json(parts.at("gpu_state")));
            parts.erase("gpu_state");
          }
          for (const auto& [part, ms] : parts.items()) samples[k][part].push_back(ms.get<double>());
        });
    for (std::size_t k = 0; k < group.size(); ++k) {
      StageTimes times = times_of(std::move(samples[k]["ms"]));
      times.warm_up_runs = schedules[k].warm_up_runs();
      times.complete = schedules[k].complete();
      for (const char* part :
           {"read", "preprocess", "network", "suppress", "encode", "decode", "postprocess"}) {
        const Statistics of_part = summarize(samples[k][std::string(part) + "_ms"]);
        if (of_part.runs > 0) times.parts_ms.emplace_back(part, of_part.mean);
      }
      results_.rows[first_ + group[k]].stages[stage.key()] = std::move(times);
    }
  }

  void measure_layers(const std::vector<std::size_t>& group, Progress* progress) {
    const Plan plan = layer_plan(task_.plan);
    std::vector<std::vector<OrderedJson>> runs(group.size());
    take_turns(group, plan, "layers", progress, [&](std::size_t k, bool counts) {
      OrderedJson layers = sides_[group[k]]->run_layers();
      if (counts) runs[k].push_back(std::move(layers));
    });
    for (std::size_t k = 0; k < group.size(); ++k) {
      SpeedRow& row = results_.rows[first_ + group[k]];
      row.layers = layer_medians(runs[k]);
      row.layer_runs = static_cast<int>(runs[k].size());
    }
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
    now.gpus = std::move(results_.machine.gpus);
    results_.machine = std::move(now);
    std::set<std::string> devices;
    for (std::size_t i = first_; i < results_.rows.size(); ++i) {
      const OrderedJson& info = results_.rows[i].info;
      if (info.contains("gpu")) devices.insert(info.at("gpu").get<std::string>());
    }
    for (const std::string& device : devices) {
      add_measurement(machine_.measure_gpu(device), &results_.machine.gpus);
    }
  }

  const SpeedTask& task_;
  SpeedResults results_;
  std::optional<MadeUpPicture> picture_;
  MachineSide machine_;
  std::vector<std::unique_ptr<SpeedSide>> sides_;
  std::size_t first_ = 0;   // row of the first candidate
  std::size_t active_ = 0;  // the candidate that works
};

}  // namespace

SpeedResults measure_speed(const SpeedTask& task) { return SpeedMeasurement(task).run(); }

}  // namespace lasso::app
