// Engines: a model, of whatever family, compiled for this machine.
#ifndef LASSO_ENGINE_H_
#define LASSO_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lasso/argument.h"
#include "lasso/error.h"
#include "lasso/export.h"
#include "lasso/tensor.h"

namespace lasso {

enum class Kernels : std::uint8_t {
  kFast,       // the best kernels that this CPU runs
  kReference,  // plain fp32 loops: slow, the specification that every faster kernel is compared
               // with
};

// In which numbers the image encoder's linear layers are computed, and with them its attention and
// neck and the decoder's large layers; of a detector, its convolutions. Sums, normalisation and
// softmax stay float32.
enum class Precision : std::uint8_t {
  kFp32,
  kFp16,  // weights and activations in IEEE half precision, the others too; on GPUs alone
  kBf16,  // weights and activations in bfloat16; the others too, but for the decoder's where the
          // CPU is faster in float32. Building it needs AVX-512 BF16, and a CPU's file runs on
          // every CPU; or a GPU from sm_80 on
  kInt8,  // weights in int8 with a scale for each output, activations with a scale for each token;
          // the others in bfloat16, or in float32 on CPUs that are as fast in it. Of a detector the
          // convolutions but for the first and those that make its maps; what they read has ranges
          // that only lasso::calibrate finds. Not on GPUs
  kAuto,  // int8, on GPUs fp16 or bf16, but for the layers that calibration keeps higher; see
          // lasso/calibration.h
};
// "fp32", "fp16", "bf16", "int8", "auto"
LASSO_EXPORT const char* to_string(Precision precision) noexcept;
// The inverse; throws kInvalidArgument and names the allowed values.
LASSO_EXPORT Precision precision_from_string(const std::string& name);

struct EngineOptions {
  // Where the engine runs: "cpu", or NVIDIA GPUs: "cuda" is the first, "cuda:1" the second, and
  // segmenters and runners of "cuda:0,1" use both in turn. Empty: an engine file's own device, else
  // the CPU. Thrown are kDevice where there is no GPU or its driver is too old, kNotFound for an
  // index that none has, and kUnsupported for a GPU below compute capability 7.5, for several of
  // unequal models, and where this build has no CUDA.
  std::string device;
  Kernels kernels = Kernels::kFast;
  // None: float32 where a model is built, and what it was built in for an engine file. One that is
  // given must be an engine file's own.
  std::optional<Precision> precision;
  // How images are prepared: "sam" (Meta's predictor), "medsam" (stretched to the square, scaled
  // to [0, 1] by the least and greatest value) or "efficientsam" (stretched, divided by 255).
  // Empty: what the model's description says, "sam" for a SAM checkpoint.
  std::string preprocess;
  // A JSON file with what tensor shapes do not tell (docs/checkpoints.md lists the keys). Empty:
  // none.
  std::string config_path;
  // Of an ONNX model: values of inputs, by name, that become part of the engine, which has no such
  // inputs then. Inputs must be fixed whose values shapes are computed from, such as the size of
  // the original image.
  std::map<std::string, HostTensor> fixed_inputs;
  // Of an ONNX model or a detector: numbers in place of open sizes, by the name that ArgumentInfo
  // has for them, or a detector's "height" and "width". Nodes that need one, such as recurrent
  // layers, find it there; kernels are chosen for it, and no other size runs.
  std::map<std::string, std::int64_t> fixed_sizes;
  // The sizes that symbols may stand for, where not all that the model takes: kernels are chosen
  // for `opt`, memory is bounded by `max`, and a size that is outside is refused. Of several for
  // one symbol a size is in one of them; kernels are chosen for the first one's `opt`. A profile
  // that the model has no symbol for, or that reaches beyond what it takes, throws
  // kInvalidArgument.
  std::vector<SizeRange> profiles;
  // The best instructions that kernels may use, one of isa_names(); on a GPU the compute
  // capability, such as "sm_80". Empty: all that the device has.
  std::string isa;
  // On GPUs: let products of float32 numbers round their factors to TF32, 10 bits of mantissa. An
  // engine file keeps the choice that it was built with.
  bool tf32 = false;
  // On GPUs: wait for every kernel, so that an error names the layer that failed; slow.
  bool synchronous = false;
  // Bytes of each GPU's memory that the engine, its segmenters and its runners may use together (of
  // one that is named twice, each time so many); where more is needed, kOutOfMemory is thrown. What
  // CUDA itself takes is not counted. 0: no limit.
  std::uint64_t device_memory_limit = 0;
  // Measure how long each kernel takes where several compute a layer, and prefer one that is
  // clearly faster than the one that is estimated to be. Takes a few seconds for a large model; the
  // engine's file then depends on how fast the machine was.
  bool time_kernels = false;
  // Threads that pack weights. 0: MachineInfo::threads.
  int threads = 0;
  // Bytes of memory that the process may have resident while it builds; where more is needed,
  // building throws kOutOfMemory before anything large is allocated. 0: no limit.
  std::uint64_t memory_limit = 0;
};

// How an engine file is loaded.
struct LoadOptions {
  // Compare the weights with their checksum, which reads all of them. Everything else in the file
  // is checked in any case.
  bool verify = false;
  // See EngineOptions; Engine::open() takes those.
  std::string isa{};
  std::string device{};
};

// One step of a program, for inspection.
struct LayerInfo {
  std::string name;   // of the value that it computes
  std::string op;     // "linear", "layer_norm", ...
  std::string shape;  // of its first result, symbols included: "[batch, 64, 64, 768]"
  // Of its operands, weights included; empty where an optional one is absent.
  std::vector<std::string> input_shapes;
  int window = 0;         // of window_attention: side of its windows, tokens; 0: the whole grid
  std::string precision;  // of its factors, or of what it moves: "fp32", "fp16", "bf16", "int8"
  std::string kernel;     // the kernel that runs, with its vendor implementation where there is one
  std::string isa;        // "avx512", "avx2", "reference"
  // Better kernels that were not taken, "name: reason" each.
  std::vector<std::string> rejected;
  // Kernels that compute the layer and their times, "name.isa: 1.23 ms" each, with the tuning that
  // is preferred, if any, as "name.isa: 1.23 ms, by 66.5.20.1.0.0.0.0.2"; empty where they were not
  // measured.
  std::vector<std::string> times;
  // What is computed in one where the model has several operations: "linear + gelu + residual",
  // "layer_norm". Empty: a single one.
  std::string fused;
  std::uint64_t weight_bytes = 0;  // packed
  double gflop = 0;  // at the representative shape (one image; one prompt of two points)
};

struct ProgramInfo {
  std::string name;
  std::vector<std::string> inputs;  // "image: float32 [batch, 1024, 1024, 3]"
  std::vector<std::string> outputs;
  std::vector<ArgumentInfo> arguments;  // the inputs, and then the outputs
  // All symbols: those of the inputs' shapes, and those that a run computes before anything else.
  std::vector<SizeRange> sizes;
  std::vector<LayerInfo> layers;
};

// By what an engine's results are compared with those of the fp32 engine.
enum class AgreementMeasure : std::uint8_t {
  kMaskIou,  // SAM: the IoU of masks of the same prompt
  // Detectors: COCO's mean average precision (IoUs of 0.50, 0.55, ..., 0.95) of the engine's boxes,
  // where those that the fp32 engine is sure of are taken for the objects of the images
  kBoxPrecision,
};

// How well an engine's results agree with those of the fp32 engine, on images that had no part in
// building it. Figures lie in [0, 1].
//
// Where neither engine finds anything, there is no evidence of agreement: two empty masks, and
// images without a box of either engine, are counted apart, and figures are about the others. One
// empty mask of a pair has IoU 0, as has every mask of an engine whose values are not finite; a
// detector whose values are not finite has found nothing in that image.
struct AccuracyRecord {
  AgreementMeasure measure = AgreementMeasure::kMaskIou;
  double aim = 0;  // the mean that was asked for; 0: none
  double mean = 0;
  // Of the mean: from how much the means of the images differ, and of boxes from how much the mean
  // changes where images are left out (jackknife).
  double standard_error = 0;
  double lowest = 0;             // mask; of boxes the mean average precision of an image by itself
  double mean_50 = 0;            // of boxes: the average precision at an IoU of 0.50
  int images = 0;                // that count
  int compared = 0;              // masks, or boxes of the fp32 engine
  int without_evidence = 0;      // pairs of empty masks, or images without boxes
  bool random_pictures = false;  // rather than somebody's images
  int seed = 0;
};

// What SAM's architecture consists of (Kirillov et al., "Segment Anything", 2023). Of a model with
// an imported encoder or decoder (ModelParts) what the encoder consists of is 0.
struct SamInfo {
  int image_size = 0;  // side of the square that the encoder sees, pixels
  int patch_size = 0;  // pixels
  int embed_dim = 0;   // width of the image encoder
  int depth = 0;       // transformer blocks
  int num_heads = 0;
  int window_size = 0;             // side of the windows of attention, tokens
  std::vector<int> global_blocks;  // indices of the blocks with global attention
  int prompt_dim = 0;              // channels of the embedding
  int candidates = 0;              // masks of a prompt with Prompt::multimask
  bool has_encoder = true;         // false: embeddings must be given
  bool takes_mask = true;          // the decoder takes Prompt::mask_input
};

// How a detector gives what it finds.
enum class DetectorForm : std::uint8_t {
  kBoxes,              // [batch, boxes, 5 + classes]: centre, sides, objectness, scores of classes
  kMaps,               // the same for each anchor and place of three or four maps, not decoded
  kEfficientNms,       // count, corners, scores and classes, after an EfficientNMS_TRT node
  kNonMaxSuppression,  // rows of image, corners, class and score, after a NonMaxSuppression node
};
// "boxes", "maps", "efficient_nms", "non_max_suppression"
LASSO_EXPORT const char* to_string(DetectorForm form) noexcept;

// What a model is that a Detector runs.
struct DetectorInfo {
  DetectorForm form = DetectorForm::kBoxes;
  int width = 0;    // of the images that the network takes, pixels; 0: any multiple of stride
  int height = 0;   // the same
  int batch = 0;    // images of a run; 0: any number
  int stride = 32;  // pixels between the places of the coarsest map
  int classes = 0;  // 0: the model does not say how many there are
  std::vector<std::string> names{};  // of the classes; empty: the model has none
  // Of kMaps: width and height of each anchor, of the finest map first.
  std::vector<float> anchors{};
  // Of a model with a suppression of its own, whose thresholds these are, and the most that it
  // leaves of an image; else 0.
  double conf_thres = 0;
  double iou_thres = 0;
  int topk = 0;
};

struct EngineInfo {
  std::string family;      // of models: "sam", "yolov7", "onnx"
  std::string model;       // "SAM ViT-B", or "SAM (width 64, depth 4)" for other widths
  std::string model_hash;  // of weights and configuration: 32 hexadecimal digits
  std::string preprocess;  // name of the preset; empty where the model's input is no image
  std::string device;      // "cpu" or "cuda"
  // Those that it runs on, and their model: "cuda:0" and "NVIDIA H200".
  std::vector<std::string> devices;
  std::string processor;
  std::string isa;                         // the best that its kernels may use: "avx512", "sm_90"
  std::string precision;                   // "fp32", "fp16", "bf16", "int8", "auto"
  bool tf32 = false;                       // see EngineOptions
  std::optional<AccuracyRecord> accuracy;  // of a calibrated engine
  // Who packed the weights, with the libraries that compute by name ("oneDNN", "cuBLASLt"), and the
  // lowest instruction set with which fast kernels read them: what a CPU must have for the engine's
  // file, or, on the device "cuda", a GPU ("sm_80").
  std::string lasso_version;
  std::string onednn_version;  // "none" where there is none
  std::map<std::string, std::string> libraries;
  std::string needed_isa;
  std::uint64_t parameters = 0;    // of the model
  std::uint64_t weight_bytes = 0;  // packed, in memory
  std::vector<ProgramInfo> programs;
  std::optional<SamInfo> sam;            // of an engine of the family "sam"
  std::optional<DetectorInfo> detector;  // of an engine that a Detector runs
};

// A SAM model whose parts are files of their own. What each input and output of an ONNX model is,
// is told by types and shapes, and where these leave it open by the names that exporters give; see
// docs/onnx.md.
struct ModelParts {
  // ONNX models of the image encoder: one, or several, each of which takes what the one before it
  // gives. Empty: the encoder of `model`, or none.
  std::vector<std::string> encoders;
  // An ONNX model of the prompt encoder and mask decoder. Empty: those of `model`.
  std::string decoder;
  // A SAM checkpoint; empty: none.
  std::string model;
  // Names of inputs and outputs by what they are, in place of the above: "image",
  // "image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input",
  // "orig_im_size", "low_res_masks", "masks", "iou_predictions".
  std::map<std::string, std::string> roles;
  // Another runtime, one of runtime_names() (lasso/runtime.h), that runs the ONNX models by its
  // provider; see RuntimeOptions. Lasso does all that is before and behind them: images, prompts
  // and masks are prepared and made as everywhere. Empty: Lasso itself.
  std::string runtime;
  std::string provider = "cpu";
};

// For people: what the ONNX model in `path` is as one of ModelParts and what its inputs are, or why
// it is none that Engine::assemble() takes; empty: it is something else. Throws what reading does.
LASSO_EXPORT std::string describe_part(const std::string& path);

// What an engine would be; see Engine::preview().
struct EnginePreview {
  EngineInfo info;                         // without programs where something is not supported
  std::vector<std::uint64_t> arena_bytes;  // as Engine::arena_bytes() says
  // All that keeps the model from being built, a line each: operators that Lasso lacks with their
  // nodes. Empty: it can be built.
  std::vector<std::string> unsupported;
};

// Immutable; copies share one engine; any number of threads may use it, each through a Segmenter or
// Runner of its own. Which family of models a file belongs to is told by its content.
class LASSO_EXPORT Engine {
 public:
  // The model in `path`, whichever it is: a checkpoint is built as build() does, an engine file
  // loaded as load() does. With an engine file, options that contradict what it was built with
  // throw kInvalidArgument: another device, another preprocessing, reference kernels where it has
  // fast ones, a configuration file, TF32 where it was built without, or a precision other than its
  // own; without a precision, the default, it runs in its own. Throws what build() and load() do.
  static Engine open(const std::string& path, const EngineOptions& options = {},
                     const LoadOptions& load = {});

