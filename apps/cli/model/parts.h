// SAM models whose parts are files of their own: --encoder and --decoder.
#ifndef LASSO_CLI_MODEL_PARTS_H_
#define LASSO_CLI_MODEL_PARTS_H_

#include <string>
#include <vector>

#include "cli/model/model.h"
#include "cli/options.h"
#include "lasso/engine.h"
#include "lasso/segmenter.h"

namespace lasso::app {

// What --encoder, --decoder and --role say.
struct PartsOptions {
  std::vector<std::string> encoders;
  std::string decoder;
  std::vector<std::string> roles;  // "point_coords=pts"

  bool empty() const { return encoders.empty() && decoder.empty() && roles.empty(); }
};
void add_parts_options(CLI::App* app, PartsOptions* options);

// What they name, in the words of the library, with the checkpoint that `model` names (empty: the
// demo checkpoint) where there is no decoder. Throws Failure(kUsage) for what is no role, roles
// without models, and two decoders.
lasso::ModelParts model_parts(const PartsOptions& options, const std::string& model);
// The file that has the decoder, with which messages about the whole begin.
std::string main_file(const lasso::ModelParts& parts);

struct OpenParts {
  OpenModel model;
  std::vector<lasso::Engine> encoders{};  // SegmenterOptions::encoders
  std::vector<std::string> foreign{};     // files that another runtime loads
};

// The parts with what --model names, which is needed, or the demo checkpoint, where there is no
// decoder. ONNX models become one engine; where one of the encoders, or the model beside them, is
// an engine file, each encoder is an engine of its own. Without parts, the model as open_sam()
// opens it. On another runtime
// than Lasso's the parts must be ONNX models.
OpenParts open_parts(const PartsOptions& parts, const ModelOptions& model, const RunOptions& run);

// A segmenter of them, with so many threads. Another runtime loads its models here.
lasso::Segmenter make_segmenter(const OpenParts& open, int threads);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_PARTS_H_
