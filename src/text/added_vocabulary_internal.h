// Tokens that are cut out of the text before the model sees it. Entry point:
// AddedVocabulary.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "text/literal_matcher_internal.h"
#include "text/normalizer_internal.h"
#include "text/token_table_internal.h"

namespace graft::text {

struct AddedToken {
  std::string content;
  std::uint32_t id = 0;
  bool special = false;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and after it
  bool normalized = false;   // looked for in the normalised text
  // What it decodes to: content, normalised where it is looked for so.
  std::string spelling;
};

// A stretch of text: an added token, or text between them.
struct TextSegment {
  ByteRange range;
  std::optional<std::uint32_t> id;
};

class AddedVocabulary {
 public:
  // `part` is the array added_tokens. Ids follow the reference's rule: that of
  // the model, else the next free one; where the file says another, a warning
  // is logged. Throws FileError.
  AddedVocabulary(const std::optional<Part>& part, const TokenTable& model,
                  const Normalizer* normalizer);

  // Segments in order. The first form looks for tokens that are not
  // normalised, the second for those that are.
  std::vector<TextSegment> split_raw(std::string_view text) const;
  std::vector<TextSegment> split_normalized(std::string_view text) const;

  const AddedToken* find(std::string_view content) const;
  const AddedToken* find(std::uint64_t id) const;
  bool is_special(std::string_view content) const;
  const std::map<std::uint32_t, AddedToken>& by_id() const { return by_id_; }

 private:
  struct Group {
    LiteralMatcher matcher;
    std::vector<std::uint32_t> ids;  // of the matcher's literals
  };

  void add(const AddedToken& token, const TokenTable& model);
  std::uint32_t next_id(const TokenTable& model) const;
  void add_to_group(const AddedToken& token);
  std::vector<TextSegment> split(std::string_view text,
                                 const Group& group) const;

  std::map<std::uint32_t, AddedToken> by_id_;
  std::map<std::string, std::uint32_t, std::less<>> by_content_;
  std::set<std::string, std::less<>> special_;
  Group raw_;
  Group normalized_;
};

}  // namespace graft::text
