// Rows of training data as token ids, with what is learnt. Entry point:
// tokenize_rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "graft/text/data_rows.h"
#include "graft/text/tokenizer.h"

namespace graft {

inline constexpr std::int64_t kIgnoredLabel = -100;

// A prompt row is special prefix + prompt + completion + eos; a text row is
// the text with its special tokens + eos. No second eos follows one that the
// tokenizer's post-processor adds.
struct DataRow {
  std::size_t raw_index = 0;  // into the rows given to tokenize_rows
  std::vector<std::int64_t> ids;
  std::size_t answer_begin = 0;  // first learnt index of ids

  // ids from answer_begin on, kIgnoredLabel before. The label at t is what
  // position t - 1 predicts, so that at 0 counts for nothing.
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
};

struct TokenizedData {
  std::vector<DataRow> rows;
  DataCounts counts;
};

struct RowOptions {
  std::optional<std::int64_t> eos_id;  // none: no eos is added
  std::size_t max_length = 0;          // tokens a row; 0: no limit
  bool learn_prompts = false;          // loss on prompts too
};

// Rows longer than max_length are cut at the end; a row of which no label is
// left is dropped.
TokenizedData tokenize_rows(std::span<const RawRow> rows,
                            const Tokenizer& tokenizer,
                            const RowOptions& options);

}  // namespace graft
