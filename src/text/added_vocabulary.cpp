// The reference's rules for added tokens.
#include "text/added_vocabulary_internal.h"

#include <algorithm>

#include "graft/base/logger.h"
#include "text/unicode_internal.h"

namespace graft::text {
namespace {

AddedToken read_token(const Part& part) {
  const std::uint64_t id = part.count("id");
  if (id > kMaxTokenId) {
    part.fail("'id'", std::to_string(id),
              "at most " + std::to_string(kMaxTokenId));
  }
  const bool special = part.flag("special", false);
  return {.content = part.text("content"),
          .id = static_cast<std::uint32_t>(id),
          .special = special,
          .single_word = part.flag("single_word", false),
          .lstrip = part.flag("lstrip", false),
          .rstrip = part.flag("rstrip", false),
          .normalized = part.flag("normalized", !special),
          .spelling = {}};
}

bool touches_word(std::string_view text, const ByteRange& range) {
  if (range.begin > 0) {
    const std::size_t before = previous_char(text, range.begin);
    if (is_word(decode_char(text, before).value)) return true;
  }
  return range.end < text.size() && is_word(decode_char(text, range.end).value);
}

std::size_t skip_space_back(std::string_view text, std::size_t at) {
  while (at > 0) {
    const std::size_t before = previous_char(text, at);
    if (!is_white_space(decode_char(text, before).value)) break;
    at = before;
  }
  return at;
}

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const DecodedChar next = decode_char(text, at);
    if (!is_white_space(next.value)) break;
    at += next.length;
  }
  return at;
}

}  // namespace

AddedVocabulary::AddedVocabulary(const std::optional<Part>& part,
                                 const TokenTable& model,
                                 const Normalizer* normalizer) {
  if (!part) return;
  for (const Part& item : part->items()) {
    const AddedToken token = read_token(item);
    if (token.content.empty()) continue;
    add(token, model);
    const std::uint32_t id = by_content_.at(token.content);
    if (id != token.id) {
      Logger("graft.text")
          .warning(item.label() + ": '" + token.content + "' is read as id " +
                   std::to_string(id) + ", not " + std::to_string(token.id) +
                   ", as the reference reads it");
    }
  }
  for (auto& [id, token] : by_id_) {
    token.spelling = token.normalized && normalizer != nullptr
                         ? normalizer->normalize(token.content)
                         : token.content;
  }
  // Special tokens come first, so that they win over equal strings.
  for (const bool special : {true, false}) {
    for (const auto& [id, token] : by_id_) {
      if (is_special(token.content) == special) add_to_group(token);
    }
  }
}

void AddedVocabulary::add(const AddedToken& token, const TokenTable& model) {
  if (token.special) special_.insert(token.content);
  const auto added = by_content_.find(token.content);
  const auto in_model = model.find(token.content);
  std::uint32_t id = 0;
  if (added != by_content_.end()) {
    id = added->second;
  } else {
    id = in_model ? *in_model : next_id(model);
  }
  by_content_[token.content] = id;
  AddedToken stored = token;
  stored.id = id;
  by_id_[id] = std::move(stored);
}

std::uint32_t AddedVocabulary::next_id(const TokenTable& model) const {
  const auto size = static_cast<std::uint32_t>(model.size());
  if (by_id_.empty()) return size;
  const std::uint32_t last = by_id_.rbegin()->first;
  return last >= size || size == 0 ? last + 1 : size;
}

void AddedVocabulary::add_to_group(const AddedToken& token) {
  Group& group = token.normalized ? normalized_ : raw_;
  group.matcher.add(token.spelling);
  group.ids.push_back(token.id);
}

std::vector<TextSegment> AddedVocabulary::split_raw(
    std::string_view text) const {
  return split(text, raw_);
}

std::vector<TextSegment> AddedVocabulary::split_normalized(
    std::string_view text) const {
  return split(text, normalized_);
}

// A token takes back no space that the one before it took; one that is left
// with nothing is dropped.
std::vector<TextSegment> AddedVocabulary::split(std::string_view text,
                                                const Group& group) const {
  std::vector<TextSegment> out;
  std::size_t done = 0;
  std::size_t from = 0;
  while (const auto match = group.matcher.find(text, from)) {
    from = match->range.end;
    const AddedToken& token = by_id_.at(group.ids[match->literal]);
    ByteRange range = match->range;
    if (token.single_word && touches_word(text, range)) continue;
    if (token.lstrip) {
      range.begin = std::max(skip_space_back(text, range.begin), done);
    }
    if (token.rstrip) range.end = skip_space(text, range.end);
    if (done < range.begin) out.push_back({{done, range.begin}, std::nullopt});
    if (range.begin < range.end) out.push_back({range, token.id});
    done = range.end;
  }
  if (done != text.size()) out.push_back({{done, text.size()}, std::nullopt});
  return out;
}

const AddedToken* AddedVocabulary::find(std::string_view content) const {
  const auto found = by_content_.find(content);
  return found == by_content_.end() ? nullptr : &by_id_.at(found->second);
}

const AddedToken* AddedVocabulary::find(std::uint64_t id) const {
  if (id > kMaxTokenId) return nullptr;
  const auto found = by_id_.find(static_cast<std::uint32_t>(id));
  return found == by_id_.end() ? nullptr : &found->second;
}

bool AddedVocabulary::is_special(std::string_view content) const {
  return special_.find(content) != special_.end();
}

}  // namespace graft::text
