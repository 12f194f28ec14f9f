// A compiled SAM model: programs, and what its pre- and post-processing need to know.
#ifndef LASSO_MODELS_SAM_MODEL_H_
#define LASSO_MODELS_SAM_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/compile/compile.h"
#include "image/preprocess.h"
#include "lasso/engine.h"
#include "models/sam/checkpoint/checkpoint.h"
#include "models/sam/run/foreign_programs.h"

namespace lasso::sam {

// What a model's programs take and make, as far as models differ in it.
struct SamInterface {
  bool encoder = true;     // there is an image encoder
  bool mask_input = true;  // there is a decoder that takes a mask
  bool images = true;      // the encoder takes any number of images at a time; else one
  bool prompts = true;     // the decoder takes any number of prompts at a time; else one
  int points = 0;          // that the decoder takes of each prompt; 0: any number
};

struct SamModel {
  // Of a model of imported parts: sides, channels and masks alone; the rest is 0 or the default.
  SamConfig config;
  SamInterface interface;
  Preprocess preprocess;
  std::string hash;  // of the weights and the configuration
  // What `hash` is of a model that has this decoder and no imported encoder; empty: the same.
  std::string decoder_hash;
  std::string precision =
      "fp32";  // "fp16", "bf16", "int8" or "auto", which its layers' attributes spell out
  std::uint64_t parameters = 0;
  std::shared_ptr<const engine::CompiledModule> module;
  std::optional<AccuracyRecord> accuracy;  // of a calibrated model
  std::string parts;  // of a model of imported parts: what they are, for people; empty: none are
  std::shared_ptr<const ForeignParts> foreign;  // what another runtime runs; null: nothing

  // Masks of one run of the decoder for a prompt: the one for unambiguous prompts first.
  std::size_t masks() const { return static_cast<std::size_t>(config.num_mask_tokens()); }
  // How many of them answer an ambiguous prompt: all but the first, or the only one.
  std::size_t candidates() const { return masks() == 1 ? 1 : masks() - 1; }
};

// Describes and compiles a checkpoint. The checkpoint's pages are given back as they are packed.
SamModel compile_model(const SamCheckpoint& checkpoint, const Preprocess& preprocess,
                       const engine::CompileOptions& options);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_MODEL_H_
