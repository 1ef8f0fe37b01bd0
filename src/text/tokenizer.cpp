// The pipeline: added tokens, normalizer, pre-tokenizer, model, post-processor
// and, backwards, decoder. Each is an interface of its own.
#include "graft/text/tokenizer.h"

#include <utility>

#include "graft/base/error.h"
#include "graft/io/gguf.h"
#include "text/added_vocabulary_internal.h"
#include "text/byte_level_internal.h"
#include "text/decoder_internal.h"
#include "text/gguf_tokenizer_internal.h"
#include "text/model_internal.h"
#include "text/normalizer_internal.h"
#include "text/post_processor_internal.h"
#include "text/pre_tokenizer_internal.h"
#include "text/tokenizer_config_internal.h"
#include "text/tokenizer_file_internal.h"
#include "text/unicode_internal.h"

namespace graft {

namespace fs = std::filesystem;

struct Tokenizer::State {
  std::unique_ptr<const text::Normalizer> normalizer;       // may be null
  std::unique_ptr<const text::PreTokenizer> pre_tokenizer;  // may be null
  std::unique_ptr<const text::Model> model;
  std::optional<text::AddedVocabulary> added;
  text::SpecialFrame frame;
  std::unique_ptr<const text::Decoder> decoder;  // may be null
  TokenizerConfig config;

  static std::shared_ptr<const State> make(text::TokenizerFile file,
                                           TokenizerConfig config);
  std::string normalize(std::string_view text) const {
    return normalizer ? normalizer->normalize(text) : std::string(text);
  }
  void encode_normalized(std::string text, bool begins_text,
                         std::vector<std::int64_t>& ids) const;
  std::optional<std::string> token(std::int64_t id) const;
};

// Text between added tokens that are not normalised.
void Tokenizer::State::encode_normalized(std::string text, bool begins_text,
                                         std::vector<std::int64_t>& ids) const {
  for (const text::TextSegment& segment : added->split_normalized(text)) {
    if (segment.id) {
      ids.push_back(*segment.id);
      continue;
    }
    const std::size_t size = segment.range.end - segment.range.begin;
    text::Pieces pieces{text.substr(segment.range.begin, size),
                        {{0, size}},
                        begins_text && segment.range.begin == 0};
    if (pre_tokenizer) pre_tokenizer->apply(pieces);
    model->encode(pieces, ids);
  }
}

std::optional<std::string> Tokenizer::State::token(std::int64_t id) const {
  if (id < 0) return std::nullopt;
  const auto index = static_cast<std::uint64_t>(id);
  if (const text::AddedToken* found = added->find(index)) {
    return found->spelling;
  }
  const auto in_model = model->vocabulary().token(index);
  if (!in_model) return std::nullopt;
  return std::string(*in_model);
}

Tokenizer::Tokenizer(std::shared_ptr<const State> state)
    : state_(std::move(state)) {}

std::shared_ptr<const Tokenizer::State> Tokenizer::State::make(
    text::TokenizerFile file, TokenizerConfig config) {
  auto state = std::make_shared<State>();
  state->model = text::make_model(file);
  if (const auto part = file.part("normalizer")) {
    state->normalizer = text::make_normalizer(*part);
  }
  if (const auto part = file.part("pre_tokenizer")) {
    state->pre_tokenizer = text::make_pre_tokenizer(*part);
  }
  if (const auto part = file.part("post_processor")) {
    state->frame = text::read_post_processor(*part);
  }
  if (const auto part = file.part("decoder")) {
    state->decoder = text::make_decoder(*part);
  }
  state->added.emplace(file.part("added_tokens"), state->model->vocabulary(),
                       state->normalizer.get());
  state->config = std::move(config);
  return state;
}

Tokenizer Tokenizer::open(const fs::path& path) {
  if (is_gguf_file(path)) {
    const GgufFile file = GgufFile::open(path);
    return Tokenizer(
        State::make(text::read_gguf_tokenizer(file.metadata()),
                    text::read_gguf_tokenizer_config(file.metadata())));
  }
  const bool is_directory = fs::is_directory(path);
  const fs::path file_path = is_directory ? path / "tokenizer.json" : path;
  text::TokenizerFile file = text::read_tokenizer_file(file_path);
  return Tokenizer(State::make(
      std::move(file), text::read_tokenizer_config(file_path.parent_path() /
                                                   "tokenizer_config.json")));
}

std::vector<std::int64_t> Tokenizer::encode(std::string_view text,
                                            bool add_special) const {
  if (!text::is_valid_utf8(text)) {
    throw ConfigError(ErrorText{.operation = "tokenizer",
                                .what = "the text is not valid UTF-8"});
  }
  std::vector<std::int64_t> ids;
  if (add_special) ids = state_->frame.prefix;
  for (const text::TextSegment& segment : state_->added->split_raw(text)) {
    if (segment.id) {
      ids.push_back(*segment.id);
    } else {
      const std::string_view part = text.substr(
          segment.range.begin, segment.range.end - segment.range.begin);
      state_->encode_normalized(state_->normalize(part),
                                segment.range.begin == 0, ids);
    }
  }
  if (add_special) {
    const auto& suffix = state_->frame.suffix;
    ids.insert(ids.end(), suffix.begin(), suffix.end());
  }
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int64_t> ids,
                              bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const std::int64_t id : ids) {
    auto token = state_->token(id);
    if (!token) continue;
    if (skip_special && state_->added->is_special(*token)) continue;
    tokens.push_back(*std::move(token));
  }
  std::string out;
  if (state_->decoder) {
    for (const std::string& part : state_->decoder->decode(std::move(tokens))) {
      out += part;
    }
    return out;
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) out += ' ';
    out += tokens[i];
  }
  return out;
}

