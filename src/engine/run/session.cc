#include "engine/run/session.h"

#include <algorithm>

#include "core/check.h"
#include "core/threads.h"

namespace lasso::engine {

namespace {

std::shared_ptr<const backend::Device> device_of(const CompiledModule& module,
                                                 const SessionOptions& options) {
  if (options.device != nullptr) return options.device;
  if (module.options.devices != nullptr) return module.options.devices->next();
  LASSO_CHECK(options.threads >= 1, ErrorCode::kInvalidArgument,
              "threads is {}, and must be at least 1", options.threads);
  backend::TargetInfo target = module.options.target;
  target.threads = options.threads;
  return backend::make_cpu_device(target);
}

}  // namespace

Session::Session(std::shared_ptr<const CompiledModule> module, const SessionOptions& options)
    : module_(std::move(module)),
      options_(options),
      device_(device_of(*module_, options)),
      stream_(device_->make_stream()),
      weights_(module_->weights.on(device_)) {
  plans_.reserve(options_.cached_plans);
}

// What the stream still does uses the plans and the arena.
Session::~Session() {
  if (stream_ == nullptr) return;
  try {
    stream_->wait();
  } catch (...) {  // whom it concerns has not asked
  }
}

std::size_t Session::program(const std::string& name) const {
  for (std::size_t i = 0; i < module_->programs.size(); ++i) {
    if (module_->programs[i].graph.name == name) return i;
  }
  fail(ErrorCode::kNotFound, "the engine has no program \"{}\"", name);
}

Plan& Session::find_or_bind(std::size_t program, std::span<const std::int64_t> symbols) {
  ++clock_;
  for (CachedPlan& cached : plans_) {
    if (cached.program == program &&
        std::equal(symbols.begin(), symbols.end(), cached.symbols.begin(), cached.symbols.end())) {
      cached.last_used = clock_;
      return *cached.plan;
    }
  }
  auto plan =
      std::make_unique<Plan>(*module_, module_->programs.at(program), *device_, weights_, symbols);
  if (plan->arena_bytes() > arena_.size()) {
    stream_->wait();
    is_arena_touched_ = false;
    arena_ = {};  // given back first: both at once would double the peak
    try {
      arena_ = device_->allocate(plan->arena_bytes());
    } catch (...) {
      plans_.clear();  // they point into the arena that is gone
      throw;
    }
  }
  if (plans_.size() >= options_.cached_plans) {
    stream_->wait();
    plans_.erase(std::min_element(
        plans_.begin(), plans_.end(),
        [](const CachedPlan& a, const CachedPlan& b) { return a.last_used < b.last_used; }));
  }
  plans_.push_back({program, {symbols.begin(), symbols.end()}, clock_, std::move(plan)});
  return *plans_.back().plan;
}

void Session::wait() {
  const ThreadLimit limit(threads());  // of copies from pinned memory
  stream_->wait();
  check_weights();
}

void Session::check_weights() const {
  if (device_->is_host()) module_->weights.check_file();
}

void Session::keep_plans(std::size_t count) {
  options_.cached_plans = std::max(options_.cached_plans, count);
  plans_.reserve(options_.cached_plans);
}

void Session::prepare(std::size_t program, std::span<const std::int64_t> symbols) {
  find_or_bind(program, symbols);
  if (is_arena_touched_) return;
  stream_->fill(arena_.data(), std::byte{0}, arena_.size());
  stream_->wait();
  is_arena_touched_ = true;
}

void Session::record_plans() {
  if (device_->is_host() || options_.poison) return;
  for (const CachedPlan& cached : plans_) {
    cached.plan->set_arena(arena_.data());
    cached.plan->record(*stream_);
  }
  stream_->wait();
}

void Session::enqueue(std::size_t program, std::span<const std::int64_t> symbols,
                      std::span<const ConstTensorRef> inputs, std::span<const TensorRef> outputs) {
  check_weights();
  const ThreadLimit limit(threads());  // of copies to pinned memory
  Plan& plan = find_or_bind(program, symbols);
  plan.set_arena(arena_.data());
  or_abandon([&] { enqueue(plan, program, inputs, outputs); });
}

void Session::enqueue(Plan& plan, std::size_t program, std::span<const ConstTensorRef> inputs,
                      std::span<const TensorRef> outputs) {
  if (!trace_) {
    plan.enqueue(*stream_, inputs, outputs, options_.poison, {});
    return;
  }
  const graph::Graph& graph = module_->programs[program].graph;
  trace_values_.begin(graph);
  plan.enqueue(
      *stream_, inputs, outputs, options_.poison,
      [&](const graph::Node& node, const Dims& dims, std::span<void* const> results, double ms) {
        const graph::Value& value = graph.value(node.outputs.front());
        trace_(graph.name, value.name, dims,
               trace_values_.convert(*device_, *stream_, node, value.dtype, dims, results), ms);
      });
}

}  // namespace lasso::engine
