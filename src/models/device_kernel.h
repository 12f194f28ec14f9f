// A session's device: its kernels that no op of the graph has, and memory that grows.
#ifndef LASSO_MODELS_DEVICE_KERNEL_H_
#define LASSO_MODELS_DEVICE_KERNEL_H_

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/check.h"
#include "engine/run/session.h"
#include "kernels/device_library.h"
#include "kernels/device_rows.h"

namespace lasso {

// Makes a block at least so large; its contents are unspecified where it was smaller.
inline void grow(engine::Session& session, backend::Buffer& buffer, std::size_t bytes) {
  if (bytes <= buffer.size()) return;
  session.stream().wait();  // for what uses the old one
  buffer = {};
  buffer = session.device()->allocate(bytes);
}

inline const kernels::DeviceRows& rows_of(backend::DeviceKind kind) {
  static const kernels::DeviceRows none;
  return kind == backend::DeviceKind::kCpu ? none : kernels::device_library(kind).rows();
}

// What the session's device has for a problem.
template <typename Problem>
class DeviceKernel {
 public:
  explicit DeviceKernel(engine::Session& session)
      : session_(session), rows_(rows_of(session.target().kind).template of<Problem>()) {}

  bool exists() const { return !rows_.empty(); }

  // On the session's stream. Allocates for another problem than the last one.
  void launch(const Problem& problem, std::span<const void* const> inputs,
              std::span<void* const> outputs) {
    if (!problem_ || *problem_ != problem) prepare(problem);
    session_.stream().launch(
        row_->run, *state_,
        {.inputs = inputs, .outputs = outputs, .packed = nullptr, .workspace = workspace_.data()});
  }

 private:
  static constexpr std::size_t kMostRetired = 16;

  void prepare(const Problem& problem) {
    problem_.reset();  // what throws below leaves no workspace for the last one
    for (const kernels::Kernel<Problem>& row : rows_) {
      const kernels::Offer offer = kernels::ask(row, problem, session_.target());
      if (!offer) continue;
      auto state = row.create(problem, session_.target(), offer);
      grow(session_, workspace_, offer.workspace_bytes);
      if (retired_.size() == kMostRetired) {
        session_.stream().wait();
        retired_.clear();
      }
      retired_.push_back(std::move(state_));
      state_ = std::move(state);
      row_ = &row;
      problem_ = problem;
      return;
    }
    fail(ErrorCode::kInternal, "the device {} has no kernel that takes the image or the masks",
         session_.device()->name());
  }

  engine::Session& session_;
  const std::vector<kernels::Kernel<Problem>>& rows_;
  std::optional<Problem> problem_;
  const kernels::Kernel<Problem>* row_ = nullptr;
  std::unique_ptr<backend::KernelState> state_;
  std::vector<std::unique_ptr<backend::KernelState>> retired_;  // that the stream may still use
  backend::Buffer workspace_;
};

}  // namespace lasso

#endif  // LASSO_MODELS_DEVICE_KERNEL_H_
