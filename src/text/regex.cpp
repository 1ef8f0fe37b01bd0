// PCRE2 with the just-in-time compiler; its own interpreter takes over where
// a match needs more stack than the compiled code has.
#include "text/regex_internal.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <new>
#include <optional>

#include "graft/base/error.h"
#include "text/oniguruma_pattern_internal.h"
#include "text/unicode_internal.h"

namespace graft::text {
namespace {

constexpr std::uint32_t kMatchLimit = 10'000'000;
constexpr std::uint32_t kHeapLimitKib = 256 * 1024;

struct Deleter {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
  void operator()(pcre2_compile_context* p) const {
    pcre2_compile_context_free(p);
  }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

template <typename T>
Owned<T> own(T* pointer) {
  if (pointer == nullptr) throw std::bad_alloc();
  return Owned<T>(pointer);
}

PCRE2_SPTR units(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data() ? text.data() : "");
}

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

Owned<pcre2_code> compile(const std::string& pattern, std::uint32_t options) {
  const auto context = own(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* compiled =
      pcre2_compile(units(pattern), pattern.size(), options | PCRE2_UTF, &code,
                    &offset, context.get());
  if (compiled == nullptr) {
    throw PatternError("pattern '" + pattern + "' does not compile: " +
                       message_of(code) + " at byte " + std::to_string(offset));
  }
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);  // optional: may be absent
  return Owned<pcre2_code>(compiled);
}

}  // namespace

struct Regex::Code {
  Owned<pcre2_code> pattern;
  Owned<pcre2_match_context> limits;
};

namespace {

// One search through one text.
class Search {
 public:
  Search(const pcre2_code* pattern, pcre2_match_context* limits,
         std::string_view text)
      : pattern_(pattern),
        limits_(limits),
        text_(text),
        data_(own(pcre2_match_data_create_from_pattern(pattern, nullptr))) {}

  // PCRE2's code when it failed, 0 otherwise.
  int error() const { return error_; }

  std::optional<ByteRange> find(std::size_t from) {
    int code = match(from, PCRE2_NO_UTF_CHECK);
    if (code == PCRE2_ERROR_JIT_STACKLIMIT) {
      code = match(from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT);
    }
    if (code < 0) {
      if (code != PCRE2_ERROR_NOMATCH) error_ = code;
      return std::nullopt;
    }
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data_.get());
    return ByteRange{range[0], range[1]};
  }

 private:
  int match(std::size_t from, std::uint32_t options) {
    return pcre2_match(pattern_, units(text_), text_.size(), from, options,
                       data_.get(), limits_);
  }

  const pcre2_code* pattern_;
  pcre2_match_context* limits_;
  std::string_view text_;
  Owned<pcre2_match_data> data_;
  int error_ = 0;
};

}  // namespace

Regex::Regex(std::string_view pattern, Syntax syntax, std::string label)
    : label_(std::move(label)) {
  auto code = std::make_unique<Code>();
  code->pattern =
      syntax == Syntax::kLiteral
          ? compile(std::string(pattern), PCRE2_LITERAL)
          : compile(translate_oniguruma(pattern),
                    PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C);
  code->limits = own(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(code->limits.get(), kMatchLimit);
  pcre2_set_heap_limit(code->limits.get(), kHeapLimitKib);
  code_ = std::move(code);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

// An empty match right after a match is passed over, as the reference does.
std::vector<ByteRange> Regex::find_all(std::string_view text) const {
  Search search(code_->pattern.get(), code_->limits.get(), text);
  std::vector<ByteRange> out;
  std::size_t from = 0;
  while (from <= text.size()) {
    const auto match = search.find(from);
    if (!match) break;
    const bool is_empty = match->begin == match->end;
    if (is_empty && !out.empty() && out.back().end == match->end) {
      from += from < text.size() ? decode_char(text, from).length : 1;
      continue;
    }
    out.push_back(*match);
    from = match->end;
  }
  if (search.error() != 0) {
    throw FileError(ErrorText{.operation = "tokenizer",
                              .what = label_ +
                                      ": the pattern fails on a text of " +
                                      std::to_string(text.size()) +
                                      " bytes: " + message_of(search.error())});
  }
  return out;
}

}  // namespace graft::text
