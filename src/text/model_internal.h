// The vocabulary and how a piece becomes ids. Entry point: make_model; a new
// kind (Unigram, WordPiece) is one class and one row in model.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "text/pre_tokenizer_internal.h"
#include "text/token_table_internal.h"

namespace graft::text {

struct TokenizerFile;

// Immutable and thread-safe.
class Model {
 public:
  virtual ~Model() = default;
  // Appends the ids of all pieces.
  virtual void encode(const Pieces& pieces,
                      std::vector<std::int64_t>& ids) const = 0;
  virtual const TokenTable& vocabulary() const = 0;
};

// Takes vocabulary and merges out of `file`. Throws FileError for a kind that
// is not supported and for a damaged one.
std::unique_ptr<const Model> make_model(TokenizerFile& file);

}  // namespace graft::text
