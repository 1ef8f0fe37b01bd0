// Parses the bytes as JSONL rows (messages, prompt and completion, text),
// tokenizes them, masks them and prints them.
#include "fuzz/targets.h"
#include "graft/text/data_rows.h"
#include "graft/text/row_report.h"
#include "text/chat_tokenizer.h"

namespace graft::fuzz {
namespace {

void check(const TokenizedData& data, const Tokenizer& tokenizer) {
  for (const DataRow& row : data.rows) {
    const auto labels = row.labels();
    expect(labels.size() == row.ids.size(), "one label an id");
    std::size_t learnt = 0;
    for (std::size_t i = 1; i < labels.size(); ++i) {
      learnt += labels[i] != kIgnoredLabel;
    }
    expect(learnt == row.learnt_tokens() && learnt > 0,
           "learnt_tokens counts the labels");
    row_to_text(row, tokenizer, {.ids = true});
  }
}

}  // namespace

void jsonl(std::string_view bytes) {
  static const Tokenizer kPlain = test::chat_tokenizer(test::kChatml);
  static const Tokenizer kNormalizing =
      test::chat_tokenizer(test::kChatml, true);
  const auto rows = parse_jsonl_rows(bytes, "rows.jsonl");
  Parts parts;
  for (const Tokenizer& tokenizer : {kPlain, kNormalizing}) {
    for (const std::size_t max_length : {0, 40}) {
      parts.run([&] {
        const auto data = tokenize_rows(
            rows, tokenizer, {.eos_id = 258, .max_length = max_length});
        check(data, tokenizer);
        summary_to_text(data, rows, max_length);
      });
    }
  }
  parts.throw_if_refused();
}

}  // namespace graft::fuzz
