// Builds each row, then cuts it, then asks whether a label is left.
#include "graft/text/tokenized_rows.h"

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/text/chat_template.h"
#include "text/chat_internal.h"
#include "text/chat_mask_internal.h"

namespace graft {
namespace {

class RowTokenizer {
 public:
  RowTokenizer(const Tokenizer& tokenizer, const RowOptions& options,
               DataCounts& counts)
      : tokenizer_(tokenizer),
        options_(options),
        counts_(counts),
        chats_(tokenizer) {
    const auto& suffix = tokenizer.special_suffix();
    adds_eos_ =
        options.eos_id && !suffix.empty() && suffix.back() == *options.eos_id;
  }

  DataRow operator()(const TextRow& row) {
    DataRow out;
    out.ids = tokenizer_.encode(row.text, true);
    if (!adds_eos_) append_eos(out.ids);
    return out;
  }

  // The tokenizer's own eos belongs after the completion.
  DataRow operator()(const PromptRow& row) {
    DataRow out;
    out.ids = tokenizer_.encode(row.prompt, true);
    if (adds_eos_) out.ids.pop_back();
    if (!options_.learn_prompts) out.answer_begin = out.ids.size();
    const auto completion = tokenizer_.encode(row.completion, false);
    out.ids.insert(out.ids.end(), completion.begin(), completion.end());
    append_eos(out.ids);
    return out;
  }

  DataRow operator()(const Chat& chat) {
    DataRow out;
    if (options_.learn_prompts) {
      refuse_left_out(chat);
      out.ids = tokenizer_.encode(chats_.render(chat).text, false);
      return out;
    }
    ChatMask mask = mask_answers(chat, tokenizer_, chats_);
    counts_.rewritten_answers += mask.rewritten;
    counts_.shortened_answers += mask.shortened;
    counts_.straddling_tokens += mask.straddling;
    out.ids = std::move(mask.ids);
    out.answers = std::move(mask.answers);
    out.answer_begin =
        out.answers.empty() ? out.ids.size() : out.answers.front().begin;
    return out;
  }

 private:
  static void refuse_left_out(const Chat& chat) {
    for (std::size_t i = 0; i < chat.size(); ++i) {
      if (!is_left_out(chat, i)) continue;
      throw FileError(
          ErrorText{.what = "messages[" + std::to_string(i) + "].weight",
                    .got = "0 with data.loss_on: all, which learns everything",
                    .expected = "data.loss_on: answers, or no weight"});
    }
  }

  void append_eos(std::vector<std::int64_t>& ids) const {
    if (options_.eos_id) ids.push_back(*options_.eos_id);
  }

  const Tokenizer& tokenizer_;
  const RowOptions& options_;
  DataCounts& counts_;
  ChatRenderer chats_;
  bool adds_eos_ = false;
};

// True when something was cut.
bool cut(DataRow& row, std::size_t max_length) {
  row.full_length = row.ids.size();
  if (max_length == 0 || row.ids.size() <= max_length) return false;
  row.ids.resize(max_length);
  const bool is_chat = !row.answers.empty();
  for (TokenSpan& span : row.answers) span.end = std::min(span.end, max_length);
  std::erase_if(row.answers,
                [](const TokenSpan& span) { return span.begin >= span.end; });
  if (is_chat && row.answers.empty()) row.answer_begin = max_length;
  return true;
}

void check_ids(const DataRow& row, std::size_t vocabulary) {
  if (vocabulary == 0 || row.ids.empty()) return;
  const auto largest = std::ranges::max_element(row.ids);
  if (static_cast<std::uint64_t>(*largest) < vocabulary) return;
  throw FileError(
      ErrorText{.what = "token " + std::to_string(largest - row.ids.begin()) +
                        " has no row in the model's embedding",
                .got = "id " + std::to_string(*largest),
                .expected = "ids below " + std::to_string(vocabulary),
                .hint = "The tokenizer does not belong to the model"});
}

void add_row(DataRow row, bool is_cut, TokenizedData& out) {
  if (row.learnt_tokens() == 0) {
    ++out.counts.dropped;
    out.dropped.push_back(std::move(row));
    return;
  }
  ++out.counts.rows;
  out.counts.truncated += is_cut ? 1 : 0;
  out.counts.tokens += row.ids.size();
  out.counts.learnt_tokens += row.learnt_tokens();
  out.rows.push_back(std::move(row));
}

}  // namespace

std::vector<std::int64_t> DataRow::labels() const {
  std::vector<std::int64_t> out = ids;
  if (answers.empty()) {
    std::fill_n(out.begin(), std::min(answer_begin, out.size()), kIgnoredLabel);
    return out;
  }
  std::size_t at = 0;
  for (const TokenSpan& span : answers) {
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(at),
              out.begin() + static_cast<std::ptrdiff_t>(span.begin),
              kIgnoredLabel);
    at = span.end;
  }
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(at), out.end(),
            kIgnoredLabel);
  return out;
}

std::size_t DataRow::learnt_tokens() const {
  if (answers.empty()) {
    const std::size_t begin = std::max<std::size_t>(answer_begin, 1);
    return ids.size() > begin ? ids.size() - begin : 0;
  }
  std::size_t out = 0;
  for (const TokenSpan& span : answers) {
    out += span.end - std::min(std::max<std::size_t>(span.begin, 1), span.end);
  }
  return out;
}

TokenizedData check_rows(std::span<const RawRow> rows,
                         const Tokenizer& tokenizer,
                         const RowOptions& options) {
  TokenizedData out;
  RowTokenizer tokenize(tokenizer, options, out.counts);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    try {
      DataRow row = std::visit(tokenize, rows[i].content);
      row.raw_index = i;
      check_ids(row, options.vocabulary);
      const bool is_cut = cut(row, options.max_length);
      add_row(std::move(row), is_cut, out);
    } catch (const FileError& error) {
      out.problems.push_back({rows[i].line, error.what()});
    }
  }
  return out;
}

TokenizedData tokenize_rows(std::span<const RawRow> rows,
                            const Tokenizer& tokenizer,
                            const RowOptions& options) {
  TokenizedData out = check_rows(rows, tokenizer, options);
  throw_problems(out.problems, options.name);
  return out;
}

}  // namespace graft
