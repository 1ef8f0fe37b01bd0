// How `--help` looks: one word for a value, lines of at most 80 columns. Entry
// point: HelpFormatter.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace graft::cli {

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();

  std::string make_description(const CLI::App* app) const override;
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_option_name(const CLI::Option* option,
                               bool is_positional) const override;
  // The option's text, if it has one; else a word for its type.
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_option_usage(const CLI::Option* option) const override;
};

}  // namespace graft::cli
