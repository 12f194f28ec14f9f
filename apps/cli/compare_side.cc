#include "compare_side.h"

#include <fmt/format.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "console.h"
#include "exit_codes.h"
#include "lasso/context.h"
#include "lasso/image.h"
#include "model.h"
#include "synthetic.h"
#include "values.h"

namespace lasso::cli {

namespace {

const std::vector<std::string>& variants() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {"fast", "reference"};
    all.insert(all.end(), isa_names().begin(), isa_names().end());
    return all;
  }();
  return names;
}

bool is_isa(const std::string& variant) {
  return std::find(isa_names().begin(), isa_names().end(), variant) != isa_names().end();
}

// Whether the CPU has the instructions of a variant that begins with "avx512".
bool cpu_has(const std::string& variant) {
  const bool base =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  const bool vnni = base && __builtin_cpu_supports("avx512vnni") != 0;
  if (variant == "avx512_bf16") return vnni && __builtin_cpu_supports("avx512bf16") != 0;
  return variant == "avx512_vnni" ? vnni : base;
}

// What stands before every record's text and values.
struct Header {
  std::uint32_t kind;
  std::uint32_t text_size;
  std::uint64_t count;
};

// The child's end of the pipe.
class Sender {
 public:
  explicit Sender(int pipe) : pipe_(pipe) {}

  void send(RecordKind kind, const Json& meta, const float* values = nullptr,
            std::uint64_t count = 0) {
    const std::string text = meta.dump(-1, ' ', false, Json::error_handler_t::replace);
    const Header header{static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(text.size()),
                        count};
    write_exactly(&header, sizeof(header));
    write_exactly(text.data(), text.size());
    write_exactly(values, count * sizeof(float));
  }

  void send_tensor(const std::string& program, const std::string& name,
                   const std::vector<std::int64_t>& shape, const float* values) {
    std::uint64_t count = 1;
    for (const std::int64_t dimension : shape) count *= static_cast<std::uint64_t>(dimension);
    send(RecordKind::kTensor, {{"program", program}, {"name", name}, {"shape", shape}}, values,
         count);
  }

 private:
  void write_exactly(const void* data, std::size_t size) {
    const char* bytes = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t written = write(pipe_, bytes, size);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) _exit(static_cast<int>(Exit::kDone));  // the parent has gone
      bytes += written;
      size -= static_cast<std::size_t>(written);
    }
  }

  int pipe_;
};

Json engine_json(const EngineInfo& info, int threads) {
  Json layers = Json::array();
  for (const ProgramInfo& program : info.programs) {
    for (const LayerInfo& layer : program.layers) {
      layers.push_back(program.name + "/" + layer.name);
    }
  }
  return {{"model", info.model},
          {"model_hash", info.model_hash},
          {"isa", info.isa},
          {"threads", threads},
          {"layers", std::move(layers)}};
}

// The user's prompt, or a point in the centre.
lasso::Prompt make_prompt(const lasso::Prompt& wanted, const Image& image) {
  lasso::Prompt prompt = wanted;
  if (prompt.points.empty() && !prompt.box) {
    prompt.points.push_back(
        {0.5F * static_cast<float>(image.width), 0.5F * static_cast<float>(image.height)});
  }
  if (const auto problem = prompt_problem(prompt, image.width, image.height)) {
    usage_error("--point: {}", *problem);
  }
  return prompt;
}

