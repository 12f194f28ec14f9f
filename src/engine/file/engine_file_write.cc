#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/check.h"
#include "engine/file/engine_file.h"
#include "engine/file/engine_header.h"
#include "engine/file/program_json.h"

namespace lasso::engine {

namespace {

// A new file, written front to back but for the header, which comes last.
class Output {
 public:
  // `path` stands in messages; `temporary` is opened.
  Output(std::string path, const std::string& temporary)
      : path_(std::move(path)), fd_(::open(temporary.c_str(), O_WRONLY | O_CLOEXEC)) {
    LASSO_CHECK(fd_ >= 0, ErrorCode::kInvalidArgument, "{}: can't be written: {}", path_,
                std::strerror(errno));
  }
  ~Output() {
    if (fd_ >= 0) close(fd_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void begin_section() {
    position_ = align_up(position_, kSectionAlignment);
    section_.offset = position_;
    hash_ = Checksum();
  }
  void append(const void* data, std::size_t bytes) {
    write_at(position_, data, bytes);
    hash_.update(data, bytes);
    position_ += bytes;
  }
  // Zeros up to a place of the section.
  void pad_to(std::uint64_t offset) {
    static constexpr std::array<std::byte, kAlignment> kZeros{};
    while (position_ < section_.offset + offset) {
      append(kZeros.data(),
             std::min<std::size_t>(kZeros.size(), section_.offset + offset - position_));
    }
  }
  Section end_section() {
    section_.bytes = position_ - section_.offset;
    section_.digest = hash_.digest();
    return section_;
  }

  // After this the file is whole, whatever happens to the machine.
  void finish(const HeaderBytes& header) {
    write_at(0, header.data(), header.size());
    check(fdatasync(fd_) == 0);
  }

 private:
  // A full or failing disk.
  void check(bool condition) const {
    LASSO_CHECK(condition, ErrorCode::kDevice, "{}: can't be written: {}", path_,
                std::strerror(errno));
  }
  void write_at(std::uint64_t position, const void* data, std::size_t bytes) const {
    const auto* from = static_cast<const std::byte*>(data);
    while (bytes > 0) {
      const ssize_t written = pwrite(fd_, from, bytes, static_cast<off_t>(position));
      if (written < 0 && errno == EINTR) continue;
      check(written > 0);
      from += written;
      position += static_cast<std::uint64_t>(written);
      bytes -= static_cast<std::size_t>(written);
    }
  }

  std::string path_;
  int fd_;
  std::uint64_t position_ = kHeaderBytes;
  Section section_;
  Checksum hash_;
};

// Packs into one buffer, which grows to the largest layer.
class FileSink final : public WeightSink {
 public:
  explicit FileSink(Output& output) : output_(output) {}

  void begin(std::uint64_t /*size*/) override {}
  void store(const StoredBytes& place, const Fill& fill) override {
    if (buffer_.size() < place.bytes) {
      buffer_ = AlignedBuffer();  // given back first: both at once would double the peak
      buffer_ = AlignedBuffer(place.bytes);
    }
    fill(buffer_.data());
    output_.pad_to(place.offset);
    output_.append(buffer_.data(), place.bytes);
  }

 private:
  Output& output_;
  AlignedBuffer buffer_;
};

Json rates_of(const RateClasses& rates) {
  Json json = Json::object();
  for (const MultiplyAdd multiply_add : kMultiplyAdds) {
    json[rate_name(multiply_add)] = rates.exponent(multiply_add);
  }
  return json;
}

Json meta_of(const CompiledModule& module, const ModelRecord& model) {
  const BuildRecord& build = module.build;
  return {{"build",
           {{"lasso_version", build.lasso_version},
            {"libraries", build.libraries},
            {"processor", build.processor},
            {"features", to_string(build.target.features)},
            {"threads", build.target.threads},
            {"rates", rates_of(build.target.rates)},
            {"sm", build.target.sm},
            {"tf32", build.target.tf32},
            {"reference_kernels", module.options.reference}}},
          {"precision", model.precision},
          {"accuracy", model.accuracy.empty() ? Json(nullptr) : Json::parse(model.accuracy)},
          {"family", model.family},
          {"model", Json::parse(model.description)}};
}

Section write_text(Output& output, const std::string& text) {
  output.begin_section();
  output.append(text.data(), text.size());
  return output.end_section();
}

// What follows the weights, and the header.
void write_rest(Output& output, const Section& weights, const CompiledModule& module,
                const ModelRecord& model) {
  EngineHeader header;
  header.lasso_version = module.build.lasso_version;
  header.device = to_string(module.options.target.kind);
  header.needed = module.build.needed;
  header.model_hash = model.hash;
  header.sections[kWeights] = weights;
  header.sections[kPrograms] = write_text(output, write_programs(module.programs).dump());
  header.sections[kMeta] = write_text(output, meta_of(module, model).dump());
  output.finish(encode_header(header));
}

}  // namespace

void write_engine_file(const std::string& path, const CompiledModule& module,
                       const ModelRecord& model) {
  write_atomically(path, [&](const std::string& temporary) {
    Output output(path, temporary);
    output.begin_section();
    module.weights.check_file();
    output.append(module.weights.data(), static_cast<std::size_t>(module.weights.size()));
    module.weights.check_file();
    write_rest(output, output.end_section(), module, model);
  });
}

void build_engine_file(const std::string& path, const ModelRecord& model,
                       const std::function<CompiledModule(WeightSink&)>& compile) {
  write_atomically(path, [&](const std::string& temporary) {
    Output output(path, temporary);
    output.begin_section();
    CompiledModule module;
    {
      FileSink sink(output);
      module = compile(sink);
    }
    write_rest(output, output.end_section(), module, model);
  });
}

}  // namespace lasso::engine
