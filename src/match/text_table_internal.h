// Aligned columns of text. Entry points: TextTable, wrap_text,
// with_separators.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

// What a table aims at; names are never broken to keep it.
inline constexpr std::size_t kTextWidth = 100;

class TextTable {
 public:
  enum class Align { kLeft, kRight };
  explicit TextTable(std::vector<Align> columns)
      : columns_(std::move(columns)) {}

  void add_row(std::vector<std::string> cells) {
    rows_.push_back({std::move(cells), false});
  }
  // A line of its own between the rows, at any length.
  void add_line(std::string line) {
    rows_.push_back({{std::move(line)}, true});
  }
  // Two spaces between columns, none at the ends of lines. A column that is
  // empty in every row is left out.
  std::string str() const;

 private:
  struct Row {
    std::vector<std::string> cells;
    bool is_line = false;
  };
  std::vector<std::size_t> widths() const;
  std::string line_of(const Row& row,
                      const std::vector<std::size_t>& widths) const;

  std::vector<Align> columns_;
  std::vector<Row> rows_;
};

// Breaks at spaces before column `width`; later lines start with `indent`
// spaces. Ends without a newline.
std::string wrap_text(std::string_view text, std::size_t indent,
                      std::size_t width = kTextWidth);

// "0,2,4-10" in pieces of at most `width` columns, broken after commas.
std::vector<std::string> split_list(std::string_view list, std::size_t width);

// 1234567 -> "1,234,567"
std::string with_separators(std::uint64_t value);

}  // namespace graft
