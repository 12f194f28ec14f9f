#include "cli/help.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <sstream>
#include <vector>

#include "cli/options.h"

namespace lasso::app {

namespace {

constexpr std::size_t kTextColumn = 28;
constexpr std::size_t kLineWidth = 96;

// Usage line and epilogue of each command, which CLI11 has no place for.
std::map<const CLI::App*, std::string>& usages() {
  static std::map<const CLI::App*, std::string> instance;
  return instance;
}

// Breaks `text` at spaces; a line feed in it begins a new line.
std::string wrap(const std::string& text, std::size_t indent) {
  std::string result;
  std::istringstream lines(text);
  std::string line;
  bool first_line = true;
  while (std::getline(lines, line)) {
    if (!first_line) result += "\n" + std::string(indent, ' ');
    first_line = false;
    std::istringstream words(line);
    std::string word;
    std::size_t column = indent;
    while (words >> word) {
      if (column > indent && column + 1 + word.size() > kLineWidth) {
        result += "\n" + std::string(indent, ' ');
        column = indent;
      }
      if (column > indent) {
        result += ' ';
        ++column;
      }
      result += word;
      column += word.size();
    }
  }
  return result;
}

std::string entry(const std::string& left, const std::string& text) {
  std::string line = std::string(2, ' ') + left;
  if (line.size() + 2 > kTextColumn) {
    line += "\n" + std::string(kTextColumn, ' ');
  } else {
    line.append(kTextColumn - line.size(), ' ');
  }
  return line + wrap(text, kTextColumn) + "\n";
}

std::string option_left(const CLI::Option* option) {
  std::string left = option->get_name(option->get_positional(), true);
  std::replace(left.begin(), left.end(), ',', ' ');
  if (const std::size_t space = left.find(' '); space != std::string::npos) {
    left.replace(space, 1, ", ");
  }
  if (!option->get_positional() && option->get_type_size() > 0) {
    left += " " + option->get_type_name();
  }
  return left;
}

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
  (void)name;
  (void)mode;
  std::string help;
  const auto usage = usages().find(app);
  help += app->get_description() + "\n\n";
  if (usage != usages().end()) help += "Usage: " + usage->second + "\n";

  const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
  if (!commands.empty()) {
    help += "\nCommands:\n";
    for (const CLI::App* command : commands) {
      help += entry(command->get_name(), command->get_description());
    }
  }
  for (const std::string& group : app->get_groups()) {
    const auto options = app->get_options(
        [&](const CLI::Option* option) { return option->get_group() == group && !group.empty(); });
    if (options.empty()) continue;
    help += "\n" + group + ":\n";
    for (const CLI::Option* option : options) {
      help += entry(option_left(option), option->get_description());
    }
  }
  if (!app->get_footer().empty()) help += "\n" + app->get_footer();
  return help;
}

void describe_command(CLI::App* app, const std::string& usage, const std::string& epilogue) {
  usages()[app] = usage;
  app->footer(epilogue);
  app->set_help_flag("-h,--help", "Show this text and exit.")->group(kOutputGroup);
}

std::string closest_option(const CLI::App& app, const std::string& mistyped) {
  const std::string name = mistyped.substr(0, mistyped.find('='));
  std::string best;
  std::size_t best_distance = 3;  // more is no typing error
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& candidate : option->get_lnames()) {
      const std::size_t distance = edit_distance(name, "--" + candidate);
      if (distance < best_distance) {
        best_distance = distance;
        best = "--" + candidate;
      }
    }
  }
  return best;
}

}  // namespace lasso::app
