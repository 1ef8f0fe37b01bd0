// NFC, NFD, NFKC, NFKD, Lowercase, ByteLevel, Prepend, Replace and Sequence.
#include "text/normalizer_internal.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "text/byte_level_internal.h"
#include "text/replacement_internal.h"
#include "text/unicode_age_internal.h"
#include "text/unicode_internal.h"

namespace graft::text {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80;
  });
}

class UnicodeForm : public Normalizer {
 public:
  explicit UnicodeForm(int options)
      : options_(static_cast<utf8proc_option_t>(options | UTF8PROC_STABLE)) {}

  // A character that the reference's older Unicode does not know stays as it
  // is, and nothing is composed or reordered across it.
  std::string normalize(std::string_view text) const override {
    if (is_ascii(text)) return std::string(text);
    std::string out;
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size();) {
      const DecodedChar next = decode_char(text, at);
      if (is_newer_than_reference(next.value)) {
        append_normalized(out, text.substr(begin, at - begin));
        out += text.substr(at, next.length);
        begin = at + next.length;
      }
      at += next.length;
    }
    append_normalized(out, text.substr(begin));
    return out;
  }

 private:
  void append_normalized(std::string& out, std::string_view text) const {
    utf8proc_uint8_t* bytes = nullptr;
    const utf8proc_ssize_t size = utf8proc_map(
        reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
        static_cast<utf8proc_ssize_t>(text.size()), &bytes, options_);
    if (size < 0) throw std::bad_alloc();  // valid UTF-8 has no other failure
    const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(bytes,
                                                                   std::free);
    out.append(reinterpret_cast<const char*>(bytes),
               static_cast<std::size_t>(size));
  }

  utf8proc_option_t options_;
};

// Character by character, with the one lower-case form that is two characters
// (the dotted capital I).
class Lowercase : public Normalizer {
 public:
  std::string normalize(std::string_view text) const override {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const DecodedChar next = decode_char(text, at);
      at += next.length;
      if (next.value == 0x130) {
        out += "i\xCC\x87";
        continue;
      }
      append_utf8(out, static_cast<char32_t>(utf8proc_tolower(
                           static_cast<utf8proc_int32_t>(next.value))));
    }
    return out;
  }
};

class ByteLevelNormalizer : public Normalizer {
 public:
  std::string normalize(std::string_view text) const override {
    std::string out;
    append_byte_level(out, text);
    return out;
  }
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string text) : text_(std::move(text)) {}

  std::string normalize(std::string_view text) const override {
    return text.empty() ? std::string() : text_ + std::string(text);
  }

 private:
  std::string text_;
};

class ReplaceNormalizer : public Normalizer {
 public:
  explicit ReplaceNormalizer(const Part& part) : replacement_(part) {}

  std::string normalize(std::string_view text) const override {
    return replacement_.apply(text);
  }

 private:
  Replacement replacement_;
};

class NormalizerSequence : public Normalizer {
 public:
  explicit NormalizerSequence(
      std::vector<std::unique_ptr<const Normalizer>> steps)
      : steps_(std::move(steps)) {}

  std::string normalize(std::string_view text) const override {
    std::string out(text);
    for (const auto& step : steps_) out = step->normalize(out);
    return out;
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> steps_;
};

}  // namespace

std::unique_ptr<const Normalizer> make_normalizer(const Part& part) {
  struct Form {
    std::string_view type;
    int options;
  };
  constexpr Form kForms[] = {
      {"NFC", UTF8PROC_COMPOSE},
      {"NFD", UTF8PROC_DECOMPOSE},
      {"NFKC", UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
      {"NFKD", UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
  };
  const std::string type = part.type();
  for (const Form& form : kForms) {
    if (form.type == type) return std::make_unique<UnicodeForm>(form.options);
  }
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "ByteLevel") return std::make_unique<ByteLevelNormalizer>();
  if (type == "Prepend") return std::make_unique<Prepend>(part.text("prepend"));
  if (type == "Replace") return std::make_unique<ReplaceNormalizer>(part);
  if (type == "Sequence") {
    std::vector<std::unique_ptr<const Normalizer>> steps;
    for (const Part& step : part.items("normalizers")) {
      steps.push_back(make_normalizer(step));
    }
    return std::make_unique<NormalizerSequence>(std::move(steps));
  }
  part.unsupported(type);
}

}  // namespace graft::text