  // Compiles the model in `path`: a PyTorch checkpoint (.pth, .pt, .bin) of SAM or YOLOv7, SAM as
  // .safetensors or a folder of Hugging Face's (docs/checkpoints.md), or an ONNX model. The file
  // may be deleted afterwards, but must not be changed meanwhile. Throws kNotFound, kCorruptFile
  // (also for weights that are not finite, and a file that becomes shorter meanwhile), kUnsupported
  // (a model of no family that Lasso knows, or a CPU without AVX2), kOutOfMemory, what
  // EngineOptions::device says of GPUs, and kInvalidArgument for options out of their range and for
  // Precision::kAuto, which takes calibrate().
  static Engine build(const std::string& path, const EngineOptions& options = {});

  // What build() would make of the model in `path`, with no weights packed: quick, and in little
  // memory, for models of any size. What the model has that Lasso lacks is no error; `time_kernels`
  // means nothing. Throws what build() throws otherwise.
  static EnginePreview preview(const std::string& path, const EngineOptions& options = {});

  // What build() makes into an engine file, which is then loaded. The weights go to the file as
  // they are packed, so that building needs far less memory than they take. The file appears
  // complete or not at all. Also throws kInvalidArgument where it can't be written, and kDevice for
  // a full disk.
  static Engine build_file(const std::string& path, const std::string& engine_path,
                           const EngineOptions& options = {});

