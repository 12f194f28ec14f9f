// What an expression throws.
#ifndef LASSO_TESTS_SUPPORT_ERRORS_H_
#define LASSO_TESTS_SUPPORT_ERRORS_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "lasso/error.h"

namespace lasso::test {

// What f() throws; nothing if it returns. Anything but lasso::Error goes through.
template <typename F>
std::optional<Error> error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

// The code of the error that f() throws, whose message must hold `part`.
template <typename F>
ErrorCode code_of(F&& f, const std::string& part) {
  const std::optional<Error> error = error_of(f);
  if (!error) {
    ADD_FAILURE() << "no error; expected one with \"" << part << "\"";
    return ErrorCode::kInternal;
  }
  EXPECT_NE(std::string(error->what()).find(part), std::string::npos) << error->what();
  return error->code();
}

}  // namespace lasso::test

// EXPECT_ERROR(expression, ErrorCode::kCorruptFile, "part of the message").
#define EXPECT_ERROR(expression, expected_code, part)                                       \
  do {                                                                                      \
    const auto thrown = ::lasso::test::error_of([&] { static_cast<void>(expression); });    \
    ASSERT_TRUE(thrown) << #expression " throws nothing";                                   \
    EXPECT_EQ(thrown->code(), expected_code) << thrown->what();                             \
    EXPECT_NE(std::string(thrown->what()).find(part), std::string::npos) << thrown->what(); \
    EXPECT_EQ(std::string(thrown->what()).find('\n'), std::string::npos) << thrown->what(); \
  } while (false)

#endif  // LASSO_TESTS_SUPPORT_ERRORS_H_
