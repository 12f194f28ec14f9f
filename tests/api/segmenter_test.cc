// Prompts and their answers, as a program of a user asks and takes them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/micro.h"
#include "support/errors.h"

namespace lasso {
namespace {

using test::code_of;

TEST_F(Api, LogitsOfAResultAreTheNextPromptsMask) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  Prompt prompt = click(250, 300);
  const Segmentation first = segmenter.segment(embedding, prompt);
  EXPECT_EQ(first.masks.front().width, image().width);
  prompt.mask_input = first.low_res_logits;
  const Segmentation second = segmenter.segment(embedding, prompt);
  EXPECT_NE(first.low_res_logits, second.low_res_logits);
}

TEST_F(Api, OneMaskThresholdAndNoMasks) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  SegmentOptions options;
  options.mask_threshold = std::numeric_limits<float>::infinity();
  EXPECT_EQ(mask_area(segmenter.segment(embedding, click(5, 5), options).masks.front()), 0);
  options.mask_threshold = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(mask_area(segmenter.segment(embedding, click(5, 5), options).masks.front()),
            std::int64_t{image().width} * image().height);
  options.masks = false;
  Prompt ambiguous = click(5, 5);
  ambiguous.multimask = true;
  const Segmentation result = segmenter.segment(embedding, ambiguous, options);
  EXPECT_TRUE(result.masks.empty());
  EXPECT_EQ(result.iou_predictions.size(), 3U);
  EXPECT_EQ(result.low_res_logits.size(), 3U * 64 * 64);
  EXPECT_GE(result.iou_predictions[result.best()], result.iou_predictions[0]);
}

TEST_F(Api, ManyPromptsAreAnsweredInTheirOrder) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  std::vector<Prompt> prompts;
  for (int i = 0; i < 21; ++i) {
    Prompt prompt;
    if (i % 3 != 1) prompt = click(20.0F * static_cast<float>(i), 100);
    if (i % 3 != 0) prompt.box = Box{10, 20, 100 + 10 * static_cast<float>(i), 300};
    prompts.push_back(prompt);
  }
  const std::vector<Segmentation> together = segmenter.segment(embedding, prompts);
  ASSERT_EQ(together.size(), prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Segmentation alone = segmenter.segment(embedding, prompts[i]);
    for (std::size_t k = 0; k < alone.low_res_logits.size(); ++k) {
      ASSERT_NEAR(together[i].low_res_logits[k], alone.low_res_logits[k], 1e-4) << i;
    }
  }
}

Prompt box(float x1, float y1) {
  Prompt prompt;
  prompt.box = Box{10, 20, x1, y1};
  return prompt;
}

// Of several kinds in turn, so that the decoder takes them in another order than they stand in.
std::vector<Prompt> mixed_prompts() {
  std::vector<Prompt> prompts;
  for (int i = 0; i < 40; ++i) {
    const auto offset = static_cast<float>(5 * i);
    Prompt prompt = i % 3 == 0 ? click(20 + offset, 100) : box(60 + offset, 300);
    if (i % 5 == 0) prompt.points.push_back({offset, offset, PointLabel::kBackground});
    prompt.multimask = i % 2 == 0;
    prompts.push_back(prompt);
  }
  return prompts;
}

TEST_F(Api, ASinkTakesTheAnswersInOrder) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  const std::vector<Prompt> prompts = mixed_prompts();
  const std::vector<Segmentation> all = segmenter.segment(embedding, prompts);
  std::size_t next = 0;
  std::vector<std::uint8_t> buffer(all[0].masks[0].data.size());
  segmenter.segment(embedding, prompts, {}, [&](std::size_t i, Segmentation& answer) {
    ASSERT_EQ(i, next++);
    ASSERT_EQ(answer.masks.size(), prompts[i].multimask ? 3U : 1U);
    EXPECT_EQ(answer.low_res_logits, all[i].low_res_logits);
    EXPECT_EQ(answer.iou_predictions, all[i].iou_predictions);
    for (std::size_t m = 0; m < answer.masks.size(); ++m) {
      EXPECT_EQ(answer.masks[m].data, all[i].masks[m].data);
    }
    segmenter.upsample_mask(embedding, answer.low_res_logits.data(), 0.0F, buffer.data(),
                            image().width);
    EXPECT_EQ(buffer, answer.masks[0].data);
    if (i % 4 == 0) const Segmentation taken = std::move(answer);
  });
  EXPECT_EQ(next, prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Segmentation alone = segmenter.segment(embedding, prompts[i]);
    ASSERT_EQ(alone.masks.size(), all[i].masks.size());
    for (std::size_t k = 0; k < alone.low_res_logits.size(); ++k) {
      ASSERT_NEAR(all[i].low_res_logits[k], alone.low_res_logits[k], 1e-4) << i;
    }
  }
}