  // Compiles a model in parts into one engine of the family "sam", which a Segmenter runs and
  // save() writes. EngineOptions are those of build(); without a preprocessing, the shape of the
  // encoder's input, or of the decoder's points, says how images are prepared. Throws what build()
  // does; kInvalidArgument where there is no decoder, for a file that can't be what it is given as,
  // an input or output whose role is unclear, and stated roles of what no model has or what does
  // not fit them; and kUnsupported for models of SAM 2, and for decoders that give no
  // low-resolution masks. With another runtime, also what runtime_info() does, and kInvalidArgument
  // for another precision than float32, or where there is no ONNX model; each segmenter then loads
  // the models there, and throws what open_runtime() does.
  static Engine assemble(const ModelParts& parts, const EngineOptions& options = {});
  // The same into an engine file, as build_file() does.
  static Engine assemble_file(const ModelParts& parts, const std::string& engine_path,
                              const EngineOptions& options = {});

  // Maps an engine file: the weights are used where they lie, and are read when they are used. The
  // file may be deleted or replaced while engines use it, but must not be changed or truncated:
  // calls that run a program throw kCorruptFile where it has become shorter before or meanwhile,
  // and reading what is gone raises SIGBUS, for which the library installs no handler. Throws
  // kNotFound; kCorruptFile for a damaged or truncated file; kUnsupported for one of another format
  // or family, or whose weights need instructions that this CPU lacks; kInvalidArgument for one
  // that was built for another device than the options'; of an engine for GPUs what
  // EngineOptions::device says of them.
  static Engine load(const std::string& path, const LoadOptions& options = {});

