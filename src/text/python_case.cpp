// Upper, lower and title case. The mappings to several characters are Python's
// (Unicode's SpecialCasing without its languages); utf8proc knows the others.
#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "text/python_text_internal.h"
#include "text/unicode_internal.h"

namespace graft::text::python {
namespace {

struct Expansion {
  char16_t from;
  const char16_t* upper;
  const char16_t* title;
};

// Made by: every character whose str.upper() or str.title() has two or more.
constexpr std::array kExpansions = {
    Expansion{0x00DF, u"\u0053\u0053", u"\u0053\u0073"},
    Expansion{0x0149, u"\u02BC\u004E", u"\u02BC\u004E"},
    Expansion{0x01F0, u"\u004A\u030C", u"\u004A\u030C"},
    Expansion{0x0390, u"\u0399\u0308\u0301", u"\u0399\u0308\u0301"},
    Expansion{0x03B0, u"\u03A5\u0308\u0301", u"\u03A5\u0308\u0301"},
    Expansion{0x0587, u"\u0535\u0552", u"\u0535\u0582"},
    Expansion{0x1E96, u"\u0048\u0331", u"\u0048\u0331"},
    Expansion{0x1E97, u"\u0054\u0308", u"\u0054\u0308"},
    Expansion{0x1E98, u"\u0057\u030A", u"\u0057\u030A"},
    Expansion{0x1E99, u"\u0059\u030A", u"\u0059\u030A"},
    Expansion{0x1E9A, u"\u0041\u02BE", u"\u0041\u02BE"},
    Expansion{0x1F50, u"\u03A5\u0313", u"\u03A5\u0313"},
    Expansion{0x1F52, u"\u03A5\u0313\u0300", u"\u03A5\u0313\u0300"},
    Expansion{0x1F54, u"\u03A5\u0313\u0301", u"\u03A5\u0313\u0301"},
    Expansion{0x1F56, u"\u03A5\u0313\u0342", u"\u03A5\u0313\u0342"},
    Expansion{0x1F80, u"\u1F08\u0399", u"\u1F88"},
    Expansion{0x1F81, u"\u1F09\u0399", u"\u1F89"},
    Expansion{0x1F82, u"\u1F0A\u0399", u"\u1F8A"},
    Expansion{0x1F83, u"\u1F0B\u0399", u"\u1F8B"},
    Expansion{0x1F84, u"\u1F0C\u0399", u"\u1F8C"},
    Expansion{0x1F85, u"\u1F0D\u0399", u"\u1F8D"},
    Expansion{0x1F86, u"\u1F0E\u0399", u"\u1F8E"},
    Expansion{0x1F87, u"\u1F0F\u0399", u"\u1F8F"},
    Expansion{0x1F88, u"\u1F08\u0399", u"\u1F88"},
    Expansion{0x1F89, u"\u1F09\u0399", u"\u1F89"},
    Expansion{0x1F8A, u"\u1F0A\u0399", u"\u1F8A"},
    Expansion{0x1F8B, u"\u1F0B\u0399", u"\u1F8B"},
    Expansion{0x1F8C, u"\u1F0C\u0399", u"\u1F8C"},
    Expansion{0x1F8D, u"\u1F0D\u0399", u"\u1F8D"},
    Expansion{0x1F8E, u"\u1F0E\u0399", u"\u1F8E"},
    Expansion{0x1F8F, u"\u1F0F\u0399", u"\u1F8F"},
    Expansion{0x1F90, u"\u1F28\u0399", u"\u1F98"},
    Expansion{0x1F91, u"\u1F29\u0399", u"\u1F99"},
    Expansion{0x1F92, u"\u1F2A\u0399", u"\u1F9A"},
    Expansion{0x1F93, u"\u1F2B\u0399", u"\u1F9B"},
    Expansion{0x1F94, u"\u1F2C\u0399", u"\u1F9C"},
    Expansion{0x1F95, u"\u1F2D\u0399", u"\u1F9D"},
    Expansion{0x1F96, u"\u1F2E\u0399", u"\u1F9E"},
    Expansion{0x1F97, u"\u1F2F\u0399", u"\u1F9F"},
    Expansion{0x1F98, u"\u1F28\u0399", u"\u1F98"},
    Expansion{0x1F99, u"\u1F29\u0399", u"\u1F99"},
    Expansion{0x1F9A, u"\u1F2A\u0399", u"\u1F9A"},
    Expansion{0x1F9B, u"\u1F2B\u0399", u"\u1F9B"},
    Expansion{0x1F9C, u"\u1F2C\u0399", u"\u1F9C"},
    Expansion{0x1F9D, u"\u1F2D\u0399", u"\u1F9D"},
    Expansion{0x1F9E, u"\u1F2E\u0399", u"\u1F9E"},
    Expansion{0x1F9F, u"\u1F2F\u0399", u"\u1F9F"},
    Expansion{0x1FA0, u"\u1F68\u0399", u"\u1FA8"},
    Expansion{0x1FA1, u"\u1F69\u0399", u"\u1FA9"},
    Expansion{0x1FA2, u"\u1F6A\u0399", u"\u1FAA"},
    Expansion{0x1FA3, u"\u1F6B\u0399", u"\u1FAB"},
    Expansion{0x1FA4, u"\u1F6C\u0399", u"\u1FAC"},
    Expansion{0x1FA5, u"\u1F6D\u0399", u"\u1FAD"},
    Expansion{0x1FA6, u"\u1F6E\u0399", u"\u1FAE"},
    Expansion{0x1FA7, u"\u1F6F\u0399", u"\u1FAF"},
    Expansion{0x1FA8, u"\u1F68\u0399", u"\u1FA8"},
    Expansion{0x1FA9, u"\u1F69\u0399", u"\u1FA9"},
    Expansion{0x1FAA, u"\u1F6A\u0399", u"\u1FAA"},
    Expansion{0x1FAB, u"\u1F6B\u0399", u"\u1FAB"},
    Expansion{0x1FAC, u"\u1F6C\u0399", u"\u1FAC"},
    Expansion{0x1FAD, u"\u1F6D\u0399", u"\u1FAD"},
    Expansion{0x1FAE, u"\u1F6E\u0399", u"\u1FAE"},
    Expansion{0x1FAF, u"\u1F6F\u0399", u"\u1FAF"},
    Expansion{0x1FB2, u"\u1FBA\u0399", u"\u1FBA\u0345"},
    Expansion{0x1FB3, u"\u0391\u0399", u"\u1FBC"},
    Expansion{0x1FB4, u"\u0386\u0399", u"\u0386\u0345"},
    Expansion{0x1FB6, u"\u0391\u0342", u"\u0391\u0342"},
    Expansion{0x1FB7, u"\u0391\u0342\u0399", u"\u0391\u0342\u0345"},
    Expansion{0x1FBC, u"\u0391\u0399", u"\u1FBC"},
    Expansion{0x1FC2, u"\u1FCA\u0399", u"\u1FCA\u0345"},
    Expansion{0x1FC3, u"\u0397\u0399", u"\u1FCC"},
    Expansion{0x1FC4, u"\u0389\u0399", u"\u0389\u0345"},
    Expansion{0x1FC6, u"\u0397\u0342", u"\u0397\u0342"},
    Expansion{0x1FC7, u"\u0397\u0342\u0399", u"\u0397\u0342\u0345"},
    Expansion{0x1FCC, u"\u0397\u0399", u"\u1FCC"},
    Expansion{0x1FD2, u"\u0399\u0308\u0300", u"\u0399\u0308\u0300"},
    Expansion{0x1FD3, u"\u0399\u0308\u0301", u"\u0399\u0308\u0301"},
    Expansion{0x1FD6, u"\u0399\u0342", u"\u0399\u0342"},
    Expansion{0x1FD7, u"\u0399\u0308\u0342", u"\u0399\u0308\u0342"},
    Expansion{0x1FE2, u"\u03A5\u0308\u0300", u"\u03A5\u0308\u0300"},
    Expansion{0x1FE3, u"\u03A5\u0308\u0301", u"\u03A5\u0308\u0301"},
    Expansion{0x1FE4, u"\u03A1\u0313", u"\u03A1\u0313"},
    Expansion{0x1FE6, u"\u03A5\u0342", u"\u03A5\u0342"},
    Expansion{0x1FE7, u"\u03A5\u0308\u0342", u"\u03A5\u0308\u0342"},
    Expansion{0x1FF2, u"\u1FFA\u0399", u"\u1FFA\u0345"},
    Expansion{0x1FF3, u"\u03A9\u0399", u"\u1FFC"},
    Expansion{0x1FF4, u"\u038F\u0399", u"\u038F\u0345"},
    Expansion{0x1FF6, u"\u03A9\u0342", u"\u03A9\u0342"},
    Expansion{0x1FF7, u"\u03A9\u0342\u0399", u"\u03A9\u0342\u0345"},
    Expansion{0x1FFC, u"\u03A9\u0399", u"\u1FFC"},
    Expansion{0xFB00, u"\u0046\u0046", u"\u0046\u0066"},
    Expansion{0xFB01, u"\u0046\u0049", u"\u0046\u0069"},
    Expansion{0xFB02, u"\u0046\u004C", u"\u0046\u006C"},
    Expansion{0xFB03, u"\u0046\u0046\u0049", u"\u0046\u0066\u0069"},
    Expansion{0xFB04, u"\u0046\u0046\u004C", u"\u0046\u0066\u006C"},
    Expansion{0xFB05, u"\u0053\u0054", u"\u0053\u0074"},
    Expansion{0xFB06, u"\u0053\u0054", u"\u0053\u0074"},
    Expansion{0xFB13, u"\u0544\u0546", u"\u0544\u0576"},
    Expansion{0xFB14, u"\u0544\u0535", u"\u0544\u0565"},
    Expansion{0xFB15, u"\u0544\u053B", u"\u0544\u056B"},
    Expansion{0xFB16, u"\u054E\u0546", u"\u054E\u0576"},
    Expansion{0xFB17, u"\u0544\u053D", u"\u0544\u056D"},
};

const Expansion* find_expansion(char32_t value) {
  if (value < 0xDF || value > 0xFFFF) return nullptr;
  const auto* found = std::ranges::lower_bound(
      kExpansions, static_cast<char16_t>(value), {}, &Expansion::from);
  return found != kExpansions.end() && found->from == value ? found : nullptr;
}

void append_all(const char16_t* values, std::string& out) {
  for (; *values != 0; ++values) append_utf8(out, *values);
}

void append_upper(char32_t value, std::string& out) {
  if (const Expansion* found = find_expansion(value)) {
    append_all(found->upper, out);
  } else {
    append_utf8(out, static_cast<char32_t>(utf8proc_toupper(
                         static_cast<utf8proc_int32_t>(value))));
  }
}

void append_title(char32_t value, std::string& out) {
  if (const Expansion* found = find_expansion(value)) {
    append_all(found->title, out);
  } else {
    append_utf8(out, static_cast<char32_t>(utf8proc_totitle(
                         static_cast<utf8proc_int32_t>(value))));
  }
}

bool is_case_ignorable(char32_t value) {
  constexpr std::u32string_view kMore =
      U"'.:^`\u00a8\u00ad\u00af\u00b4\u00b7\u00b8\u2018\u2019\u2024\u2027";
  if (kMore.find(value) != kMore.npos) return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(value))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return false;
  }
}

