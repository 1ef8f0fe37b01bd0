// tokenizer.ggml.* keys: vocabulary and merges go into the tables, the rest
// becomes the document that tokenizer.json has beside them. Two kinds: "gpt2",
// byte-level BPE with merges, and "llama", SentencePiece's BPE with scores.
#include "text/gguf_tokenizer_internal.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "io/json_file_internal.h"
#include "text/sentencepiece_merges_internal.h"
#include "text/unicode_internal.h"

namespace graft::text {
namespace {

using nlohmann::json;

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
constexpr std::string_view kMerges = "tokenizer.ggml.merges";
constexpr std::string_view kPre = "tokenizer.ggml.pre";
constexpr std::string_view kScores = "tokenizer.ggml.scores";
constexpr std::string_view kModel = "tokenizer.ggml.model";
constexpr std::string_view kSentencePiece = "llama";

constexpr char kBlank[] = "\u2581";  // a space inside of pieces

// Of tokenizer.ggml.token_type.
constexpr std::int64_t kNormal = 1;
constexpr std::int64_t kUnknown = 2;
constexpr std::int64_t kControl = 3;
constexpr std::int64_t kUserDefined = 4;

// Three digits at a time, and one at a time.
constexpr std::string_view kLlama3Pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr std::string_view kQwen2Pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

// What the family's own tokenizer.json does.
struct PreTokenizerRow {
  std::string_view name;           // tokenizer.ggml.pre
  std::string_view pattern;        // empty: ByteLevel's own, GPT-2's
  bool single_digits = false;      // digits are cut out before that
  bool composes = false;           // NFC first
  bool whole_words_first = false;  // ignore_merges
  bool begins_with_bos = false;    // without tokenizer.ggml.add_bos_token
};
constexpr PreTokenizerRow kPreTokenizers[] = {
    {.name = "gpt-2"},
    {.name = "dbrx", .pattern = kLlama3Pattern},
    {.name = "llama-bpe",
     .pattern = kLlama3Pattern,
     .whole_words_first = true,
     .begins_with_bos = true},
    {.name = "qwen2", .pattern = kQwen2Pattern, .composes = true},
    {.name = "smollm", .single_digits = true},
};

const PreTokenizerRow& find_row(const GgufMetadata& metadata) {
  const std::string_view name = metadata.required_text(kPre);
  const auto found =
      std::ranges::find(kPreTokenizers, name, &PreTokenizerRow::name);
  if (found != std::end(kPreTokenizers)) return *found;
  std::string known;
  for (const PreTokenizerRow& row : kPreTokenizers) {
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  metadata.refuse(kPre, "a pre-tokenizer that graft knows: " + known);
}

[[noreturn]] void refuse_item(const GgufMetadata& metadata,
                              std::string_view key, std::size_t index,
                              const std::string& problem) {
  throw FileError(ErrorText{.operation = "tokenizer",
                            .what = metadata.path().string() + ": " +
                                    std::string(key) + "[" +
                                    std::to_string(index) + "]: " + problem});
}

void read_vocabulary(const GgufMetadata& metadata,
                     const std::vector<std::string_view>& tokens,
                     TokenizerFile& out) {
  if (tokens.size() > kMaxTokenId) {
    metadata.refuse(kTokens, "at most " + std::to_string(kMaxTokenId));
  }
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!is_valid_utf8(tokens[id])) {
      refuse_item(metadata, kTokens, id, "no valid UTF-8");
    }
    const auto result =
        out.vocabulary.add(tokens[id], static_cast<std::uint32_t>(id));
    if (result != TokenTable::AddResult::kAdded) {
      refuse_item(metadata, kTokens, id,
                  "'" + printable(tokens[id]) + "' is there twice");
    }
  }
  out.has_vocabulary = true;
}

void read_merges(const GgufMetadata& metadata, TokenizerFile& out) {
  const auto merges = metadata.texts(kMerges);
  if (!merges) metadata.refuse(kMerges, "an array of strings");
  for (std::size_t rank = 0; rank < merges->size(); ++rank) {
    const std::string_view merge = (*merges)[rank];
    const std::size_t space = merge.find(' ');
    if (space == merge.npos || merge.find(' ', space + 1) != merge.npos) {
      refuse_item(
          metadata, kMerges, rank,
          "got '" + printable(merge) + "', expected two tokens and one space");
    }
    out.merges.add(merge.substr(0, space), merge.substr(space + 1));
  }
  out.has_merges = true;
}

// One for each token, where the file has them.
std::optional<std::vector<std::int64_t>> read_types(
    const GgufMetadata& metadata, std::size_t tokens) {
  auto types = metadata.integers(kTypes);
  if (types && types->size() != tokens) {
    metadata.refuse(kTypes, std::to_string(tokens) + ", one a token");
  }
  return types;
}

json added_tokens(const GgufMetadata& metadata,
                  const std::vector<std::string_view>& tokens) {
  json out = json::array();
  const auto types = read_types(metadata, tokens.size());
  if (!types) return out;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::int64_t type = (*types)[id];
    const bool special = type == kControl || type == kUnknown;
    if (!special && type != kUserDefined) continue;
    out.push_back({{"id", id},
                   {"content", tokens[id]},
                   {"single_word", false},
                   {"lstrip", false},
                   {"rstrip", false},
                   {"normalized", false},
                   {"special", special}});
  }
  return out;
}