std::size_t Tokenizer::vocab_size() const {
  const auto& added = state_->added->by_id();
  const std::size_t end = state_->model->vocabulary().id_end();
  return added.empty() ? end
                       : std::max<std::size_t>(end, added.rbegin()->first + 1);
}

std::optional<std::int64_t> Tokenizer::token_id(std::string_view token) const {
  if (const text::AddedToken* found = state_->added->find(token)) {
    return found->id;
  }
  return state_->model->vocabulary().find(token);
}

std::optional<std::string> Tokenizer::token(std::int64_t id) const {
  return state_->token(id);
}

std::optional<std::string> Tokenizer::token_bytes(std::int64_t id) const {
  auto spelling = state_->token(id);
  const bool is_added =
      spelling && state_->added->find(static_cast<std::uint64_t>(id));
  if (!spelling || is_added) return spelling;
  if (state_->decoder) {
    return state_->decoder->token_bytes(*std::move(spelling));
  }
  std::string out;
  text::append_token_bytes(out, *spelling);
  return out;
}

bool Tokenizer::is_special(std::int64_t id) const {
  if (id < 0) return false;
  const auto* found = state_->added->find(static_cast<std::uint64_t>(id));
  return found != nullptr && state_->added->is_special(found->content);
}

std::vector<std::int64_t> Tokenizer::special_ids() const {
  std::vector<std::int64_t> out;
  for (const auto& [id, token] : state_->added->by_id()) {
    if (state_->added->is_special(token.content)) out.push_back(id);
  }
  return out;
}

const std::vector<std::int64_t>& Tokenizer::special_prefix() const {
  return state_->frame.prefix;
}

const std::vector<std::int64_t>& Tokenizer::special_suffix() const {
  return state_->frame.suffix;
}

const TokenizerConfig& Tokenizer::config() const { return state_->config; }

std::optional<std::int64_t> Tokenizer::eos_id() const {
  const auto& eos = state_->config.eos_token;
  return eos ? token_id(*eos) : std::nullopt;
}

}  // namespace graft