// A sigma that ends a word has a form of its own.
bool is_final_sigma(std::string_view text, std::size_t at) {
  bool after_letter = false;
  for (std::size_t i = at; i > 0;) {
    i = previous_char(text, i);
    const char32_t value = decode_char(text, i).value;
    if (is_case_ignorable(value)) continue;
    after_letter = is_cased(value);
    break;
  }
  if (!after_letter) return false;
  for (std::size_t i = at + 2; i < text.size();) {
    const DecodedChar next = decode_char(text, i);
    i += next.length;
    if (!is_case_ignorable(next.value)) return !is_cased(next.value);
  }
  return true;
}

void append_lower(std::string_view text, std::size_t at, char32_t value,
                  std::string& out) {
  if (value == 0x3A3) {
    append_utf8(out, is_final_sigma(text, at) ? 0x3C2 : 0x3C3);
  } else if (value == 0x130) {
    append_utf8(out, 'i');
    append_utf8(out, 0x307);
  } else {
    append_utf8(out, static_cast<char32_t>(utf8proc_tolower(
                         static_cast<utf8proc_int32_t>(value))));
  }
}

// Calls take(at, value) for every character.
template <typename Take>
void each_char(std::string_view text, Take take) {
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar next = decode_char(text, at);
    take(at, next.value);
    at += next.length;
  }
}

}  // namespace

