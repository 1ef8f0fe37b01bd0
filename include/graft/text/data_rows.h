// Training data: JSONL rows of {"prompt", "completion"} or {"text"}. Entry
// point: read_jsonl_rows. docs/formats/tokenizer.md has the rules.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

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
  std::variant<TextRow, PromptRow> content;
};

// Blank lines are passed over; keys that mean nothing are named in one
// warning. Throws FileError that lists the bad lines (the first ten, and how
// many there are), and for a file without rows.
std::vector<RawRow> read_jsonl_rows(const std::filesystem::path& path);

// The same for text that is in memory; `name` stands for the file in errors.
std::vector<RawRow> parse_jsonl_rows(std::string_view text,
                                     const std::filesystem::path& name);

}  // namespace graft