  // Writes an engine file that load() takes. It appears complete or not at all. Throws
  // kInvalidArgument where it can't be written, kDevice for a full disk, and kUnsupported for an
  // engine that another runtime has parts of.
  void save(const std::string& path) const;

  // A published architecture with seeded random weights, made in memory, to measure speed without
  // a checkpoint: "vit_b", "vit_l" or "vit_h"; "yolov7", "yolov7x", "yolov7-tiny",
  // "yolov7-tiny-silu", "yolov7-w6", "yolov7-e6", "yolov7-d6" or "yolov7-e6e". Throws
  // kInvalidArgument for another name.
  static Engine random(const std::string& architecture, std::uint64_t seed = 1,
                       const EngineOptions& options = {});

  const EngineInfo& info() const;

  // Bytes of intermediate results and scratch memory that a Segmenter or Runner with so many
  // threads (0: MachineInfo::threads) needs for each program, in their order, at the representative
  // shapes. Programs share them: a segmenter holds the largest.
  std::vector<std::uint64_t> arena_bytes(int threads = 0) const;

  // Readable text of every program's graph after the passes.
  std::string dump() const;

  struct Impl;  // the library's own

 private:
  friend struct Access;
  explicit Engine(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace lasso

#endif  // LASSO_ENGINE_H_
