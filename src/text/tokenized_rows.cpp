// Builds each row, then cuts it, then asks whether a label is left.
#include "graft/text/tokenized_rows.h"

#include <algorithm>
#include <utility>

namespace graft {
namespace {

class RowTokenizer {
 public:
  RowTokenizer(const Tokenizer& tokenizer, const RowOptions& options)
      : tokenizer_(tokenizer), options_(options) {
    const auto& suffix = tokenizer.special_suffix();
    adds_eos_ =
        options.eos_id && !suffix.empty() && suffix.back() == *options.eos_id;
  }

  DataRow operator()(const TextRow& row) const {
    DataRow out{.ids = tokenizer_.encode(row.text, true)};
    if (!adds_eos_) append_eos(out.ids);
    return out;
  }

  // The tokenizer's own eos belongs after the completion.
  DataRow operator()(const PromptRow& row) const {
    DataRow out{.ids = tokenizer_.encode(row.prompt, true)};
    if (adds_eos_) out.ids.pop_back();
    if (!options_.learn_prompts) out.answer_begin = out.ids.size();
    const auto completion = tokenizer_.encode(row.completion, false);
    out.ids.insert(out.ids.end(), completion.begin(), completion.end());
    append_eos(out.ids);
    return out;
  }

 private:
  void append_eos(std::vector<std::int64_t>& ids) const {
    if (options_.eos_id) ids.push_back(*options_.eos_id);
  }

  const Tokenizer& tokenizer_;
  RowOptions options_;
  bool adds_eos_ = false;
};

}  // namespace

std::vector<std::int64_t> DataRow::labels() const {
  std::vector<std::int64_t> out = ids;
  const std::size_t ignored = std::min(answer_begin, out.size());
  std::fill_n(out.begin(), ignored, kIgnoredLabel);
  return out;
}

std::size_t DataRow::learnt_tokens() const {
  const std::size_t begin = std::max<std::size_t>(answer_begin, 1);
  return ids.size() > begin ? ids.size() - begin : 0;
}

TokenizedData tokenize_rows(std::span<const RawRow> rows,
                            const Tokenizer& tokenizer,
                            const RowOptions& options) {
  const RowTokenizer tokenize(tokenizer, options);
  TokenizedData out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    DataRow row = std::visit(tokenize, rows[i].content);
    row.raw_index = i;
    const bool is_long =
        options.max_length > 0 && row.ids.size() > options.max_length;
    if (is_long) row.ids.resize(options.max_length);
    if (row.learnt_tokens() == 0) {
      ++out.counts.dropped;
      continue;
    }
    ++out.counts.rows;
    out.counts.truncated += is_long ? 1 : 0;
    out.counts.tokens += row.ids.size();
    out.counts.learnt_tokens += row.learnt_tokens();
    out.rows.push_back(std::move(row));
  }
  return out;
}

}  // namespace graft
