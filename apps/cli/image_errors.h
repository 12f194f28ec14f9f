// What goes wrong with one image of a run is said in its report, and the others are done.
#ifndef LASSO_CLI_IMAGE_ERRORS_H_
#define LASSO_CLI_IMAGE_ERRORS_H_

#include <new>
#include <string>

#include "cli/exit_codes.h"
#include "common/errors.h"
#include "common/json_text.h"
#include "common/pictures.h"
#include "lasso/error.h"

namespace lasso::app {

// The message with the files that were written before the error; `files` is those of a report.
inline std::string with_files(const std::string& message, const OrderedJson& files) {
  std::string text;
  for (const auto& item : files.items()) {
    for (const OrderedJson& name : item.value()) {
      text += (text.empty() ? "" : ", ") + file_name(name.get<std::string>());
    }
  }
  return with_written(message, text);
}

// Calls work(), which fills the report. Its `error` and `error_code` are set where the image is at
// fault, or a file can't be written; what concerns the whole run is thrown again (no memory, a
// failing device, a bug, a model that was cut short).
template <typename Report, typename F>
void keep_errors(Report* report, F&& work) {
  try {
    work();
  } catch (const Failure& failure) {  // the model was cut short
    throw Failure(failure.exit(), with_files(failure.what(), report->files));
  } catch (const std::bad_alloc&) {
    throw lasso::Error(ErrorCode::kOutOfMemory, with_files("out of memory", report->files));
  } catch (const OutputError& error) {
    report->error_code = "output";
    report->error = error.what();
  } catch (const lasso::Error& error) {
    if (is_fatal(error)) throw lasso::Error(error.code(), with_files(error.what(), report->files));
    report->error_code = to_string(error.code());
    report->error = error.what();
    const std::string name = picture_name(report->path);
    if (report->error.find(name) == std::string::npos) report->error = name + ": " + report->error;
  }
  if (!report->error.empty()) report->error = with_files(report->error, report->files);
}

}  // namespace lasso::app

#endif  // LASSO_CLI_IMAGE_ERRORS_H_
