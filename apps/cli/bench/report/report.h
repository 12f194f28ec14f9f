// What the reports of `lasso bench` have in common: tables for the terminal and HTML, the page, the
// folder.
#ifndef LASSO_CLI_BENCH_REPORT_REPORT_H_
#define LASSO_CLI_BENCH_REPORT_REPORT_H_

#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lasso::app {

// A table of texts, the same on the terminal and in HTML. The first column is text, the others are
// numbers but for those that `text_columns` names.
struct ReportTable {
  std::string title;
  std::string note;  // below the table in HTML; may be empty
  std::vector<std::string> columns;
  std::vector<std::size_t> text_columns;
  std::vector<std::size_t> wide_columns;  // not on the terminal, which has no room for them
  std::vector<std::vector<std::string>> rows;
  // Longer names in the first column lose their middle on the terminal; 0: none does.
  std::size_t name_width = 0;
  std::vector<bool> bad;  // rows to be marked; empty: none
};

void print_tables(const std::vector<ReportTable>& tables);

std::string table_html(const ReportTable& table);

// A whole page. `title` is text; `style` is added to the rules that all reports have; `body` is
// HTML and follows the heading.
std::string html_page(std::string_view title, std::string_view style, std::string_view body);

// For an option that names the folder in which a report's folder is made: throws Failure(kUsage) if
// there is something else.
void check_folder(const std::string& option, const std::string& folder);
void make_folder(const std::string& option, const std::string& folder);

// The local time of day and date. (The function of that name in fmt is gone since its release 12.)
std::tm local_time(std::time_t time);

// Makes a folder that did not exist: "lasso-tiny-20261121-071500", or with "-2" after it.
std::filesystem::path make_report_folder(const std::string& parent, const std::string& model,
                                         const std::tm& time);

// The part of a file's name for a model and a time: "lasso-tiny-20261121-071500".
std::string report_name(const std::string& model, const std::tm& time);

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_REPORT_REPORT_H_
