// ByteLevel, Split, Digits, Metaspace and Sequence.
#include "text/pre_tokenizer_internal.h"

#include <utility>

#include "text/byte_level_internal.h"
#include "text/piece_split_internal.h"
#include "text/replacement_internal.h"
#include "text/unicode_internal.h"

namespace graft::text {
namespace {

constexpr std::string_view kByteLevelPattern =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
    "|\\s+(?!\\S)|\\s+";

// Replaces every piece by the parts of it that `split` returns.
template <typename Split>
void refine(Pieces& pieces, const Split& split) {
  std::vector<ByteRange> out;
  out.reserve(pieces.ranges.size());
  for (const ByteRange& range : pieces.ranges) {
    for (const ByteRange& part : split(pieces.piece(range))) {
      out.push_back({range.begin + part.begin, range.begin + part.end});
    }
  }
  pieces.ranges = std::move(out);
}

// Writes every piece anew: `append(text, piece)`.
template <typename Append>
void rewrite(Pieces& pieces, const Append& append) {
  Pieces out;
  out.begins_text = pieces.begins_text;
  out.text.reserve(pieces.text.size() * 2);
  out.ranges.reserve(pieces.ranges.size());
  for (const ByteRange& range : pieces.ranges) {
    const std::size_t begin = out.text.size();
    append(out.text, pieces.piece(range));
    out.ranges.push_back({begin, out.text.size()});
  }
  pieces = std::move(out);
}

Regex compile_byte_level(const Part& part) {
  return Regex(kByteLevelPattern, Regex::Syntax::kOniguruma, part.label());
}

class ByteLevel : public PreTokenizer {
 public:
  explicit ByteLevel(const Part& part)
      : add_prefix_space_(part.flag("add_prefix_space", true)),
        use_regex_(part.flag("use_regex", true)),
        regex_(compile_byte_level(part)) {}

  void apply(Pieces& pieces) const override {
    if (add_prefix_space_) {
      rewrite(pieces, [](std::string& out, std::string_view piece) {
        if (!piece.starts_with(' ')) out += ' ';
        out += piece;
      });
    }
    if (use_regex_) {
      refine(pieces, [this](std::string_view piece) {
        return arrange(partition(regex_.find_all(piece), piece.size()),
                       SplitBehavior::kIsolated);
      });
    }
    rewrite(pieces, append_byte_level);
  }

 private:
  bool add_prefix_space_;
  bool use_regex_;
  Regex regex_;
};

SplitBehavior read_behavior(const Part& part) {
  const std::string name = part.text("behavior");
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  part.fail("'behavior'", name,
            "Removed, Isolated, MergedWithPrevious, MergedWithNext or "
            "Contiguous");
}

class Split : public PreTokenizer {
 public:
  explicit Split(const Part& part)
      : regex_(read_part_pattern(part)),
        behavior_(read_behavior(part)),
        invert_(part.flag("invert", false)) {}

  void apply(Pieces& pieces) const override {
    refine(pieces, [this](std::string_view piece) {
      auto stretches = partition(regex_.find_all(piece), piece.size());
      for (Stretch& stretch : stretches) {
        stretch.is_match = stretch.is_match != invert_;
      }
      return arrange(stretches, behavior_);
    });
  }

 private:
  Regex regex_;
  SplitBehavior behavior_;
  bool invert_;
};

class Digits : public PreTokenizer {
 public:
  explicit Digits(const Part& part)
      : behavior_(part.flag("individual_digits", false)
                      ? SplitBehavior::kIsolated
                      : SplitBehavior::kContiguous) {}

  void apply(Pieces& pieces) const override {
    refine(pieces, [this](std::string_view piece) {
      std::vector<ByteRange> digits;
      for (std::size_t at = 0; at < piece.size();) {
        const DecodedChar next = decode_char(piece, at);
        if (is_numeric(next.value)) digits.push_back({at, at + next.length});
        at += next.length;
      }
      return arrange(partition(digits, piece.size()), behavior_);
    });
  }

 private:
  SplitBehavior behavior_;
};

// SentencePiece's blanks for spaces, one in front where the scheme says so, and
// cuts before each blank.
class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(const Part& part)
      : blank_(part.text("replacement")), splits_(part.flag("split", true)) {
    const std::string scheme =
        part.optional_text("prepend_scheme").value_or("always");
    if (scheme != "always" && scheme != "first" && scheme != "never") {
      part.fail("'prepend_scheme'", scheme, "always, first or never");
    }
    if (blank_.empty()) part.fail("'replacement'", "an empty text");
    first_alone_ = scheme == "first";
    prepends_ = scheme != "never" && part.flag("add_prefix_space", true);
  }

  void apply(Pieces& pieces) const override {
    bool prepends = prepends_ && (!first_alone_ || pieces.begins_text);
    rewrite(pieces, [&](std::string& out, std::string_view piece) {
      const bool begins_blank =
          piece.starts_with(' ') || piece.starts_with(blank_);
      if (prepends && !begins_blank) out += blank_;
      for (const char c : piece) {
        if (c == ' ') {
          out += blank_;
        } else {
          out += c;
        }
      }
      prepends = prepends && !first_alone_;
    });
    if (splits_) {
      refine(pieces, [this](std::string_view piece) { return cut(piece); });
    }
  }

 private:
  std::vector<ByteRange> cut(std::string_view piece) const {
    std::vector<ByteRange> blanks;
    for (std::size_t at = piece.find(blank_); at != piece.npos;
         at = piece.find(blank_, at + blank_.size())) {
      blanks.push_back({at, at + blank_.size()});
    }
    return arrange(partition(blanks, piece.size()),
                   SplitBehavior::kMergedWithNext);
  }

  std::string blank_;
  bool splits_;
  bool first_alone_ = false;
  bool prepends_ = true;
};

class PreTokenizerSequence : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(const Part& part) {
    for (const Part& step : part.items("pretokenizers")) {
      steps_.push_back(make_pre_tokenizer(step));
    }
  }

  void apply(Pieces& pieces) const override {
    for (const auto& step : steps_) step->apply(pieces);
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
};

}  // namespace

std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Part& part) {
  const std::string type = part.type();
  if (type == "ByteLevel") return std::make_unique<ByteLevel>(part);
  if (type == "Split") return std::make_unique<Split>(part);
  if (type == "Metaspace") return std::make_unique<Metaspace>(part);
  if (type == "Digits") return std::make_unique<Digits>(part);
  if (type == "Sequence") return std::make_unique<PreTokenizerSequence>(part);
  part.unsupported(type);
}

}  // namespace graft::text
