// In the place of ONNX Runtime in a build that has none.
#include "core/check.h"
#include "runtimes/onnxruntime/onnxruntime.h"

namespace lasso::runtimes::onnxruntime {

namespace {

[[noreturn]] void refuse() {
  fail(ErrorCode::kUnsupported,
       "runtime \"onnxruntime\": this build of Lasso has none; run script/setup-onnxruntime and "
       "configure it again, or with -DLASSO_ONNXRUNTIME=FOLDER where ONNX Runtime's library and "
       "headers lie");
}

class Absent final : public Runtime {
 public:
  std::string name() const override { return "onnxruntime"; }
  RuntimeInfo info() const override { refuse(); }
  std::unique_ptr<ModelRunner> open(const std::string& /*path*/,
                                    const RuntimeOptions& /*options*/) const override {
    refuse();
  }
};

}  // namespace

const Runtime& runtime() {
  static const Absent instance;
  return instance;
}

}  // namespace lasso::runtimes::onnxruntime
