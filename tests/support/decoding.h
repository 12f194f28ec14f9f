// Decoding files that tests make, and looking at the pixels.
#ifndef LASSO_TESTS_SUPPORT_DECODING_H_
#define LASSO_TESTS_SUPPORT_DECODING_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>

#include "lasso/error.h"
#include "lasso/image.h"

namespace lasso::test {

// The file's name in messages is "a.bin".
inline Image decode(const std::string& file, const ReadImageOptions& options = {}) {
  return decode_image(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(), "a.bin",
                      options);
}

inline int channel(const Image& image, int x, int y, int c) {
  return image.pixels[(static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) +
                       static_cast<std::size_t>(x)) *
                          3 +
                      static_cast<std::size_t>(c)];
}

// The code of the error of decoding `file`, whose message must name it and hold `part`.
inline ErrorCode decode_error(const std::string& file, const std::string& part,
                              const ReadImageOptions& options = {}) {
  try {
    decode(file, options);
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("a.bin"), std::string::npos) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    return error.code();
  }
  ADD_FAILURE() << "no error; expected one with \"" << part << "\"";
  return ErrorCode::kInternal;
}

// A picture that JPEG keeps well.
inline int smooth(int x, int y, int c) {
  return (c == 0 ? 3 * x : c == 1 ? 5 * y : 2 * x + 2 * y) + 20;
}

// The largest difference from expected(x, y, channel).
inline int worst(const Image& image, const std::function<int(int, int, int)>& expected) {
  int most = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        most = std::max(most, std::abs(channel(image, x, y, c) - expected(x, y, c)));
      }
    }
  }
  return most;
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_DECODING_H_