bool is_cased(char32_t value) {
  const auto point = static_cast<utf8proc_int32_t>(value);
  switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
      return true;
    default:
      return utf8proc_toupper(point) != point ||
             utf8proc_tolower(point) != point;
  }
}

std::string upper(std::string_view text) {
  std::string out;
  each_char(text,
            [&](std::size_t, char32_t value) { append_upper(value, out); });
  return out;
}

std::string lower(std::string_view text) {
  std::string out;
  each_char(text, [&](std::size_t at, char32_t value) {
    append_lower(text, at, value, out);
  });
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out;
  each_char(text, [&](std::size_t at, char32_t value) {
    at == 0 ? append_title(value, out) : append_lower(text, at, value, out);
  });
  return out;
}

std::string title(std::string_view text) {
  std::string out;
  bool in_word = false;
  each_char(text, [&](std::size_t at, char32_t value) {
    in_word ? append_lower(text, at, value, out) : append_title(value, out);
    in_word = is_cased(value);
  });
  return out;
}

std::string swap_case(std::string_view text) {
  std::string out;
  each_char(text, [&](std::size_t at, char32_t value) {
    const auto point = static_cast<utf8proc_int32_t>(value);
    const auto category = utf8proc_category(point);
    if (category == UTF8PROC_CATEGORY_LU || utf8proc_tolower(point) != point) {
      append_lower(text, at, value, out);
    } else {
      append_upper(value, out);
    }
  });
  return out;
}

}  // namespace graft::text::python