void run_model(const Operand& operand, const SideTask& task, Sender* sender) {
  const Image image = load_picture(task.image, 640, 480);
  const lasso::Prompt prompt = make_prompt(task.prompt, image);
  RunOptions run = task.run;
  run.kernels = operand.variant == "reference" ? "reference" : "fast";
  if (is_isa(operand.variant)) cap_isa(operand.variant);
  ModelOptions options = task.model;
  options.model = operand.file;
  const OpenModel model = open_model(options, run);
  Context context(model.engine, {run.threads});
  sender->send(RecordKind::kInfo, engine_json(model.engine.info(), context.threads()));

  context.set_trace([&](const std::string& program, const std::string& name,
                        const std::vector<std::int64_t>& shape, const float* values) {
    sender->send_tensor(program, name, shape, values);
  });
  const Embedding embedding = context.encode(image.view());
  const Segmentation answer = context.segment(embedding, prompt);
  context.set_trace({});

  const auto masks = static_cast<std::int64_t>(answer.masks.size());
  const int side = embedding.low_res_side();
  sender->send_tensor("results", "image_embedding",
                      {embedding.grid(), embedding.grid(), embedding.channels()}, embedding.data());
  sender->send_tensor("results", "low_res_logits", {masks, side, side},
                      answer.low_res_logits.data());
  sender->send_tensor("results", "iou_predictions", {masks}, answer.iou_predictions.data());
  for (const Mask& mask : answer.masks) {
    sender->send(
        RecordKind::kMask,
        {{"width", mask.width}, {"height", mask.height}, {"rle", rle_to_string(encode_rle(mask))}});
  }
  sender->send(RecordKind::kEnd, Json::object());
}

[[noreturn]] void run_child(const Operand& operand, const SideTask& task, int pipe) {
  restore_signal_handlers();
  Sender sender(pipe);
  try {
    run_model(operand, task, &sender);
  } catch (...) {
    const Described error = describe(std::current_exception());
    sender.send(RecordKind::kError,
                {{"exit", static_cast<int>(error.exit)}, {"message", error.message}});
  }
  _exit(0);
}

}  // namespace

Operand parse_operand(const std::string& text, const std::string& default_variant) {
  std::error_code ignored;
  const std::size_t at = text.rfind('@');
  if (at == std::string::npos || std::filesystem::exists(text, ignored)) {
    return {text, default_variant};
  }
  const std::string variant = text.substr(at + 1);
  if (std::find(variants().begin(), variants().end(), variant) == variants().end()) {
    usage_error("{}: variant \"{}\": expected FILE@VARIANT with {}", text, variant,
                join_choices(variants()));
  }
  if (variant.rfind("avx512", 0) == 0 && !cpu_has(variant)) {
    throw Failure(Exit::kUnsupported, fmt::format("{}: this CPU has no {}", text, variant));
  }
  return {text.substr(0, at), variant};
}

std::string Record::key() const {
  return meta.at("program").get<std::string>() + "/" + meta.at("name").get<std::string>();
}

Side::Side(const Operand& operand, const SideTask& task) : name_(operand.text()) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) {
    throw Failure(Exit::kDeviceOrMemory, fmt::format("no pipe: {}", std::strerror(errno)));
  }
  child_ = fork();
  if (child_ == 0) {
    close(ends[0]);
    run_child(operand, task, ends[1]);
  }
  close(ends[1]);
  pipe_ = ends[0];
  if (child_ < 0) {
    throw Failure(Exit::kDeviceOrMemory, fmt::format("no process: {}", std::strerror(errno)));
  }
}

Side::~Side() {
  close(pipe_);
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
}

void Side::read_exactly(void* data, std::size_t size) {
  char* bytes = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = read(pipe_, bytes, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      int status = 0;
      waitpid(child_, &status, 0);
      child_ = -1;
      if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        throw Failure(Exit::kDeviceOrMemory,
                      fmt::format("{}: was killed, most likely for want of memory", name_));
      }
      throw Failure(Exit::kInternal,
                    fmt::format("{}: ended early ({})", name_,
                                WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no signal"));
    }
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
}

const Record& Side::next() {
  std::array<float, 4096> passed_over{};
  while (unread_ > 0) {
    read_values(passed_over.data(), std::min<std::uint64_t>(unread_, passed_over.size()));
  }
  Header header{};
  read_exactly(&header, sizeof(header));
  std::string text(header.text_size, '\0');
  read_exactly(text.data(), text.size());
  record_ = {static_cast<RecordKind>(header.kind), Json::parse(text), header.count};
  unread_ = header.count;
  if (record_.kind == RecordKind::kError) {
    throw Failure(static_cast<Exit>(record_.meta.at("exit").get<int>()),
                  record_.meta.at("message").get<std::string>());
  }
  return record_;
}

void Side::read_values(float* values, std::size_t count) {
  read_exactly(values, count * sizeof(float));
  unread_ -= count;
}

}  // namespace lasso::cli
