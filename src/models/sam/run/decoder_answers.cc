#include "models/sam/run/decoder_answers.h"

#include <array>

#include "core/finite.h"
#include "image/mask/mask_bits.h"
#include "kernels/image/problems.h"
#include "models/sam/run/finite_check.h"

namespace lasso::sam {

namespace {

// What both have in common.
class Answers : public DecoderAnswers {
 public:
  void reserve(std::size_t prompts, std::size_t masks, std::size_t side) override {
    masks_ = masks;
    plane_ = side * side;
    reserve_planes(prompts * masks);
  }

 protected:
  virtual void reserve_planes(std::size_t planes) = 0;

  // The first of the planes of logits that answer the prompt.
  std::size_t first_plane(std::size_t prompt) const {
    return prompt * masks_ + request_.prompts[prompt].first;
  }
  // Gives the masks their size, and calls make(mask, its place in the answer) for each.
  template <typename Make>
  void make_masks(std::size_t prompt, Segmentation& result, const Make& make) const {
    const MaskUpsample& u = request_.upsample;
    result.masks.resize(request_.options.masks ? request_.prompts[prompt].count : 0);
    for (std::size_t m = 0; m < result.masks.size(); ++m) {
      Mask& mask = result.masks[m];
      mask.width = u.width;
      mask.height = u.height;
      mask.data.resize(static_cast<std::size_t>(u.width) * static_cast<std::size_t>(u.height));
      make(mask, m);
    }
  }
  // From `begin` of `logits` on.
  void copy_logits(std::size_t prompt, const Scratch<float>& logits, std::size_t begin,
                   Segmentation& result) const {
    result.low_res_logits.clear();
    if (!request_.options.low_res_logits) return;
    const float* first = logits.data() + begin;
    result.low_res_logits.assign(first, first + request_.prompts[prompt].count * plane_);
  }

  AnswerRequest request_;
  std::size_t masks_ = 0;
  std::size_t plane_ = 0;
};

class HostAnswers final : public Answers {
 public:
  explicit HostAnswers(MaskScratch& scratch) : scratch_(scratch) {}

  engine::TensorRef logits() override { return logits_.data(); }
  void begin(const AnswerRequest& request) override { request_ = request; }
  std::size_t not_finite(std::size_t prompt) override {
    return count_not_finite(logits_of(prompt), request_.prompts[prompt].count * plane_);
  }
  void write(std::size_t prompt, Segmentation& result) override {
    const float* logits = logits_of(prompt);
    copy_logits(prompt, logits_, first_plane(prompt) * plane_, result);
    make_masks(prompt, result, [&](Mask& mask, std::size_t m) {
      upsample_mask(request_.upsample, logits + m * plane_, request_.options.mask_threshold,
                    scratch_, mask.data.data(), mask.width);
    });
  }

 private:
  void reserve_planes(std::size_t planes) override { logits_.get(planes * plane_); }
  const float* logits_of(std::size_t prompt) const {
    return logits_.data() + first_plane(prompt) * plane_;
  }

  MaskScratch& scratch_;
  Scratch<float> logits_;
};

class DeviceAnswers final : public Answers {
 public:
  explicit DeviceAnswers(engine::Session& session)
      : session_(session), mask_kernel_(session), finite_(session) {}

  bool possible() const { return mask_kernel_.exists() && finite_.exists(); }

  engine::TensorRef logits() override {
    return {logits_.data(), DType::kF32, engine::MemorySpace::kDevice};
  }
  void begin(const AnswerRequest& request) override {
    request_ = request;
    enqueue(0);
  }
  std::size_t not_finite(std::size_t prompt) override {
    need(prompt);
    return finite_.sum(place_of(prompt), request_.prompts[prompt].count);
  }
  void write(std::size_t prompt, Segmentation& result) override {
    need(prompt);
    const std::size_t place = place_of(prompt);
    copy_logits(prompt, low_res_, place * plane_, result);
    make_masks(prompt, result, [&](Mask& mask, std::size_t m) {
      expand_mask_bits(bits_.data() + (place + m) * words(), mask.width, mask.height,
                       mask.data.data());
    });
  }

