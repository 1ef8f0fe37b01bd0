// Widths are counted in code points.
#include "match/text_table_internal.h"

#include <algorithm>

namespace graft {
namespace {

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::vector<std::size_t> TextTable::widths() const {
  std::vector<std::size_t> out(columns_.size(), 0);
  for (const Row& row : rows_) {
    for (std::size_t i = 0; !row.is_line && i < row.cells.size(); ++i) {
      out[i] = std::max(out[i], width_of(row.cells[i]));
    }
  }
  return out;
}

std::string TextTable::line_of(const Row& row,
                               const std::vector<std::size_t>& widths) const {
  if (row.is_line) return row.cells.front();
  std::string line;
  bool first = true;
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    if (widths[i] == 0 && i > 0) continue;
    const std::string gap(widths[i] - width_of(row.cells[i]), ' ');
    const bool right = columns_[i] == Align::kRight;
    if (!first) line += "  ";
    first = false;
    line += right ? gap + row.cells[i] : row.cells[i] + gap;
  }
  return line;
}

std::string TextTable::str() const {
  const std::vector<std::size_t> widths = this->widths();
  std::string out;
  for (const Row& row : rows_) {
    std::string line = line_of(row, widths);
    line.resize(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string wrap_text(std::string_view text, std::size_t indent,
                      std::size_t width) {
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    if (column > 0 && column + 1 + width_of(word) > width) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width_of(word);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::vector<std::string> split_list(std::string_view list, std::size_t width) {
  std::vector<std::string> out(1);
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view item =
        list.substr(0, comma == std::string_view::npos ? comma : comma + 1);
    if (!out.back().empty() && out.back().size() + item.size() > width) {
      out.emplace_back();
    }
    out.back() += item;
    list.remove_prefix(item.size());
  }
  return out;
}

std::string with_separators(std::uint64_t value) {
  std::string out = std::to_string(value);
  for (std::size_t i = out.size(); i > 3;) {
    i -= 3;
    out.insert(i, 1, ',');
  }
  return out;
}

}  // namespace graft
