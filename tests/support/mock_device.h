// A device that is as unlike the host as one made of the host can be: its memory can be touched
// only by work on a stream, work is done later and on another thread, and blocks lie at multiples
// of 256 bytes that are none of 512. It runs the CPU's kernels.
#ifndef LASSO_TESTS_SUPPORT_MOCK_DEVICE_H_
#define LASSO_TESTS_SUPPORT_MOCK_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "backend/device.h"

namespace lasso::test {

// Counts over all streams of a mock device.
struct MockCounts {
  std::int64_t launches = 0;
  std::int64_t uploaded_bytes = 0;
  std::int64_t downloaded_bytes = 0;
  std::int64_t most_waiting = 0;  // pieces of work that waited at once
  std::int64_t recordings = 0;
  std::int64_t replays = 0;
};

class MockDevice : public backend::Device {
 public:
  static std::shared_ptr<MockDevice> make(const backend::TargetInfo& target);
  virtual MockCounts counts() const = 0;
  // The download after so many more, on whatever stream, throws kDevice.
  virtual void fail_download_after(std::int64_t downloads) = 0;
};

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_MOCK_DEVICE_H_
