// Tokenized rows for people: token by token with what is learnt, lengths, what
// was lost. Entry points: row_to_text, lengths_of, summary_to_text.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "graft/text/tokenized_rows.h"

namespace graft {

struct RowStyle {
  bool color = false;  // learnt tokens green; else between « and »
  bool ids = false;    // behind each token
};

// Tokens with | between them; line breaks as ⏎, what does not print escaped,
// so that no data writes to the terminal.
std::string row_to_text(const DataRow& row, const Tokenizer& tokenizer,
                        const RowStyle& style);

// One token as it is shown.
std::string token_to_text(const Tokenizer& tokenizer, std::int64_t id);

// Kept rows of [begin, end) tokens, by length before the cut.
struct LengthBin {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t rows = 0;
};
// Bins double from 16 on; empty ones at either end are left out.
std::vector<LengthBin> lengths_of(const TokenizedData& data);

// Why a row is in TokenizedData::dropped.
std::string drop_reason(const DataRow& row);

// Counts, lengths, what was cut, dropped or is bad; many lines.
std::string summary_to_text(const TokenizedData& data,
                            std::span<const RawRow> rows,
                            std::size_t max_length);

}  // namespace graft