json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

json pre_tokenizer(const PreTokenizerRow& row) {
  json steps = json::array();
  if (row.single_digits) {
    steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  }
  if (!row.pattern.empty()) {
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", row.pattern}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  }
  steps.push_back(byte_level(row.pattern.empty()));
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

// The token that tokenizer.ggml.NAME_token_id names.
std::optional<std::int64_t> token_id(const GgufMetadata& metadata,
                                     const std::string& name,
                                     std::size_t vocabulary) {
  const std::string key = "tokenizer.ggml." + name + "_token_id";
  const auto id = metadata.integer(key);
  if (id && (*id < 0 || static_cast<std::size_t>(*id) >= vocabulary)) {
    metadata.refuse(key, "an id below " + std::to_string(vocabulary));
  }
  return id;
}

// The special tokens around a text; null when there are none.
json frame(const GgufMetadata& metadata, bool begins_with_bos,
           const std::vector<std::string_view>& tokens) {
  json single = json::array();
  json special = json::object();
  const auto add = [&](const char* name, bool fallback) {
    const std::string key =
        "tokenizer.ggml.add_" + std::string(name) + "_token";
    if (!metadata.boolean(key).value_or(fallback)) return;
    const auto id = token_id(metadata, name, tokens.size());
    if (!id) {
      metadata.refuse("tokenizer.ggml." + std::string(name) + "_token_id",
                      "an id, because " + key + " asks for the token");
    }
    const std::string token(tokens[static_cast<std::size_t>(*id)]);
    single.push_back({{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
    special[token] = {{"id", token},
                      {"ids", {static_cast<std::uint64_t>(*id)}},
                      {"tokens", {token}}};
  };
  add("bos", begins_with_bos);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  add("eos", false);
  if (special.empty()) return nullptr;
  json pair = single;
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", special}};
}

json model_options(const PreTokenizerRow& row) {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", row.whole_words_first}};
}

std::vector<std::string_view> read_tokens(const GgufMetadata& metadata) {
  const std::string_view model = metadata.required_text(kModel);
  if (model != "gpt2" && model != kSentencePiece) {
    metadata.refuse(kModel,
                    "gpt2 (byte-level BPE) or llama (SentencePiece's BPE), "
                    "the kinds that graft reads from GGUF");
  }
  auto tokens = metadata.texts(kTokens);
  if (!tokens) metadata.refuse(kTokens, "an array of strings");
  return *std::move(tokens);
}

json typed(const char* type) { return {{"type", type}}; }

json replace(const char* from, const char* to) {
  return {
      {"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

// What merging may make: no control tokens, whose texts are no pieces.
std::vector<ScoredPiece> scored_pieces(
    const GgufMetadata& metadata, const std::vector<std::string_view>& tokens) {
  const auto scores = metadata.numbers(kScores);
  if (!scores || scores->size() != tokens.size()) {
    metadata.refuse(kScores,
                    std::to_string(tokens.size()) + " numbers, one a token");
  }
  const auto types = read_types(metadata, tokens.size());
  std::vector<ScoredPiece> out;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::int64_t type = types ? (*types)[id] : kNormal;
    if (type != kNormal && type != kUserDefined) continue;
    out.push_back({tokens[id], (*scores)[id]});
  }
  return out;
}

json sentencepiece_model(const GgufMetadata& metadata,
                         const std::vector<std::string_view>& tokens) {
  const auto unknown = token_id(metadata, "unknown", tokens.size()).value_or(0);
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", tokens.at(static_cast<std::size_t>(unknown))},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", true},
          {"byte_fallback", true},
          {"ignore_merges", false}};
}

// Spaces become part of the pieces; a text begins with one, unless the file
// says no; characters without a piece fall back to bytes.
void read_sentencepiece(const GgufMetadata& metadata,
                        const std::vector<std::string_view>& tokens,
                        TokenizerFile& out) {
  constexpr char kSqueeze[] = "tokenizer.ggml.remove_extra_whitespaces";
  if (metadata.boolean(kSqueeze).value_or(false)) {
    metadata.refuse(kSqueeze, "false, or nothing");
  }
  if (tokens.empty()) metadata.refuse(kTokens, "at least one token");
  append_scored_merges(scored_pieces(metadata, tokens), out);
  const bool begins_with_space =
      metadata.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  json normalizers = json::array();
  json decoders = {replace(kBlank, " "), typed("ByteFallback"), typed("Fuse")};
  if (begins_with_space) {
    normalizers.push_back({{"type", "Prepend"}, {"prepend", kBlank}});
    decoders.push_back(
        {{"type", "Strip"}, {"content", " "}, {"start", 1U}, {"stop", 0U}});
  }
  normalizers.push_back(replace(" ", kBlank));
  out.document["normalizer"] = {{"type", "Sequence"},
                                {"normalizers", normalizers}};
  out.document["pre_tokenizer"] = nullptr;
  out.document["post_processor"] = frame(metadata, true, tokens);
  out.document["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
  out.document["model"] = sentencepiece_model(metadata, tokens);
}

void read_byte_level(const GgufMetadata& metadata,
                     const std::vector<std::string_view>& tokens,
                     TokenizerFile& out) {
  const PreTokenizerRow& row = find_row(metadata);
  read_merges(metadata, out);
  json around = frame(metadata, row.begins_with_bos, tokens);
  if (around.is_null()) around = byte_level(true);
  out.document["normalizer"] = row.composes ? typed("NFC") : json();
  out.document["pre_tokenizer"] = pre_tokenizer(row);
  out.document["post_processor"] = std::move(around);
  out.document["decoder"] = byte_level(true);
  out.document["model"] = model_options(row);
}

}  // namespace

TokenizerFile read_gguf_tokenizer(const GgufMetadata& metadata) {
  const std::vector<std::string_view> tokens = read_tokens(metadata);
  TokenizerFile out;
  out.path = metadata.path();
  read_vocabulary(metadata, tokens, out);
  out.document = {{"version", "1.0"},
                  {"truncation", nullptr},
                  {"padding", nullptr},
                  {"added_tokens", added_tokens(metadata, tokens)}};
  if (metadata.required_text(kModel) == kSentencePiece) {
    read_sentencepiece(metadata, tokens, out);
  } else {
    read_byte_level(metadata, tokens, out);
  }
  return out;
}

TokenizerConfig read_gguf_tokenizer_config(const GgufMetadata& metadata) {
  const std::vector<std::string_view> tokens = read_tokens(metadata);
  const auto token = [&](const char* name) -> std::optional<std::string> {
    const auto id = token_id(metadata, name, tokens.size());
    if (!id) return std::nullopt;
    return std::string(tokens[static_cast<std::size_t>(*id)]);
  };
  TokenizerConfig out;
  out.bos_token = token("bos");
  out.eos_token = token("eos");
  out.pad_token = token("padding");
  out.unk_token = token("unknown");
  const auto chat = metadata.text("tokenizer.chat_template");
  if (chat) out.chat_template = std::string(*chat);
  return out;
}

}  // namespace graft::text