 private:
  // Bytes that come from the device at a time, and lie on both sides: more prompts take several
  // turns.
  static constexpr std::size_t kBytesPerTurn = std::size_t{64} << 20;

  void reserve_planes(std::size_t planes) override {
    grow(session_, logits_, planes * plane_ * sizeof(float));
  }
  std::size_t words() const {  // of one mask
    return kernels::mask_words(request_.upsample.width, request_.upsample.height);
  }
  // The prompt's first plane among those of the turn.
  std::size_t place_of(std::size_t prompt) const { return places_[prompt - begin_]; }

  void need(std::size_t prompt) {
    if (prompt >= begin_ && prompt < end_) return;
    session_.or_abandon([&] {
      enqueue(prompt);
      session_.wait();
    });
  }

  // The turn of prompts `begin` and those behind it.
  void enqueue(std::size_t begin) {
    const SegmentOptions& options = request_.options;
    const std::size_t plane_bytes = (options.masks ? words() * sizeof(std::uint32_t) : 0) +
                                    (options.low_res_logits ? plane_ * sizeof(float) : 0);
    begin_ = begin;
    end_ = begin;
    places_.clear();
    planes_.clear();
    do {
      places_.push_back(planes_.size());
      for (std::size_t m = 0; m < request_.prompts[end_].count; ++m) {
        planes_.push_back(static_cast<std::int32_t>(first_plane(end_) + m));
      }
      ++end_;
    } while (end_ < request_.prompts.size() &&
             (planes_.size() + request_.prompts[end_].count) * plane_bytes <= kBytesPerTurn);
    const std::size_t list_bytes = planes_.size() * sizeof(std::int32_t);
    grow(session_, device_planes_, list_bytes);
    session_.stream().upload(device_planes_.data(), planes_.data(), list_bytes);
    finite_.enqueue(logits_.data(), device_planes_.data(), planes_.size(), plane_);
    if (options.masks) enqueue_masks();
    if (options.low_res_logits) enqueue_logits();
  }

  void enqueue_masks() {
    const std::size_t bytes = planes_.size() * words() * sizeof(std::uint32_t);
    grow(session_, device_bits_, bytes);
    const std::array<const void*, 2> inputs{logits_.data(), device_planes_.data()};
    const std::array<void*, 1> outputs{device_bits_.data()};
    mask_kernel_.launch(
        kernels::make_mask_problem(request_.upsample, static_cast<int>(planes_.size()),
                                   request_.options.mask_threshold),
        inputs, outputs);
    session_.stream().download(bits_.get(planes_.size() * words()), device_bits_.data(), bytes);
  }

  // Neighbouring planes come together.
  void enqueue_logits() {
    float* to = low_res_.get(planes_.size() * plane_);
    const auto* from = reinterpret_cast<const float*>(logits_.data());
    for (std::size_t i = 0; i < planes_.size();) {
      std::size_t end = i + 1;
      while (end < planes_.size() && planes_[end] == planes_[end - 1] + 1) ++end;
      session_.stream().download(to + i * plane_,
                                 from + static_cast<std::size_t>(planes_[i]) * plane_,
                                 (end - i) * plane_ * sizeof(float));
      i = end;
    }
  }

  engine::Session& session_;
  DeviceKernel<kernels::MaskProblem> mask_kernel_;
  FiniteCheck finite_;
  backend::Buffer logits_;
  // The turn: prompts begin to end, and their planes.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::vector<std::size_t> places_;
  std::vector<std::int32_t> planes_;
  backend::Buffer device_planes_;
  backend::Buffer device_bits_;
  Scratch<std::uint32_t> bits_;
  Scratch<float> low_res_;
};

}  // namespace

std::unique_ptr<DecoderAnswers> make_decoder_answers(engine::Session& session,
                                                     MaskScratch& scratch) {
  auto on_device = std::make_unique<DeviceAnswers>(session);
  if (on_device->possible()) return on_device;
  return std::make_unique<HostAnswers>(scratch);
}

}  // namespace lasso::sam
