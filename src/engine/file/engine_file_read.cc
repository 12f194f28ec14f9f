#include <algorithm>
#include <exception>
#include <set>
#include <utility>

#include "core/check.h"
#include "core/threads.h"
#include "engine/file/engine_file.h"
#include "engine/file/engine_header.h"
#include "engine/file/program_json.h"
#include "engine/run/bind_program.h"

namespace lasso::engine {

namespace {

// Tens of times what the largest models have.
constexpr std::uint64_t kMaxProgramsBytes = 8 << 20;
constexpr std::uint64_t kMaxMetaBytes = 1 << 20;
constexpr std::size_t kMaxLibraries = 16;
constexpr std::int64_t kMaxThreads = 4096;

const Section& section_of(const EngineHeader& header, SectionId id) { return header.sections[id]; }

// Reads every byte, and gives the pages back: the check alone must not keep the file in memory.
Digest digest_of(const MappedFile& file, const Section& section) {
  constexpr std::uint64_t kChunk = 8 << 20;
  Checksum hash;
  for (std::uint64_t begin = 0; begin < section.bytes; begin += kChunk) {
    const std::byte* data = file.data() + section.offset + begin;
    const auto bytes = static_cast<std::size_t>(std::min(kChunk, section.bytes - begin));
    hash.update(data, bytes);
    file.release(data, bytes);
  }
  return hash.digest();
}

void check_digest(const MappedFile& file, const EngineHeader& header, SectionId id) {
  const Section& section = section_of(header, id);
  LASSO_CHECK(digest_of(file, section) == section.digest, ErrorCode::kCorruptFile,
              "{}: damaged: the checksum of its section \"{}\" does not match", file.path(),
              kSectionNames[id]);
}

Json read_json(const MappedFile& file, const EngineHeader& header, SectionId id,
               std::uint64_t limit) {
  const Section& section = section_of(header, id);
  const std::string where = fmt::format("{}: {}", file.path(), kSectionNames[id]);
  LASSO_CHECK(section.bytes <= limit, ErrorCode::kCorruptFile, "{}: {} bytes, more than {}", where,
              section.bytes, limit);
  check_digest(file, header, id);
  return parse_json({reinterpret_cast<const char*>(file.data() + section.offset),
                     static_cast<std::size_t>(section.bytes)},
                    where);
}

// The machine that the engine was built on.
void read_build(FieldReader& build, BuildRecord& record, bool& reference) {
  build("lasso_version", record.lasso_version);
  const Json& libraries = build.at("libraries");
  if (!libraries.is_object() || libraries.size() > kMaxLibraries) {
    refuse(build.where("libraries"), "versions by name");
  }
  for (const auto& [name, version] : libraries.items()) {
    if (!is_plain_text(name, kMaxTextBytes)) refuse(build.where("libraries"), "printable names");
    read_value(version, record.libraries[name], build.where("libraries"));
  }
  build("processor", record.processor);
  std::string features;
  build("features", features);
  record.target.features = cpu_features_from_string(features);
  record.target.threads =
      static_cast<int>(read_integer(build.at("threads"), 1, kMaxThreads, build.where("threads")));
  FieldReader rates(build.at("rates"), build.where("rates"));
  for (const MultiplyAdd multiply_add : kMultiplyAdds) {
    const std::string name = rate_name(multiply_add);
    record.target.rates.set_exponent(
        multiply_add,
        static_cast<int>(read_integer(rates.at(name.c_str()), -8, 8, rates.where(name.c_str()))));
  }
  rates.finish();
  record.target.sm = static_cast<int>(read_integer(build.at("sm"), 0, 1000, build.where("sm")));
  build("tf32", record.target.tf32);
  build("reference_kernels", reference);
  build.finish();
}

// The meta section but for what the model's family describes.
void read_meta(const Json& json, const std::string& where, CompiledModule& module,
               ModelRecord& model) {
  FieldReader meta(json, where);
  FieldReader build(meta.at("build"), meta.where("build"));
  read_build(build, module.build, module.options.reference);
  meta("precision", model.precision);
  const Json& accuracy = meta.at("accuracy");
  if (!accuracy.is_null() && !accuracy.is_object()) {
    refuse(meta.where("accuracy"), "null or an object");
  }
  if (accuracy.is_object()) model.accuracy = accuracy.dump();
  meta("family", model.family);
  const Json& description = meta.at("model");
  if (!description.is_object()) refuse(meta.where("model"), "an object");
  model.description = description.dump();
  meta.finish();
}

// What kernels are chosen for: the rates are the file's on the processor where they were measured.
backend::TargetInfo target_of(const BuildRecord& build, const ReadOptions& options) {
  const CpuFeatures features = options.features & cpu_features();
  if (build.processor != cpu_model() || build.target.features != features) {
    return backend::cpu_target(options.features, options.threads);
  }
  backend::TargetInfo target = build.target;
  target.threads = options.threads;
  return target;
}

// What opening the GPUs threw, which is none of the file's faults.
struct NotOpened {
  Error error;
};

std::shared_ptr<const backend::DeviceSet> open_gpus(const ReadOptions& options, bool tf32) {
  try {
    return options.open_gpus(tf32);
  } catch (const Error& error) {
    throw NotOpened{error};
  }
}

void choose_target(const EngineHeader& header, const ReadOptions& options, CompiledModule& module) {
  if (header.device == to_string(backend::DeviceKind::kCpu)) {
    module.options.target = target_of(module.build, options);
    return;
  }
  module.options.devices = open_gpus(options, module.build.target.tf32);
  module.options.target = module.options.devices->first()->target();
  module.options.target.features = options.features & cpu_features();  // of the host's own work
  module.options.target.threads = options.threads;
  module.build.target.kind = module.options.target.kind;
}

void bind_programs(const Section& section, CompiledModule& module) {
  WeightsSection weights(section.bytes);
  std::set<std::string> names;
  for (CompiledProgram& program : module.programs) {
    LASSO_CHECK(names.insert(program.graph.name).second, ErrorCode::kCorruptFile,
                "two programs are called {}", program.graph.name);
    bind_program(program, module, weights);
  }
  weights.check_all_used();
}

LoadedEngine load(const std::shared_ptr<const MappedFile>& file, const ReadOptions& options) {
  const std::string& path = file->path();
  const EngineHeader header =
      read_header(*file, options.features & cpu_features(), options.open_gpus != nullptr);
  auto module = std::make_shared<CompiledModule>();
  LoadedEngine engine;
  engine.model.hash = header.model_hash;
  read_meta(read_json(*file, header, kMeta, kMaxMetaBytes), path + ": meta", *module, engine.model);
  module->build.needed = header.needed;
  choose_target(header, options, *module);
  const auto& families = options.families;
  LASSO_CHECK(std::find(families.begin(), families.end(), engine.model.family) != families.end(),
              ErrorCode::kUnsupported,
              "{}: an engine of the model family \"{}\", and this release has \"{}\": another "
              "release built it, and runs it",
              path, engine.model.family, fmt::join(families, "\", \""));
  module->programs =
      read_programs(read_json(*file, header, kPrograms, kMaxProgramsBytes), path + ": programs");
  if (options.verify) check_digest(*file, header, kWeights);
  const ThreadLimit limit(options.threads);
  const Section& weights = section_of(header, kWeights);
  bind_programs(weights, *module);
  module->weights = Weights(file, file->data() + weights.offset, weights.bytes);
  file->check_size();
  engine.module = std::move(module);
  return engine;
}

}  // namespace

LoadedEngine read_engine_file(const std::string& path, const ReadOptions& options) {
  return read_engine_file(MappedFile::open(path), options);
}

LoadedEngine read_engine_file(const std::shared_ptr<const MappedFile>& file,
                              const ReadOptions& options) {
  const std::string& path = file->path();
  try {
    return load(file, options);
  } catch (const NotOpened& failure) {
    fail(failure.error.code(), "{}: {}", path, failure.error.what());
  } catch (const Error& error) {
    // What a part of the engine takes for a bug or a wrong argument came from the file.
    const bool named = std::string_view(error.what()).substr(0, path.size()) == path;
    const bool by_file =
        error.code() == ErrorCode::kInternal || error.code() == ErrorCode::kInvalidArgument;
    if (named && !by_file) throw;
    fail(by_file ? ErrorCode::kCorruptFile : error.code(), "{}: {}", path, error.what());
  }
}

}  // namespace lasso::engine
