// The parser behind translate_python_regex. Private to python_regex.cpp and
// python_regex_group.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "match/python_regex_internal.h"
#include "match/regex_scanner_internal.h"

namespace graft {

class PythonRegexParser {
 public:
  PythonRegexParser(std::string_view pattern, std::string_view entry)
      : scanner_(pattern, entry) {}
  TranslatedRegex parse();

 private:
  static constexpr int kMaxDepth = 200;

  struct Repeat {
    std::uint64_t min = 0;
    std::uint64_t max = kUnlimited;
  };
  struct FlagText {
    std::string on;
    std::string off;
    char32_t end = 0;  // ':' or ')'
  };
  struct Group {
    bool closed = false;
    std::uint64_t min_width = 0;
    std::uint64_t max_width = 0;
  };

  RegexPart parse_alternatives(bool outermost);
  RegexPart parse_sequence(bool at_start);
  bool skip_verbose(char32_t c);
  RegexPart parse_single(char32_t c);
  RegexPart parse_escape();
  std::string position_text(char32_t letter) const;
  RegexPart reference_to(std::size_t group);
  std::optional<Repeat> take_braces();
  std::optional<Repeat> take_repeat(char32_t c);
  bool parse_repeat(char32_t c, std::vector<RegexPart>& parts);

  // After "(". Nothing for a comment and for global flags.
  std::optional<RegexPart> parse_group(bool at_start);
  std::optional<RegexPart> parse_extension(bool at_start);
  RegexPart parse_capture(const std::string& name);
  RegexPart parse_python_name();
  RegexPart parse_body(const std::string& opening);
  RegexPart parse_look(bool behind, bool negative);
  RegexPart parse_condition();
  std::optional<RegexPart> parse_flags(bool at_start);
  FlagText take_flags();
  std::string take_name(char32_t end);
  void close_group(std::size_t opened_at);

  RegexScanner scanner_;
  RegexFlags flags_;
  std::vector<Group> groups_;
  std::map<std::string, std::size_t> names_;
  std::vector<std::size_t> conditions_;
  // Groups opened before the outermost look-behind that is being read.
  std::size_t lookbehind_groups_ = SIZE_MAX;
  std::string global_flags_;
  int depth_ = 0;
};

}  // namespace graft
