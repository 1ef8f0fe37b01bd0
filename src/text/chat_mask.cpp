// Renders the conversation up to each answer, and through it, and looks for
// both in the whole.
#include "text/chat_mask_internal.h"

#include <algorithm>
#include <optional>

#include "graft/base/error.h"
#include "text/python_text_internal.h"
#include "text/token_aligner_internal.h"

namespace graft {
namespace {

class Masker {
 public:
  Masker(const Chat& chat, const Tokenizer& tokenizer, ChatRenderer& chats)
      : chat_(chat),
        tokenizer_(tokenizer),
        chats_(chats),
        whole_(chats.render(chat, {.add_generation_prompt = false})) {
    out_.ids = tokenizer.encode(whole_.text, false);
  }

  ChatMask run() {
    const TokenAligner aligner(tokenizer_, whole_.text, out_.ids);
    if (chats_.template_of(chat_).has_generation()) {
      add_generations(aligner);
    } else {
      add_answers(aligner);
    }
    merge();
    return std::move(out_);
  }

 private:
  // The template itself says what is learnt.
  void add_generations(const TokenAligner& aligner) {
    if (whole_.lost_generation) {
      throw FileError(ErrorText{
          .what = "the template has a generation block inside a macro, a set "
                  "or a filter",
          .expected = "generation blocks at the top or in loops and ifs"});
    }
    for (const TextSpan& span : whole_.generations) add_span(aligner, span);
    if (out_.answers.empty()) {
      throw FileError(ErrorText{
          .what = "no answer to learn: the template's generation blocks are "
                  "empty for this chat"});
    }
  }

  void add_answers(const TokenAligner& aligner) {
    std::optional<std::size_t> last_rewritten;
    for (std::size_t i = 0; i < chat_.size(); ++i) {
      if (chat_.role(i) != "assistant") continue;
      const auto span = find_answer(aligner, i);
      if (span) {
        out_.answers.push_back(without_white_space(*span));
      } else {
        ++out_.rewritten;
        last_rewritten = i;
      }
    }
    if (out_.answers.empty() && last_rewritten) {
      throw FileError(ErrorText{
          .what = "the chat template does not keep what it rendered: the chat "
                  "up to messages[" +
                  std::to_string(*last_rewritten) +
                  "], with add_generation_prompt, is not how the whole chat "
                  "begins",
          .hint = "Mark the answers in the template with {% generation %}, or "
                  "learn everything with data.loss_on: all"});
    }
  }

  std::string render(std::size_t messages, bool add_generation_prompt) {
    return chats_
        .render(chat_, {.messages = messages,
                        .add_generation_prompt = add_generation_prompt})
        .text;
  }

  // nullopt when the whole does not begin as the chat up to the answer and
  // through it does.
  std::optional<TokenSpan> find_answer(const TokenAligner& aligner,
                                       std::size_t message) {
    const std::string before =
        message == 0 ? first_prompt() : render(message, true);
    const std::string through = render(message + 1, false);
    if (!whole_.text.starts_with(before) || !through.starts_with(before)) {
      return std::nullopt;
    }
    TextSpan span{before.size(), through.size()};
    if (span.begin >= span.end) return std::nullopt;
    std::optional<TokenSpan> tokens;
    if (whole_.text.starts_with(through)) {
      tokens = aligner.tokens_of(span);
    } else {
      tokens = common_tokens(aligner.tokens_of(span).begin, through);
    }
    if (tokens && aligner.straddles(span)) ++out_.straddling;
    return tokens;
  }

  // A chat that begins with an answer: the prompt is what a template makes of
  // nothing, which many refuse.
  std::string first_prompt() {
    const Chat nothing = Chat::of({});
    RenderOptions options;
    options.add_generation_prompt = true;
    options.as_transformers = false;
    return chats_.render(nothing, options).text;
  }

  // The template ends a chat with more than it puts behind the answer later:
  // what follows the common tokens may only be special ones.
  std::optional<TokenSpan> common_tokens(std::size_t begin,
                                         const std::string& through) {
    const auto ids = tokenizer_.encode(through, false);
    const auto [mine, theirs] =
        std::mismatch(ids.begin(), ids.end(), out_.ids.begin(), out_.ids.end());
    const bool only_special = std::all_of(
        mine, ids.end(),
        [this](std::int64_t id) { return tokenizer_.is_special(id); });
    const auto end = static_cast<std::size_t>(theirs - out_.ids.begin());
    if (!only_special || end <= begin) return std::nullopt;
    return TokenSpan{begin, end};
  }

  // What stands behind the last special token of a turn and is white space
  // belongs to the template, not to the answer.
  TokenSpan without_white_space(const TokenSpan& span) const {
    std::size_t end = span.end;
    while (end > span.begin && is_white_space(out_.ids[end - 1])) --end;
    const bool ends_turn =
        end > span.begin && tokenizer_.is_special(out_.ids[end - 1]);
    return ends_turn ? TokenSpan{span.begin, end} : span;
  }

  bool is_white_space(std::int64_t id) const {
    if (tokenizer_.is_special(id)) return false;
    const auto bytes = tokenizer_.token_bytes(id);
    return bytes && bytes->find_first_not_of(" \t\r\n") == bytes->npos;
  }

  void add_span(const TokenAligner& aligner, const TextSpan& span) {
    const TokenSpan tokens = aligner.tokens_of(span);
    if (tokens.begin >= tokens.end) return;
    if (aligner.straddles(span)) ++out_.straddling;
    out_.answers.push_back(tokens);
  }

  // Neighbours that share a token, or touch, are one.
  void merge() {
    std::vector<TokenSpan> merged;
    for (const TokenSpan& span : out_.answers) {
      if (!merged.empty() && span.begin <= merged.back().end) {
        merged.back().end = std::max(merged.back().end, span.end);
      } else {
        merged.push_back(span);
      }
    }
    out_.answers = std::move(merged);
  }

  const Chat& chat_;
  const Tokenizer& tokenizer_;
  ChatRenderer& chats_;
  RenderedChat whole_;
  ChatMask out_;
};

}  // namespace

ChatMask mask_answers(const Chat& chat, const Tokenizer& tokenizer,
                      ChatRenderer& chats) {
  return Masker(chat, tokenizer, chats).run();
}

}  // namespace graft
