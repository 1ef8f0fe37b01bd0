// Training data: JSONL rows of {"messages"}, {"prompt", "completion"} or
// {"text"}. Entry points: read_jsonl_rows, check_jsonl_rows.
// docs/formats/chat.md and docs/formats/tokenizer.md have the rules.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graft/text/chat.h"

namespace graft {

struct PromptRow {
  std::string prompt;
  std::string completion;
};

struct TextRow {
  std::string text;
};

struct RawRow {
  std::size_t line = 0;  // of the file, from 1
  std::variant<TextRow, PromptRow, Chat> content;
};

struct RowProblem {
  std::size_t line = 0;
  std::string text;  // without the line
};

// The good rows and all bad ones.
struct CheckedRows {
  std::vector<RawRow> rows;
  std::vector<RowProblem> problems;
};

// Blank lines are passed over; keys that mean nothing are named in one
// warning. Throws FileError that lists the bad lines (the first ten, and how
// many there are), and for a file without rows.
std::vector<RawRow> read_jsonl_rows(const std::filesystem::path& path);

// The same for text that is in memory; `name` stands for the file in errors.
std::vector<RawRow> parse_jsonl_rows(std::string_view text,
                                     const std::filesystem::path& name);

// The same without an error for bad lines: they are all returned.
CheckedRows check_jsonl_rows(const std::filesystem::path& path);

// "NAME: N bad lines" with the first ten; nothing when there are none.
void throw_problems(const std::vector<RowProblem>& problems,
                    const std::string& name);

}  // namespace graft
