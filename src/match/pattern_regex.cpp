// The one file that calls PCRE2.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <map>

#include "graft/base/error.h"
#include "match/pattern_mark_internal.h"
#include "match/pattern_regex_internal.h"
#include "match/python_regex_internal.h"
#include "match/regex_scanner_internal.h"

namespace graft {
namespace {

// Enough for any honest pattern on a module name; a hostile one stops here
// after well under a second.
constexpr std::uint32_t kMatchLimit = 5'000'000;
constexpr std::uint32_t kHeapLimitKib = 64 * 1024;

struct Release {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const {
    pcre2_match_context_free(context);
  }
  void operator()(pcre2_compile_context* context) const {
    pcre2_compile_context_free(context);
  }
};
using CodePointer = std::unique_ptr<pcre2_code, Release>;
using MatchData = std::unique_ptr<pcre2_match_data, Release>;
using MatchContext = std::unique_ptr<pcre2_match_context, Release>;
using CompileContext = std::unique_ptr<pcre2_compile_context, Release>;

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

CodePointer compile(const std::string& pattern, const std::string& label,
                    std::uint32_t extent) {
  constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_ANCHORED |
                                     PCRE2_ALT_CIRCUMFLEX |
                                     PCRE2_MATCH_INVALID_UTF;
  const CompileContext context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  CodePointer code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()),
                                 pattern.size(), kOptions | extent, &error,
                                 &offset, context.get()));
  if (!code) {
    throw ConfigError(ErrorText{
        .operation = "match",
        .what = label + " is not supported: " + pcre2_message(error)});
  }
  // Without a JIT the interpreter gives the same answers.
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return code;
}

}  // namespace

struct PatternRegex::Code {
  std::string label;
  std::map<std::string, std::size_t> names;
  CodePointer code;
  MatchContext limits;

  // Groups set, or 0 for no match.
  int run(std::string_view text, pcre2_match_data* data) const;
};

int PatternRegex::Code::run(std::string_view text,
                            pcre2_match_data* data) const {
  // A null pointer is no subject, not even an empty one.
  const char* subject = text.empty() ? "" : text.data();
  const auto match = [&](std::uint32_t options) {
    return pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(subject),
                       text.size(), 0, options, data, limits.get());
  };
  int result = match(0);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(PCRE2_NO_JIT);
  if (result == PCRE2_ERROR_NOMATCH) return 0;
  if (result < 0) {
    throw ConfigError(
        ErrorText{.operation = "match",
                  .what = label + " on " + quoted_pattern(text) + ": " +
                          pcre2_message(result),
                  .hint = "Write the pattern with fewer nested repeats"});
  }
  return result == 0 ? 1 : result;
}

PatternRegex::PatternRegex(std::string_view pattern, Extent extent)
    : PatternRegex(pattern, extent, pattern) {}

PatternRegex::PatternRegex(std::string_view pattern, Extent extent,
                           std::string_view entry) {
  TranslatedRegex translated = translate_python_regex(pattern, entry);
  auto code = std::make_unique<Code>();
  code->label = regex_label(pattern, entry);
  code->names = std::move(translated.names);
  code->code = compile(translated.pattern, code->label,
                       extent == Extent::kWhole ? PCRE2_ENDANCHORED : 0u);
  code->limits.reset(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(code->limits.get(), kMatchLimit);
  pcre2_set_heap_limit(code->limits.get(), kHeapLimitKib);
  code_ = std::move(code);
}

PatternRegex::~PatternRegex() = default;
PatternRegex::PatternRegex(PatternRegex&&) noexcept = default;
PatternRegex& PatternRegex::operator=(PatternRegex&&) noexcept = default;

bool PatternRegex::matches(std::string_view text) const {
  const MatchData data(pcre2_match_data_create(1, nullptr));
  return code_->run(text, data.get()) > 0;
}

std::optional<std::string> PatternRegex::capture(
    std::string_view text, const std::string& group) const {
  const MatchData data(
      pcre2_match_data_create_from_pattern(code_->code.get(), nullptr));
  const auto name = code_->names.find(group);
  if (name == code_->names.end()) return std::nullopt;
  const int groups = code_->run(text, data.get());
  if (static_cast<std::size_t>(groups) <= name->second) return std::nullopt;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
  const PCRE2_SIZE begin = ends[2 * name->second];
  if (begin == PCRE2_UNSET) return std::nullopt;
  return std::string(text.substr(begin, ends[2 * name->second + 1] - begin));
}

std::string megatron_regex(std::string_view pattern) {
  std::string out = "^";
  for (const char c : pattern) {
    if (c == '*') {
      out += "(.*)";
    } else {
      out += c;
    }
  }
  return out + '$';
}

}  // namespace graft
