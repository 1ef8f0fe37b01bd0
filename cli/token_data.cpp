// Tokenizes rows for a model and warns about what is lost. Entry points:
// open_model_text, load_rows.
#include "token_data.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "graft/base/error.h"
#include "graft/base/logger.h"

namespace graft::cli {
namespace {

const Logger kLogger("graft.data");

void warn_about(const DataCounts& counts, std::size_t max_length) {
  if (counts.truncated > 0) {
    kLogger.warning(std::to_string(counts.truncated) + " of " +
                    std::to_string(counts.rows) + " rows are longer than " +
                    std::to_string(max_length) +
                    " tokens and were cut (data.max_length)");
  }
  if (counts.dropped > 0) {
    kLogger.warning(std::to_string(counts.dropped) +
                    " rows have nothing left to learn and were dropped");
  }
  if (counts.rewritten_answers > 0) {
    kLogger.warning(std::to_string(counts.rewritten_answers) +
                    " answers are not learnt: the chat template rewrites them "
                    "once others follow (graft data show)");
  }
  if (counts.shortened_answers > 0) {
    kLogger.warning(std::to_string(counts.shortened_answers) +
                    " answers are learnt without a part of them, thinking say: "
                    "the chat template never shows it (graft data show)");
  }
}

}  // namespace

ModelText open_model_text(const BaseModel& base) {
  ModelText out{Tokenizer::open(base.directory), base.generation.eos_token_ids};
  const auto eos = out.tokenizer.eos_id();
  if (eos &&
      std::ranges::find(out.stop_tokens, *eos) == out.stop_tokens.end()) {
    out.stop_tokens.push_back(*eos);
  }
  return out;
}

TokenizedData load_rows(const BaseModel& base, const ModelText& text,
                        const std::vector<RawRow>& rows, RowOptions options) {
  options.eos_id = text.tokenizer.eos_id();
  if (!options.eos_id && !text.stop_tokens.empty()) {
    options.eos_id = text.stop_tokens.front();
  }
  if (!options.eos_id) {
    kLogger.warning(
        "the model names no end-of-sequence token: it cannot learn to stop");
  }
  options.vocabulary = static_cast<std::size_t>(base.model->vocab_size());
  TokenizedData data = tokenize_rows(rows, text.tokenizer, options);
  warn_about(data.counts, options.max_length);
  return data;
}

std::string file_hash(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  char buffer[1 << 16];
  while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
    for (std::streamsize i = 0; i < in.gcount(); ++i) {
      hash = (hash ^ static_cast<unsigned char>(buffer[i])) * 0x100000001b3;
    }
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx",
                static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace graft::cli
