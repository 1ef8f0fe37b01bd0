// Rows of a JSONL file as token ids of one model. Entry points: ModelText,
// load_rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/checkpoint/base_model.h"
#include "graft/text/data_rows.h"
#include "graft/text/tokenized_rows.h"
#include "graft/text/tokenizer.h"

namespace graft::cli {

// A model's tokenizer and the tokens that end its texts.
struct ModelText {
  Tokenizer tokenizer;
  std::vector<std::int64_t> stop_tokens;
};

ModelText open_model_text(const BaseModel& base);

// Warns when rows were cut or dropped, or when no end token is known. Throws
// FileError that lists bad rows: chats that the template refuses, tokens
// outside of the model's vocabulary. `options.name` is the file's.
TokenizedData load_rows(const BaseModel& base, const ModelText& text,
                        const std::vector<RawRow>& rows, RowOptions options);

// A hash of a file's bytes, 16 hexadecimal digits, to notice changes.
std::string file_hash(const std::string& path);

}  // namespace graft::cli
