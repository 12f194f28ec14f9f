// Text tables with aligned columns.
#ifndef LASSO_CLI_TABLE_H_
#define LASSO_CLI_TABLE_H_

#include <string>
#include <vector>

#include "cli/console.h"

namespace lasso::app {

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns);

  void add(std::vector<std::string> cells, Style style = Style::kPlain);
  // A line of its own below the last row, not part of any column.
  void note(std::string text);

  // Without a line feed at the end.
  std::string text() const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Style style;
    std::vector<std::string> notes;
  };
  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_TABLE_H_
