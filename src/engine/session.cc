#include "engine/session.h"

#include <algorithm>

#include "core/check.h"
#include "core/threads.h"

namespace lasso::engine {

Session::Session(std::shared_ptr<const CompiledModule> module, const SessionOptions& options)
    : module_(std::move(module)), options_(options) {
  LASSO_CHECK(options_.threads >= 1, ErrorCode::kInvalidArgument,
              "threads is {}, and must be at least 1", options_.threads);
  plans_.reserve(options_.cached_plans);
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
  auto plan = std::make_unique<Plan>(module_->programs.at(program), module_->options,
                                     options_.threads, symbols);
  if (plan->arena_bytes() > arena_.size()) {
    arena_ = AlignedBuffer();  // given back first: both at once would double the peak
    try {
      arena_ = AlignedBuffer(plan->arena_bytes());
    } catch (...) {
      plans_.clear();  // they point into the arena that is gone
      throw;
    }
  }
  if (plans_.size() >= options_.cached_plans) {
    plans_.erase(std::min_element(
        plans_.begin(), plans_.end(),
        [](const CachedPlan& a, const CachedPlan& b) { return a.last_used < b.last_used; }));
  }
  plans_.push_back({program, {symbols.begin(), symbols.end()}, clock_, std::move(plan)});
  return *plans_.back().plan;
}

void Session::keep_plans(std::size_t count) {
  options_.cached_plans = std::max(options_.cached_plans, count);
  plans_.reserve(options_.cached_plans);
}

void Session::prepare(std::size_t program, std::span<const std::int64_t> symbols) {
  const ThreadLimit limit(options_.threads);
  find_or_bind(program, symbols);
  constexpr std::size_t kPage = 4096;
  auto* bytes = arena_.data();
  for (std::size_t i = 0; i < arena_.size(); i += kPage) {
    *const_cast<volatile std::byte*>(bytes + i) = std::byte{0};
  }
}

void Session::run(std::size_t program, std::span<const std::int64_t> symbols,
                  std::span<const void* const> inputs, std::span<void* const> outputs) {
  const ThreadLimit limit(options_.threads);
  Plan& plan = find_or_bind(program, symbols);
  plan.set_arena(arena_.data());
  plan.set_arguments(inputs, outputs);
  if (!trace_) {
    plan.run(options_.poison, {});
    return;
  }
  const graph::Graph& graph = module_->programs[program].graph;
  plan.run(options_.poison, [&](const graph::Node& node, const Dims& dims, void* const* results,
                                double ms) {
    const graph::Value& value = graph.value(node.outputs.front());
    trace_(graph.name, value.name, dims, trace_values_.convert(value.dtype, dims, results), ms);
  });
}

}  // namespace lasso::engine
