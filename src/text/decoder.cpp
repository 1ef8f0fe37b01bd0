// ByteLevel, Replace, ByteFallback, Metaspace, Fuse, Strip and Sequence.
#include "text/decoder_internal.h"

#include <utility>

#include "text/byte_fallback_internal.h"
#include "text/byte_level_internal.h"
#include "text/replacement_internal.h"
#include "text/unicode_internal.h"

namespace graft::text {
namespace {

class ByteLevelDecoder : public Decoder {
 public:
  std::vector<std::string> decode(
      std::vector<std::string> tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) append_token_bytes(bytes, token);
    return {replace_invalid_utf8(bytes)};
  }
  std::string token_bytes(std::string token) const override {
    std::string out;
    append_token_bytes(out, token);
    return out;
  }
};

class ReplaceDecoder : public Decoder {
 public:
  explicit ReplaceDecoder(const Part& part) : replacement_(part) {}

  std::vector<std::string> decode(
      std::vector<std::string> tokens) const override {
    for (std::string& token : tokens) token = replacement_.apply(token);
    return tokens;
  }
  std::string token_bytes(std::string token) const override {
    return replacement_.apply(token);
  }

 private:
  Replacement replacement_;
};

// "<0xE2>" is a byte. A run of bytes that is no UTF-8 becomes one U+FFFD for
// each of its bytes.
class ByteFallback : public Decoder {
 public:
  std::vector<std::string> decode(
      std::vector<std::string> tokens) const override {
    std::vector<std::string> out;
    std::string run;
    for (std::string& token : tokens) {
      if (const auto byte = fallback_byte(token)) {
        run += static_cast<char>(*byte);
        continue;
      }
      flush(run, out);
      out.push_back(std::move(token));
    }
    flush(run, out);
    return out;
  }
  std::string token_bytes(std::string token) const override {
    const auto byte = fallback_byte(token);
    return byte ? std::string(1, static_cast<char>(*byte)) : token;
  }

 private:
  static void flush(std::string& run, std::vector<std::string>& out) {
    if (run.empty()) return;
    if (is_valid_utf8(run)) {
      out.push_back(std::move(run));
    } else {
      out.insert(out.end(), run.size(), "\xEF\xBF\xBD");
    }
    run.clear();
  }
};

// Blanks are spaces; those of the first token are the pre-tokenizer's own.
class MetaspaceDecoder : public Decoder {
 public:
  explicit MetaspaceDecoder(const Part& part)
      : blank_(part.text("replacement")),
        drops_first_(part.optional_text("prepend_scheme").value_or("always") !=
                         "never" &&
                     part.flag("add_prefix_space", true)) {
    if (blank_.empty()) part.fail("'replacement'", "an empty text");
  }

  std::vector<std::string> decode(
      std::vector<std::string> tokens) const override {
    bool first = true;
    for (std::string& token : tokens) {
      token = replaced(token, first && drops_first_ ? "" : " ");
      first = false;
    }
    return tokens;
  }
  std::string token_bytes(std::string token) const override {
    return replaced(token, " ");
  }

 private:
  std::string replaced(std::string_view token, std::string_view by) const {
    std::string out;
    for (std::size_t at = 0; at < token.size();) {
      const bool blank = token.substr(at).starts_with(blank_);
      out += blank ? by : token.substr(at, 1);
      at += blank ? blank_.size() : 1;
    }
    return out;
  }

  std::string blank_;
  bool drops_first_;
};

// Up to `start` characters off the beginning of each part, `stop` off its end.
class Strip : public Decoder {
 public:
  explicit Strip(const Part& part)
      : content_(part.text("content")),
        start_(part.count("start")),
        stop_(part.count("stop")) {
    if (content_.empty())
      part.fail("'content'", "an empty text", "a character");
  }

  std::vector<std::string> decode(
      std::vector<std::string> tokens) const override {
    for (std::string& token : tokens) {
      std::string_view left = token;
      for (std::uint64_t n = 0; n < start_ && left.starts_with(content_); ++n) {
        left.remove_prefix(content_.size());
      }
      for (std::uint64_t n = 0; n < stop_ && left.ends_with(content_); ++n) {
        left.remove_suffix(content_.size());
      }
      token = std::string(left);
    }
    return tokens;
  }

 private:
  std::string content_;
  std::uint64_t start_;
  std::uint64_t stop_;
};

class Fuse : public Decoder {
 public:
  std::vector<std::string> decode(
      std::vector<std::string> tokens) const override {
    std::string out;
    for (const std::string& token : tokens) out += token;
    return {out};
  }
};

class DecoderSequence : public Decoder {
 public:
  explicit DecoderSequence(const Part& part) {
    for (const Part& step : part.items("decoders")) {
      steps_.push_back(make_decoder(step));
    }
  }

  std::vector<std::string> decode(
      std::vector<std::string> tokens) const override {
    for (const auto& step : steps_) tokens = step->decode(std::move(tokens));
    return tokens;
  }
  std::string token_bytes(std::string token) const override {
    for (const auto& step : steps_) token = step->token_bytes(std::move(token));
    return token;
  }

 private:
  std::vector<std::unique_ptr<const Decoder>> steps_;
};

}  // namespace

std::unique_ptr<const Decoder> make_decoder(const Part& part) {
  const std::string type = part.type();
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "Replace") return std::make_unique<ReplaceDecoder>(part);
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Metaspace") return std::make_unique<MetaspaceDecoder>(part);
  if (type == "Strip") return std::make_unique<Strip>(part);
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Sequence") return std::make_unique<DecoderSequence>(part);
  part.unsupported(type);
}

}  // namespace graft::text