// What a sink throws comes out as it is, and the segmenter goes on working.
TEST_F(Api, ASinkMayEndTheCall) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  const std::vector<Prompt> prompts = mixed_prompts();
  const std::vector<Segmentation> all = segmenter.segment(embedding, prompts);
  struct Enough {};
  for (const std::size_t last : {0U, 1U, 7U}) {
    EXPECT_THROW(segmenter.segment(embedding, prompts, {},
                                   [&](std::size_t i, Segmentation&) {
                                     if (i == last) throw Enough();
                                   }),
                 Enough);
    const std::vector<Segmentation> again = segmenter.segment(embedding, prompts);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_EQ(again[i].low_res_logits, all[i].low_res_logits) << i;
    }
  }
  EXPECT_EQ(code_of([&] { segmenter.segment(embedding, prompts, {}, nullptr); }, "sink"),
            ErrorCode::kInvalidArgument);
}

TEST_F(Api, BadArgumentsAreNamed) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  const auto refused = [&](const Prompt& prompt, const std::string& text) {
    EXPECT_EQ(code_of([&] { segmenter.segment(embedding, prompt); }, text),
              ErrorCode::kInvalidArgument);
  };
  refused({}, "empty");
  refused(click(std::nanf(""), 3), "not finite");
  Prompt flat;
  flat.box = Box{10, 10, 10, 50};
  refused(flat, "no area");
  Prompt mask = click(1, 1);
  mask.mask_input.assign(100, 0.0F);
  refused(mask, "64x64");
  mask.mask_input.assign(64 * 64, 0.0F);
  mask.mask_input.back() = std::nanf("");
  refused(mask, "mask_input has values that are not finite");
  Prompt label = click(1, 1);
  label.points[0].label = static_cast<PointLabel>(7);
  refused(label, "label 7");
  EXPECT_EQ(code_of(
                [&] {
                  segmenter.encode({nullptr, 10, 10, 30, PixelFormat::kRgb});
                },
                ""),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(
                [&] {
                  segmenter.encode({image().pixels.data(), 10, 10, 20, PixelFormat::kRgb});
                },
                ""),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] { Engine::build("/nonexistent/sam.pth"); }, "/nonexistent/sam.pth"),
            ErrorCode::kNotFound);
  EngineOptions options = test::capped();
  options.preprocess = "yolo9000";
  EXPECT_EQ(code_of([&] { Engine::build(data("checkpoint.pth"), options); }, "yolo9000"),
            ErrorCode::kInvalidArgument);
}

TEST_F(Api, ThreadsShareAnEngine) {
  Segmenter segmenter(engine(), {1});
  const Segmentation expected =
      segmenter.segment(segmenter.encode(image().view()), click(250, 300));
  std::vector<std::thread> threads;
  std::vector<Segmentation> results(3);
  for (Segmentation& result : results) {
    threads.emplace_back([&result] {
      Segmenter own(engine(), {1});
      result = own.segment(own.encode(image().view()), click(250, 300));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Segmentation& result : results) {
    EXPECT_EQ(result.low_res_logits, expected.low_res_logits);
    EXPECT_EQ(result.masks.front().data, expected.masks.front().data);
  }
}

TEST_F(Api, MasksGoIntoTheCallersBuffer) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  SegmentOptions options;
  const Segmentation with = segmenter.segment(embedding, click(250, 300), options);
  options.masks = false;
  const Segmentation without = segmenter.segment(embedding, click(250, 300), options);
  const std::ptrdiff_t stride = image().width + 5;
  std::vector<std::uint8_t> buffer(static_cast<std::size_t>(stride * image().height), 9);
  segmenter.upsample_mask(embedding, without.low_res_logits.data(), 0.0F, buffer.data(), stride);
  for (int y = 0; y < image().height; ++y) {
    const std::uint8_t* row = buffer.data() + y * stride;
    EXPECT_TRUE(std::equal(row, row + image().width,
                           with.masks[0].data.data() + std::ptrdiff_t{y} * image().width));
    EXPECT_EQ(row[image().width], 9);
  }
}

TEST_F(Api, SameBitsEveryRun) {
  for (const int threads : {1, 2}) {
    Segmenter segmenter(engine(), {threads});
    const Segmentation first = segmenter.segment(segmenter.encode(image().view()), click(250, 300));
    for (int i = 0; i < 3; ++i) {
      Segmenter again(engine(), {threads});
      EXPECT_EQ(again.segment(again.encode(image().view()), click(250, 300)).low_res_logits,
                first.low_res_logits);
    }
  }
}

}  // namespace
}  // namespace lasso
