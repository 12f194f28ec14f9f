#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace lasso::app {

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add(std::vector<std::string> cells, Style style) {
  rows_.push_back({std::move(cells), style, {}});
}

void Table::note(std::string text) { rows_.back().notes.push_back(std::move(text)); }

std::string Table::text() const {
  std::vector<std::size_t> widths;
  std::vector<std::string> titles;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    titles.push_back(columns_[c].title);
    widths.push_back(columns_[c].title.size());
    for (const Row& row : rows_) widths[c] = std::max(widths[c], row.cells[c].size());
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text = "  ";
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) text += "  ";
      text += columns_[c].align == Align::kRight ? fmt::format("{:>{}}", cells[c], widths[c])
                                                 : fmt::format("{:<{}}", cells[c], widths[c]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  std::string result = styled(Style::kDim, line(titles));
  for (const Row& row : rows_) {
    result += '\n';
    result += styled(row.style, line(row.cells));
    for (const std::string& note : row.notes) {
      result += '\n';
      result += styled(Style::kDim, std::string(6, ' ') + note);
    }
  }
  return result;
}

}  // namespace lasso::app
