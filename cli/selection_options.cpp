// From command-line words to one rule.
#include "selection_options.h"

#include "graft/base/error.h"

namespace graft::cli {
namespace {

bool is_lone_regex(const std::vector<std::string>& entries) {
  return entries.size() == 1 &&
         entries.front().find_first_of("*+?()[]{}|\\^$") != std::string::npos;
}

}  // namespace

void add_selection_options(CLI::App& app, SelectionOptions& options) {
  app.add_option("--target", options.targets,
                 "last name, pattern of the whole path, or all-linear; may be "
                 "given again")
      ->type_name("ENTRY")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--exclude", options.excludes,
                 "what is left out, in the same syntax; may be given again")
      ->type_name("ENTRY")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--syntax", options.syntax,
                 "How patterns are read: glob (default), megatron or peft")
      ->type_name("SYNTAX");
}

Rule make_rule(const SelectionOptions& options) {
  const auto syntax = pattern_syntax_from_name(options.syntax);
  if (!syntax) {
    throw ConfigError(ErrorText{.operation = "match",
                                .what = "--syntax",
                                .got = "'" + options.syntax + "'",
                                .expected = "glob, megatron or peft"});
  }
  Rule rule;
  rule.targets = options.targets;
  rule.excludes = options.excludes;
  rule.syntax = *syntax;
  if (rule.syntax == PatternSyntax::kPeft) {
    rule.peft.targets_regex = is_lone_regex(rule.targets);
    rule.peft.excludes_regex = is_lone_regex(rule.excludes);
  }
  return rule;
}

}  // namespace graft::cli
