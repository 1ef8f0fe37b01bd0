// Merges of a SentencePiece vocabulary, which has scores instead. Entry point:
// append_scored_merges.
#pragma once

#include <string_view>
#include <vector>

#include "text/tokenizer_file_internal.h"

namespace graft::text {

// A piece that merging may make; `text` is valid UTF-8.
struct ScoredPiece {
  std::string_view text;
  double score = 0;
};

// Every cut of a piece into two tokens of the vocabulary of `out` is a merge,
// the highest score first, then the longest left part: the order in which
// transformers converts such a vocabulary. Pieces beyond 128 bytes are made of
// their parts alone.
void append_scored_merges(const std::vector<ScoredPiece>& pieces,
                          TokenizerFile& out);

}  // namespace graft::text
