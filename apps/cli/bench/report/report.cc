#include "cli/bench/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/bench/report/markup.h"
#include "cli/console.h"
#include "cli/table.h"
#include "common/text.h"

namespace lasso::app {

namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --back: #ffffff; --card: #f6f7f9; --line: #d9dde3; --text: #1b1f24;
  --dim: #5b6470; --bad: #c3202f; --good: #1a7f37; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171b; --card: #1d2126; --line: #343a42; --text: #e6e9ed; --dim: #9aa4b0;
    --bad: #ff6b70; --good: #4cc26a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1720px; padding: 24px clamp(12px, 3vw, 40px) 48px; background: var(--back);
  color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 32px 0 8px; }
p { margin: 4px 0; }
.dim { color: var(--dim); }
.verdict { font-weight: 600; color: var(--good); }
.verdict.missed, tr.bad td, tr.bad th { color: var(--bad); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 14px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
thead th { color: var(--dim); font-weight: 600; }
th:first-child, .text { text-align: left; }
tbody th { font-weight: 600; }
)";

bool contains(const std::vector<std::size_t>& columns, std::size_t column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

// Without its middle where it is longer: names often differ at both ends. No character of UTF-8 is
// cut.
std::string shortened(const std::string& text, std::size_t width) {
  if (text.size() <= width) return text;
  const auto inside = [&](std::size_t i) {
    return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80;
  };
  std::size_t tail = text.size() - (width - 3) * 3 / 5;
  std::size_t head = width - 3 - (text.size() - tail);
  while (inside(tail)) ++tail;
  while (head > 0 && inside(head)) --head;
  return text.substr(0, head) + "..." + text.substr(tail);
}

bool is_bad(const ReportTable& table, std::size_t row) {
  return row < table.bad.size() && table.bad[row];
}

}  // namespace

void print_tables(const std::vector<ReportTable>& tables) {
  for (const ReportTable& table : tables) {
    print("");
    std::vector<Column> columns;
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      if (contains(table.wide_columns, c)) continue;
      const bool text = c == 0 || contains(table.text_columns, c);
      columns.push_back({table.columns[c], text ? Align::kLeft : Align::kRight});
    }
    Table rows(std::move(columns));
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      std::vector<std::string> cells;
      for (std::size_t c = 0; c < table.rows[r].size(); ++c) {
        if (!contains(table.wide_columns, c)) cells.push_back(printable(table.rows[r][c]));
      }
      if (table.name_width > 0) cells.front() = shortened(cells.front(), table.name_width);
      rows.add(std::move(cells), is_bad(table, r) ? Style::kRed : Style::kPlain);
    }
    print(styled(Style::kBold, printable(table.title)));
    print(rows.text());
  }
}

std::string table_html(const ReportTable& table) {
  std::string html =
      "<h2>" + escape_html(table.title) + "</h2>\n<div class=\"scroll\"><table>\n<thead><tr>";
  const auto css = [&](std::size_t c) {
    return contains(table.text_columns, c) ? " class=\"text\"" : "";
  };
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    html += fmt::format("<th scope=\"col\"{}>{}</th>", css(c), escape_html(table.columns[c]));
  }
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    html += is_bad(table, r) ? "<tr class=\"bad\">" : "<tr>";
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const std::string text = escape_html(table.rows[r][c]);
      html += c == 0 ? fmt::format("<th scope=\"row\">{}</th>", text)
                     : fmt::format("<td{}>{}</td>", css(c), text);
    }
    html += "</tr>\n";
  }
  html += "</tbody>\n</table></div>\n";
  if (table.note.empty()) return html;
  return html + "<p class=\"dim\">" + escape_html(table.note) + "</p>\n";
}

std::string html_page(std::string_view title, std::string_view style, std::string_view body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}{2}</style>\n</head>\n<body>\n<h1>{0}</h1>\n{3}"
      "</body>\n</html>\n",
      escape_html(title), kStyle, style, body);
}

}  // namespace lasso::app
