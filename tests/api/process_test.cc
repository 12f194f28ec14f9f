// What a process does besides: it forks, or sets a locale.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <ios>
#include <locale>
#include <string>
#include <vector>

#include "api/micro.h"

namespace lasso {
namespace {

// Web servers and Python's workers load a model, answer, and fork.
TEST_F(Api, ChildrenOfAProcessThatSegmentedSegment) {
  SegmenterOptions options;
  options.threads = 3;
  Segmenter segmenter(engine(), options);
  const Prompt prompt = click(250, 300);
  const auto logits = [&](Segmenter* one) {
    return one->segment(one->encode(image().view()), prompt).low_res_logits;
  };
  const std::vector<float> expected = logits(&segmenter);
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);  // a child that waits for threads that it does not have would wait for ever
    int result = 3;
    try {
      result = logits(&segmenter) == expected ? 0 : 1;
      Segmenter fresh(Engine::build(data("checkpoint.pth"), test::capped()), options);
      if (logits(&fresh) != expected) result = 2;
    } catch (...) {
    }
    _exit(result);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(logits(&segmenter), expected) << "the parent's team is its own";
}

// Numbers with a comma, and with points between groups of digits.
class CommaNumbers : public std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

// Makes such a locale for C by localedef, which comes with the C library, and sets it for C and
// C++; restores what was there.
class CommaLocale {
 public:
  explicit CommaLocale(const test::TempDir& folder)
      : before_(std::locale::global(std::locale(std::locale::classic(), new CommaNumbers))) {
    std::ofstream(folder / "source") << "LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \".\"\n"
                                        "grouping 3;3\nEND LC_NUMERIC\n";
    // ASCII, since a small system has no tables of characters.
    std::ofstream charmap(folder / "charmap");
    charmap << "<code_set_name> ANSI_X3.4-1968\n<comment_char> %\n<escape_char> /\n"
               "<mb_cur_min> 1\n<mb_cur_max> 1\nCHARMAP\n";
    charmap << std::hex << std::uppercase << std::setfill('0');
    for (int c = 0; c < 128; ++c) {
      charmap << "<U" << std::setw(4) << c << "> /x" << std::setw(2) << c << " CHAR\n";
    }
    charmap << "END CHARMAP\n";
    charmap.close();
    // Its status tells of the categories that are left out, too.
    const std::string command = "localedef -c -f '" + (folder / "charmap") + "' -i '" +
                                (folder / "source") + "' '" + (folder / "comma") + "' 2> /dev/null";
    static_cast<void>(!std::system(command.c_str()));
    setenv("LOCPATH", (folder / "").c_str(), 1);
    is_set_ = std::setlocale(LC_NUMERIC, "comma") != nullptr;
  }
  ~CommaLocale() {
    std::locale::global(before_);
    std::setlocale(LC_NUMERIC, "C");
    unsetenv("LOCPATH");
  }
  CommaLocale(const CommaLocale&) = delete;
  CommaLocale& operator=(const CommaLocale&) = delete;
  bool is_set() const { return is_set_; }

 private:
  std::locale before_;
  bool is_set_ = false;
};

TEST_F(Api, ACommaLocaleChangesNothing) {
  struct Results {
    std::string dump;
    std::string hash;
    std::string file;
    std::string embedding;
    std::vector<float> logits;
  };
  // Part of the model's hash, and the only number in it that has a fraction in decimals.
  const std::string config = path("config.json");
  std::ofstream(config) << R"({"encoder_norm_eps": 1.25e-6})";
  const auto run = [&](const std::string& name) {
    const std::string file = path(name + ".lasso");
    EngineOptions options = test::capped();
    options.time_kernels = false;
    options.config_path = config;
    const Engine built = Engine::build_file(data("checkpoint.pth"), file, options);
    Segmenter segmenter(Engine::load(file));
    const Embedding embedding = segmenter.encode(image().view());
    embedding.save(path(name + ".safetensors"));
    const Embedding loaded = Embedding::load(path(name + ".safetensors"));
    return Results{built.dump(), built.info().model_hash, test::read_bytes(file),
                   test::read_bytes(path(name + ".safetensors")),
                   segmenter.segment(loaded, click(250, 300)).low_res_logits};
  };
  const Results plain = run("plain");
  const CommaLocale locale(folder_);
  ASSERT_TRUE(locale.is_set());
  ASSERT_EQ(std::strtod("1.5", nullptr), 1.0);
  const Results comma = run("commas");
  EXPECT_EQ(comma.dump, plain.dump);
  EXPECT_EQ(comma.hash, plain.hash);
  EXPECT_EQ(comma.embedding, plain.embedding);
  EXPECT_EQ(comma.logits, plain.logits);
  EXPECT_TRUE(comma.file == plain.file);
}

}  // namespace
}  // namespace lasso
