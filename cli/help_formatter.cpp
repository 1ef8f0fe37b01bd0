// CLI11 prints what it checks; people need to know what to write.
#include "help_formatter.h"

#include <cctype>
#include <sstream>
#include <utility>

namespace graft::cli {
namespace {

constexpr std::size_t kNameColumns = 28;
constexpr std::size_t kColumns = 80;

std::string as_sentence(std::string text) {
  if (!text.empty()) {
    text[0] =
        static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  }
  return text;
}

// Lines of at most `width`; longer words stand alone.
std::string wrapped(const std::string& text, std::size_t width) {
  std::istringstream words(text);
  std::string out;
  std::string line;
  for (std::string word; words >> word;) {
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      out += std::exchange(line, {}) + "\n";
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return out + line;
}

// "INT:INT in [0 - 8]" -> "N".
std::string value_word(const CLI::Option* option) {
  std::string type = option->get_type_name();
  type = type.substr(0, type.find(':'));
  if (type == "INT" || type == "UINT") return "N";
  return type == "FLOAT" ? "X" : type;
}

}  // namespace

HelpFormatter::HelpFormatter() {
  column_width(kNameColumns);
  label("Positionals", "Arguments");
}

std::string HelpFormatter::make_description(const CLI::App* app) const {
  std::string text = app->get_description();
  if (!text.ends_with('.')) text += '.';
  return wrapped(text, kColumns) + "\n\n";
}

// One blank line between groups.
std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
  std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
  for (std::size_t at; (at = text.find("\n\n\n")) != text.npos;) {
    text.erase(at, 1);
  }
  return text;
}

std::string HelpFormatter::make_option_name(const CLI::Option* option,
                                            bool is_positional) const {
  std::string name = CLI::Formatter::make_option_name(option, is_positional);
  for (std::size_t at = 0; (at = name.find(",-", at)) != name.npos; at += 2) {
    name.insert(at + 1, " ");
  }
  return name;
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_positional() || option->get_type_size() == 0) return {};
  const std::string& text = option->get_option_text();
  return " " + (text.empty() ? value_word(option) : text);
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  std::string text = as_sentence(option->get_description());
  if (!option->get_positional() && option->get_required()) {
    text += " (required)";
  }
  return wrapped(text, kColumns - kNameColumns);
}

std::string HelpFormatter::make_option_usage(const CLI::Option* option) const {
  std::string text = option->get_option_text();
  if (text.empty()) text = make_option_name(option, true);
  return option->get_required() ? text : "[" + text + "]";
}

}  // namespace graft::cli
