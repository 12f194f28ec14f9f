#include "cli/bench/report/report_folder.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "cli/options.h"
#include "common/errors.h"
#include "common/files.h"
#include "core/file.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

std::string shell_word(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("-_./,:=@+%").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return text;
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::tm local_time(std::time_t time) {
  std::tm result{};
  localtime_r(&time, &result);
  return result;
}

std::tm utc_time(std::time_t time) {
  std::tm result{};
  gmtime_r(&time, &result);
  return result;
}

std::string name_at(const std::string& model, const std::tm& time) {
  std::string name = stem(model);
  for (char& c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) == 0 && c != '.' && c != '_' && c != '-') c = '_';
  }
  return name + fmt::format("-{:%Y%m%d-%H%M%S}", time);
}

}  // namespace

void add_report_option(CLI::App* app, std::string* folder, const std::string& group) {
  add_text(app, "-o,--output", folder, "DIR",
           "Folder in which the report's folder is made. Default: lasso-reports.", group);
}

std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string command = "lasso";
  std::string argument;
  std::getline(file, argument, '\0');  // the program's own path
  while (std::getline(file, argument, '\0')) command.append(" ").append(shell_word(argument));
  return command;
}

ReportFolder::ReportFolder() : now_(std::time(nullptr)) {}

std::string ReportFolder::made() const {
  return fmt::format("{:%Y-%m-%d %H:%M}", local_time(now_));
}

std::string ReportFolder::started() const {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", utc_time(now_));
}

std::string ReportFolder::name(const std::string& model) const {
  return name_at(model, local_time(now_));
}

std::string ReportFolder::utc_name(const std::string& model) const {
  return name_at(model, utc_time(now_));
}

void ReportFolder::check(const std::string& parent, const std::string& model) const {
  check_name_length((fs::path(parent) / name(model)).string());
}

void ReportFolder::make(const std::string& parent, const std::string& model) {
  const std::string first = name(model);
  for (int number = 1;; ++number) {
    folder_ = fs::path(parent) / (number == 1 ? first : fmt::format("{}-{}", first, number));
    std::error_code error;
    if (fs::create_directory(folder_, error)) return;
    if (error) {
      throw OutputError(fmt::format("{}: can't be made: {}", folder_.string(), error.message()));
    }
  }
}

std::string ReportFolder::write_results(OrderedJson json) {
  json["started"] = started();
  json["elapsed_s"] = watch_.seconds();
  json["report"] = json_name(folder_.string());
  std::string line = json_line(json);
  write("results.json", line + "\n");
  return line;
}

void ReportFolder::write(const std::string& file, const std::string& text) {
  try {
    write_file(path(file), text);
  } catch (const OutputError& error) {
    throw OutputError(with_written(error.what(), written_));
  }
  written_ += (written_.empty() ? "" : ", ") + path(file);
}

}  // namespace lasso::app
