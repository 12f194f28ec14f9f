// An image encoder that is no program of the model: programs of other modules, one after another.
#ifndef LASSO_MODELS_SAM_RUN_ENCODER_CHAIN_H_
#define LASSO_MODELS_SAM_RUN_ENCODER_CHAIN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/run/session.h"

namespace lasso::sam {

// One of these programs. The first takes the image, float32 [1, S, S, 3], each other one results of
// the one before it, and the last has one result, float32 [1, g, g, D].
struct EncoderStage {
  std::shared_ptr<const engine::CompiledModule> module;
  std::size_t program = 0;
  std::vector<std::int64_t> symbols;  // the binding
  std::vector<std::size_t> inputs;    // for each, which result of the stage before it is
};

class EncoderChain {
 public:
  // `main` is the session of the model whose encoder it is: all run on its device, with its
  // threads. Throws kInvalidArgument for a module of another kind of device.
  EncoderChain(const std::vector<EncoderStage>& stages, engine::Session& main);

  bool empty() const { return stages_.empty(); }

  // Returns when the embedding is there. What `main` still does with the image must be done.
  // Results stay on the device. Throws as Session::run() does.
  void run(const engine::ConstTensorRef& image, const engine::TensorRef& embedding);

  // Plans all stages and touches their memory.
  void prepare();
  void set_trace(const engine::Session::Trace& trace);

 private:
  struct Stage {
    std::unique_ptr<engine::Session> session;
    EncoderStage what;
    std::vector<backend::Buffer> memory;  // of the results; none for the last stage
    std::vector<engine::TensorRef> results;
  };

  std::vector<Stage> stages_;
  std::vector<engine::ConstTensorRef> inputs_;
};

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_RUN_ENCODER_CHAIN_H_
