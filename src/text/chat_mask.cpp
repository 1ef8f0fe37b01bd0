// Renders the conversation up to each answer, and through it, and looks for
// both in the whole; where they are not there, for the answer's own words.
#include "text/chat_mask_internal.h"

#include <algorithm>
#include <optional>

#include "graft/base/error.h"
#include "text/answer_place_internal.h"
#include "text/chat_internal.h"
#include "text/token_aligner_internal.h"

namespace graft {
namespace {

// Of a prompt that may begin the answer ("<think>"), in bytes.
constexpr std::size_t kPromptTail = 64;

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
    const std::vector<bool> left_out = left_out_blocks();
    for (std::size_t i = 0; i < left_out.size(); ++i) {
      if (!left_out[i]) add_span(aligner, whole_.generations[i]);
    }
    if (out_.answers.empty() && std::ranges::count(left_out, true) == 0) {
      throw FileError(ErrorText{
          .what = "no answer to learn: the template's generation blocks are "
                  "empty for this chat"});
    }
  }

  // Of the generation blocks: those of messages that are not to be learnt.
  std::vector<bool> left_out_blocks() {
    std::vector<bool> out(whole_.generations.size());
    for (std::size_t i = 0; i < chat_.size(); ++i) {
      if (!is_left_out(chat_, i)) continue;
      const std::size_t end = std::min(blocks_of(i + 1), out.size());
      for (std::size_t k = blocks_of(i); k < end; ++k) out[k] = true;
    }
    return out;
  }

  // Generation blocks that the first messages print.
  std::size_t blocks_of(std::size_t messages) {
    if (messages == 0) return 0;
    if (messages == chat_.size()) return whole_.generations.size();
    return chats_
        .render(chat_, {.messages = messages, .add_generation_prompt = false})
        .generations.size();
  }

  // By prefixes where the renderings nest; else where the answer's own words
  // stand.
  void add_answers(const TokenAligner& aligner) {
    std::string problem;
    for (std::size_t i = 0; i < chat_.size(); ++i) {
      if (chat_.role(i) != "assistant" || is_left_out(chat_, i)) continue;
      const auto prompt = prompt_of(i);
      auto span = find_answer(aligner, i, prompt);
      if (!span) span = find_words(aligner, i, prompt, problem);
      if (span) {
        add_answer(aligner, i, *span);
      } else {
        ++out_.rewritten;
      }
    }
    if (out_.answers.empty() && !problem.empty()) throw_nothing(problem);
  }

  [[noreturn]] static void throw_nothing(const std::string& problem) {
    throw FileError(ErrorText{
        .what = "no answer can be told from the rest: " + problem,
        .hint = "Mark the answers in the chat template with {% generation %}, "
                "or learn everything with data.loss_on: all"});
  }

  void add_answer(const TokenAligner& aligner, std::size_t message,
                  const TokenSpan& span) {
    out_.answers.push_back(without_white_space(span));
    if (!aligner.is_exact()) return;
    std::size_t begin = aligner.byte_of(span.begin);
    begin -= std::min(begin, kPromptTail);
    const std::size_t size = aligner.byte_of(span.end) - begin;
    const auto shown = std::string_view(whole_.text).substr(begin, size);
    if (!shows_all(chat_, message, shown)) ++out_.shortened;
  }

  // By the answer's own words; nullopt and a problem when they do not stand
  // for themselves. What closes the turn counts as far as its tokens are whole.
  std::optional<TokenSpan> find_words(const TokenAligner& aligner,
                                      std::size_t message,
                                      const std::optional<std::string>& prompt,
                                      std::string& problem) {
    const AnswerPlace place =
        find_answer_place(chat_, message, whole_.text, chats_);
    if (!place.problem.empty()) {
      problem = "messages[" + std::to_string(message) + "] " + place.problem;
      return std::nullopt;
    }
    TextSpan words = place.content;
    if (prompt) words.begin -= unprompted_space(words.begin, *prompt);
    TokenSpan out = aligner.tokens_of(words);
    out.end = std::max(out.end, aligner.tokens_before(place.end));
    if (out.begin >= out.end) {
      problem = "messages[" + std::to_string(message) + "] has no token";
      return std::nullopt;
    }
    if (aligner.straddles(words)) ++out_.straddling;
    return out;
  }

  // White space that the template puts before the answer, but not at the end
  // of the prompt: the model has to say it.
  std::size_t unprompted_space(std::size_t begin,
                               const std::string& prompt) const {
    const auto count = [](std::string_view text) {
      return text.size() - (text.find_last_not_of(" \t\r\n") + 1);
    };
    const std::size_t there =
        count(std::string_view(whole_.text).substr(0, begin));
    return there - std::min(there, count(prompt));
  }

  std::string render(std::size_t messages, bool add_generation_prompt) {
    return chats_
        .render(chat_, {.messages = messages,
                        .add_generation_prompt = add_generation_prompt})
        .text;
  }

  // What generation would be asked with; nullopt when the template refuses a
  // chat that stops there.
  std::optional<std::string> prompt_of(std::size_t message) {
    try {
      return message == 0 ? first_prompt() : render(message, true);
    } catch (const FileError&) {
      return std::nullopt;
    }
  }

  // nullopt when the whole does not begin as the chat up to the answer and
  // through it does.
  std::optional<TokenSpan> find_answer(
      const TokenAligner& aligner, std::size_t message,
      const std::optional<std::string>& before) {
    if (!before || !whole_.text.starts_with(*before)) return std::nullopt;
    const std::string through = render(message + 1, false);
    if (!through.starts_with(*before)) return std::nullopt;
    TextSpan span{before->size(), through.size()};
    if (span.begin >= span.end) return std::nullopt;
    std::optional<TokenSpan> tokens;
    if (whole_.text.starts_with(through)) {
      tokens = aligner.tokens_of(span);
    } else {
      tokens = common_tokens(aligner.tokens_of(span).begin, through);
    }
    if (!tokens || tokens->begin >= tokens->end) return std::nullopt;
    if (aligner.straddles(span)) ++out_.straddling;
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

  // Neighbours that share a token, or touch, are one. A template may print
  // messages in another order.
  void merge() {
    std::ranges::sort(out_.answers, {}, &TokenSpan::begin);
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
