// Rows of training data as token ids, with what is learnt. Entry points:
// tokenize_rows, check_rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graft/text/data_rows.h"
#include "graft/text/tokenizer.h"

namespace graft {

inline constexpr std::int64_t kIgnoredLabel = -100;

// Indices [begin, end) of a row's ids.
struct TokenSpan {
  std::size_t begin = 0;
  std::size_t end = 0;

  bool operator==(const TokenSpan&) const = default;
};

// A prompt row is special prefix + prompt + completion + eos; a text row is
// the text with its special tokens + eos. No second eos follows one that the
// tokenizer's post-processor adds. A chat is what its template renders,
// special tokens and all; docs/formats/chat.md says which of it is learnt.
struct DataRow {
  std::size_t raw_index = 0;  // into the rows given to tokenize_rows
  std::vector<std::int64_t> ids;
  std::size_t answer_begin = 0;  // first learnt index of ids
  // Of a chat: what is learnt, in order and apart; empty: see answer_begin.
  std::vector<TokenSpan> answers;
  std::size_t full_length = 0;  // tokens before max_length cut it

  // Learnt ids, and kIgnoredLabel elsewhere. The label at t is what position
  // t - 1 predicts, so that at 0 counts for nothing.
  std::vector<std::int64_t> labels() const;
  // Labels that count.
  std::size_t learnt_tokens() const;
};

struct DataCounts {
  std::size_t rows = 0;       // kept
  std::size_t truncated = 0;  // kept, but cut at max_length
  std::size_t dropped = 0;    // nothing left to learn
  std::size_t tokens = 0;
  std::size_t learnt_tokens = 0;
  // Answers that cannot be told from the rest, or that the template cuts once
  // others follow (thinking taken out, say): not learnt.
  std::size_t rewritten_answers = 0;
  // Answers of which the template never shows all that the row says: learnt as
  // far as they are shown.
  std::size_t shortened_answers = 0;
  // First tokens of an answer that hold text before it: learnt.
  std::size_t straddling_tokens = 0;
};

struct TokenizedData {
  std::vector<DataRow> rows;
  DataCounts counts;
  std::vector<DataRow> dropped;      // as they are after the cut
  std::vector<RowProblem> problems;  // only of check_rows
};

struct RowOptions {
  std::optional<std::int64_t> eos_id;  // none: no eos is added
  std::size_t max_length = 0;          // tokens a row; 0: no limit
  bool learn_prompts = false;          // loss on prompts too
  std::size_t vocabulary = 0;          // rows of the embedding; 0: unknown
  std::string name = "the data";       // of the file, for errors
};

// Rows longer than max_length are cut at the end; a row of which no label is
// left is dropped. Throws FileError that lists the bad rows by line: a chat
// that the template refuses, ids outside of the vocabulary.
TokenizedData tokenize_rows(std::span<const RawRow> rows,
                            const Tokenizer& tokenizer,
                            const RowOptions& options);

// The same with the bad rows in `problems`.
TokenizedData check_rows(std::span<const RawRow> rows,
                         const Tokenizer& tokenizer, const RowOptions& options);

}  // namespace graft
