// What the reports of `lasso bench` have in common: tables for the terminal and HTML, and the page.
#ifndef LASSO_CLI_BENCH_REPORT_REPORT_H_
#define LASSO_CLI_BENCH_REPORT_REPORT_H_

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

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_REPORT_REPORT_H_
