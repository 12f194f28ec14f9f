#include "common/prompts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace lasso::app {
namespace {

TEST(BoxProblem, IsOfCoordinatesThatAreNotFiniteAndOfNoArea) {
  EXPECT_EQ(box_problem({1, 2, 3, 4}), std::nullopt);
  EXPECT_EQ(box_problem({-1, -2, 1e9F, 1e9F}), std::nullopt);  // it may leave the image
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    for (float Box::*const side : {&Box::x0, &Box::y0, &Box::x1, &Box::y1}) {
      Box box{1, 2, 3, 4};
      box.*side = value;
      EXPECT_NE(box_problem(box).value_or("nothing").find("not finite"), std::string::npos);
    }
  }
  EXPECT_NE(box_problem({1, 2, 1, 4}).value_or("nothing").find("x0 = 1"), std::string::npos);
  EXPECT_NE(box_problem({1, 4, 3, 2}).value_or("nothing").find("y0 = 4"), std::string::npos);
}

PromptFile parse(const std::string& text) { return parse_prompts(text, "p", "", false); }

// What is wrong with the only line.
std::string problem(const std::string& line) {
  const PromptFile file = parse_prompts(line, "p", "a.png", false);
  if (file.images.size() == 1 && file.images[0].failures.size() == 1 && file.failures.empty()) {
    return file.images[0].failures[0].message;
  }
  return file.failures.size() == 1 ? file.failures[0].message : "none";
}

TEST(Prompts, NullSaysTheSameAsLeavingOut) {
  const PromptFile file = parse_prompts(
      R"({"image": null, "points": [[1, 2]], "labels": null, "box": null, "multimask": null, "id": null}
{"image": "b.png", "points": null, "labels": null, "box": [1, 2, 3, 4], "multimask": false}
)",
      "p", "a.png", true);
  EXPECT_TRUE(file.failures.empty());
  ASSERT_EQ(file.images.size(), 2u);
  EXPECT_EQ(file.images[0].path, "a.png");
  ASSERT_EQ(file.images[0].prompts.size(), 1u);
  const PromptTask& first = file.images[0].prompts[0];
  ASSERT_EQ(first.prompt.points.size(), 1u);
  EXPECT_EQ(first.prompt.points[0].label, PointLabel::kForeground);
  EXPECT_FALSE(first.prompt.box.has_value());
  EXPECT_TRUE(first.multimask);  // the default
  EXPECT_TRUE(first.id.is_null());
  ASSERT_EQ(file.images[1].prompts.size(), 1u);
  EXPECT_TRUE(file.images[1].prompts[0].prompt.box.has_value());
  EXPECT_FALSE(file.images[1].prompts[0].multimask);
  EXPECT_TRUE(file.some_name_none);
  EXPECT_EQ(problem(R"({"points": null, "box": null})"), "no prompt: expected points or a box");
  EXPECT_EQ(parse(R"({"image": null, "points": [[1, 2]]})").failures.at(0).message,
            "\"image\" is missing");
}

TEST(Prompts, NamesMayHaveAnyBytes) {
  const std::string name = "a\xff/\xc3\xa4\xf4\x8f\xba\x80.png";
  const PromptFile file = parse(json_line({{"image", json_name(name)}, {"box", {1, 2, 3, 4}}}) +
                                "\n" + R"({"image": "\udbff\udeff.png", "box": [1, 2, 3, 4]})");
  ASSERT_EQ(file.images.size(), 2u);
  EXPECT_EQ(file.images[0].path, name);
  EXPECT_EQ(file.images[1].path, "\xff.png");
  EXPECT_NE(problem(R"({"image": "a\u0000b", "box": [1, 2, 3, 4]})").find("U+0000"),
            std::string::npos);
}

TEST(Prompts, LinesThatAreNoJsonSayWhereAndWhy) {
  EXPECT_EQ(problem(R"({"box": [1, 2, 3, 4]]})"),
            "is not JSON: \"]\" is not expected at column 21");
  EXPECT_EQ(problem(R"({"box": [1, 2, 3, 4)"), "is not JSON: it ends too early");
  EXPECT_EQ(
      problem("{\"image\": \"\xff.png\"}"),
      "is not UTF-8 at column 12 (byte \\xff); a name that is not is written as --json writes "
      "it");
  EXPECT_EQ(problem("{'box': 1}"), "is not JSON: \"'\" is not expected at column 2");
  EXPECT_EQ(problem("[1]"), "expected a JSON object, got [1]");
  EXPECT_EQ(problem(R"({"points": [[1e999, 2]]})"),
            "is not JSON that can be read: a number is too large");
}

TEST(Prompts, NothingIsLostWithoutAWord) {
  EXPECT_EQ(problem(R"({"image": "caf\udce9.png"})"),
            "is not JSON: \\udce9 at column 15 is half a character; a name that is not UTF-8 is "
            "written as --json writes it");
  EXPECT_EQ(problem(R"({"image": "\ud83d\ude00" x})"),
            "is not JSON: \"x\" is not expected at column 26");
  std::string many = "{\"box\": [1, 2, 3, 4]";
  for (int i = 0; i < 64; ++i) many += fmt::format(", \"k{}\": 0", i);
  EXPECT_EQ(problem(many + "}"), "has an object of more than 64 keys");
  EXPECT_EQ(problem(R"({"box": [1, 2, 3, 4], "box": [5, 6, 7, 8]})"), "\"box\" stands in it twice");
  // An integer beyond 64 bits would come back rounded.
  EXPECT_NE(problem(R"({"box": [1, 2, 3, 4], "id": 123456789012345678901})").find("64 bits"),
            std::string::npos);
  const PromptFile file = parse_prompts(
      R"({"box": [1, 2, 3, 4], "id": 18446744073709551615}
{"box": [1, 2, 3, 4], "id": -9223372036854775808}
{"box": [1, 2, 3, 4], "id": 0.25})",
      "p", "a.png", false);
  ASSERT_EQ(file.images.size(), 1u);
  ASSERT_EQ(file.images[0].prompts.size(), 3u);
  EXPECT_EQ(json_line(file.images[0].prompts[0].id), "18446744073709551615");
  EXPECT_EQ(json_line(file.images[0].prompts[1].id), "-9223372036854775808");
  EXPECT_EQ(json_line(file.images[0].prompts[2].id), "0.25");
}

}  // namespace
}  // namespace lasso::app
