// Lines of plain text; the command decides about colour.
#include "graft/text/row_report.h"

#include <algorithm>
#include <cstdio>

#include "text/python_text_internal.h"
#include "text/unicode_internal.h"

namespace graft {
namespace {

constexpr std::size_t kListed = 10;
constexpr std::size_t kBarWidth = 40;

void append_visible(std::string& out, std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const text::Utf8Sequence next = text::utf8_sequence(bytes, at);
    const std::string_view part = bytes.substr(at, next.length);
    if (next.valid && part == "\n") {
      out += "⏎";
    } else if (next.valid &&
               text::python::is_printable(text::decode_char(bytes, at).value)) {
      out += part;
    } else {
      for (const char byte : part) {
        char buffer[8];
        std::snprintf(buffer, sizeof buffer, "\\x%02X",
                      static_cast<unsigned>(static_cast<unsigned char>(byte)));
        out += buffer;
      }
    }
    at += next.length;
  }
}

std::string percent(std::size_t part, std::size_t whole) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f %%",
                whole == 0 ? 0.0
                           : 100.0 * static_cast<double>(part) /
                                 static_cast<double>(whole));
  return buffer;
}

void append_lengths(std::string& out, const TokenizedData& data) {
  const std::vector<LengthBin> bins = lengths_of(data);
  std::size_t most = 1;
  for (const LengthBin& bin : bins) most = std::max(most, bin.rows);
  if (!bins.empty()) out += "lengths (tokens, before cutting)\n";
  for (const LengthBin& bin : bins) {
    char head[64];
    std::snprintf(head, sizeof head, "  %6zu .. %-6zu %6zu ", bin.begin,
                  bin.end - 1, bin.rows);
    out += head;
    out.append((bin.rows * kBarWidth + most - 1) / most, '#');
    out += '\n';
  }
}

template <typename Rows, typename Describe>
void append_listed(std::string& out, const Rows& rows, Describe describe) {
  for (std::size_t i = 0; i < rows.size() && i < kListed; ++i) {
    out += "  line " + describe(rows[i]) + "\n";
  }
  if (rows.size() > kListed) {
    out += "  ... and " + std::to_string(rows.size() - kListed) + " more\n";
  }
}

void append_lost(std::string& out, const TokenizedData& data,
                 std::span<const RawRow> rows, std::size_t max_length) {
  auto line_of = [&](const DataRow& row) {
    return std::to_string(rows[row.raw_index].line);
  };
  std::vector<DataRow> cut;
  for (const DataRow& row : data.rows) {
    if (row.full_length > row.ids.size()) cut.push_back(row);
  }
  if (!cut.empty()) {
    out += "cut at data.max_length " + std::to_string(max_length) + ": " +
           std::to_string(cut.size()) + " rows\n";
    append_listed(out, cut, [&](const DataRow& row) {
      return line_of(row) + ": " + std::to_string(row.full_length) + " tokens";
    });
  }
  if (!data.dropped.empty()) {
    out += "dropped: " + std::to_string(data.dropped.size()) + " rows\n";
    append_listed(out, data.dropped, [&](const DataRow& row) {
      return line_of(row) + ": " + drop_reason(row);
    });
  }
  if (!data.problems.empty()) {
    out += "bad: " + std::to_string(data.problems.size()) +
           " rows (graft data check lists all)\n";
    append_listed(out, data.problems, [](const RowProblem& problem) {
      return std::to_string(problem.line) + ": " + problem.text;
    });
  }
}

}  // namespace

std::string token_to_text(const Tokenizer& tokenizer, std::int64_t id) {
  std::string out;
  append_visible(out, tokenizer.token_bytes(id).value_or("?"));
  return out;
}

std::string row_to_text(const DataRow& row, const Tokenizer& tokenizer,
                        const RowStyle& style) {
  const std::vector<std::int64_t> labels = row.labels();
  std::string out;
  bool was_learnt = false;
  for (std::size_t i = 0; i < row.ids.size(); ++i) {
    const bool learnt = labels[i] != kIgnoredLabel && i > 0;
    if (learnt != was_learnt) {
      out += style.color ? (learnt ? "\x1b[32m" : "\x1b[0m")
                         : (learnt ? "«" : "»");
    }
    if (i > 0 && (learnt == was_learnt || style.color)) out += '|';
    was_learnt = learnt;
    out += token_to_text(tokenizer, row.ids[i]);
    if (style.ids) out += "(" + std::to_string(row.ids[i]) + ")";
    const auto bytes = tokenizer.token_bytes(row.ids[i]);
    if (bytes && bytes->ends_with('\n')) out += '\n';
  }
  if (was_learnt) out += style.color ? "\x1b[0m" : "»";
  return out;
}

std::vector<LengthBin> lengths_of(const TokenizedData& data) {
  std::vector<LengthBin> out;
  auto count = [&out](const DataRow& row) {
    while (out.empty() || row.full_length >= out.back().end) {
      const std::size_t begin = out.empty() ? 0 : out.back().end;
      out.push_back({begin, begin == 0 ? 16 : begin * 2, 0});
    }
    const auto bin = std::ranges::find_if(
        out, [&](const LengthBin& one) { return row.full_length < one.end; });
    ++bin->rows;
  };
  for (const DataRow& row : data.rows) count(row);
  const auto first = std::ranges::find_if(
      out, [](const LengthBin& one) { return one.rows > 0; });
  out.erase(out.begin(), first);
  return out;
}

std::string drop_reason(const DataRow& row) {
  return row.full_length > row.ids.size()
             ? "no answer within data.max_length (" +
                   std::to_string(row.full_length) + " tokens)"
             : "nothing to learn (" + std::to_string(row.full_length) +
                   " tokens)";
}

std::string summary_to_text(const TokenizedData& data,
                            std::span<const RawRow> rows,
                            std::size_t max_length) {
  const DataCounts& counts = data.counts;
  std::string out = std::to_string(counts.rows) + " rows, " +
                    std::to_string(counts.tokens) + " tokens, " +
                    std::to_string(counts.learnt_tokens) + " learnt (" +
                    percent(counts.learnt_tokens, counts.tokens) + ")\n";
  append_lengths(out, data);
  append_lost(out, data, rows, max_length);
  if (counts.rewritten_answers > 0) {
    out +=
        "answers that the template rewrites once others follow, not "
        "learnt: " +
        std::to_string(counts.rewritten_answers) + "\n";
  }
  if (counts.shortened_answers > 0) {
    out += "answers of which the template leaves out a part, learnt without: " +
           std::to_string(counts.shortened_answers) + "\n";
  }
  if (counts.straddling_tokens > 0) {
    out += "tokens that begin before their answer, learnt: " +
           std::to_string(counts.straddling_tokens) + "\n";
  }
  return out;
}

}  // namespace graft
