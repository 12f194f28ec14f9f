#include "cli/bench/report/markup.h"

#include <gtest/gtest.h>

namespace lasso::app {
namespace {

TEST(Markup, Html) {
  EXPECT_EQ(escape_html("<a href=\"x\">&'\x01"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\xef\xbf\xbd");
  EXPECT_EQ(escape_html("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

TEST(Markup, Csv) {
  EXPECT_EQ(csv_line({"a", "b,c", "say \"x\"", "", "d\ne"}),
            "a,\"b,c\",\"say \"\"x\"\"\",,\"d\ne\"\n");
}

TEST(Markup, Base64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

}  // namespace
}  // namespace lasso::app
