// Line by line, with every problem collected before any is thrown.
#include "graft/text/data_rows.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "graft/io/mapped_file.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kListedProblems = 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == line.npos;
}

class RowReader {
 public:
  explicit RowReader(const fs::path& name) : name_(name) {}

  void add_line(std::string_view line, std::size_t number) {
    const std::string place = "line " + std::to_string(number);
    try {
      rows_.push_back({number, read_content(line, place)});
    } catch (const FileError& error) {
      if (problems_.size() < kListedProblems) {
        problems_.push_back(error.what());
      }
      ++problem_count_;
    }
  }

  std::vector<RawRow> finish() {
    if (problem_count_ > 0) throw_problems();
    if (rows_.empty()) {
      throw FileError(
          ErrorText{.operation = "data", .what = name_.string() + ": no rows"});
    }
    warn_unknown_keys();
    return std::move(rows_);
  }

 private:
  using Content = decltype(RawRow::content);

  Content read_content(std::string_view line, const std::string& place) {
    const json row = parse_json_line(line, place, "");
    if (!row.is_object()) fail(place, row.type_name(), "a JSON object");
    if (row.contains("messages")) {
      fail(place + ": rows of 'messages' come with a later version of graft",
           "", "");
    }
    const bool is_prompt = row.contains("prompt") || row.contains("completion");
    if (is_prompt && row.contains("text")) {
      fail(place, "'text' beside 'prompt' or 'completion'", "one or the other");
    }
    note_unknown_keys(row, place);
    if (is_prompt) {
      return PromptRow{read_text(row, "prompt", place),
                       read_text(row, "completion", place)};
    }
    return TextRow{read_text(row, "text", place)};
  }

  static std::string read_text(const json& row, const char* key,
                               const std::string& place) {
    const auto found = row.find(key);
    if (found == row.end()) {
      fail(place + ": no '" + key + "'", "",
           "{\"prompt\", \"completion\"} or {\"text\"}");
    }
    if (!found->is_string()) {
      fail(place + ": '" + key + "'", found->type_name(), "string");
    }
    return found->get<std::string>();
  }

  [[noreturn]] static void fail(const std::string& what, const std::string& got,
                                const std::string& expected) {
    throw FileError(ErrorText{.what = what, .got = got, .expected = expected});
  }

  void note_unknown_keys(const json& row, const std::string& place) {
    static const std::set<std::string_view> known = {"prompt", "completion",
                                                     "text"};
    for (const auto& [key, value] : row.items()) {
      if (!known.contains(key)) unknown_keys_.emplace(key, place);
    }
  }

  void warn_unknown_keys() const {
    if (unknown_keys_.empty()) return;
    std::string text = name_.string() + ": keys that graft does not read:";
    std::string separator = " ";
    for (const auto& [key, place] : unknown_keys_) {
      text += separator + "'" + key + "' (first on " + place + ")";
      separator = ", ";
    }
    Logger("graft.text").warning(text);
  }

  [[noreturn]] void throw_problems() const {
    std::string what = name_.string() + ": " + std::to_string(problem_count_) +
                       (problem_count_ == 1 ? " bad line" : " bad lines");
    for (const std::string& problem : problems_) what += "\n  " + problem;
    if (problem_count_ > problems_.size()) what += "\n  ...";
    throw FileError(ErrorText{.operation = "data", .what = what});
  }

  fs::path name_;
  std::vector<RawRow> rows_;
  std::vector<std::string> problems_;
  std::size_t problem_count_ = 0;
  std::map<std::string, std::string> unknown_keys_;  // key -> first place
};

}  // namespace

std::vector<RawRow> read_jsonl_rows(const fs::path& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  return parse_jsonl_rows(
      {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

std::vector<RawRow> parse_jsonl_rows(std::string_view text,
                                     const fs::path& name) {
  RowReader reader(name);
  std::size_t number = 0;
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    ++number;
    if (!is_blank(line)) reader.add_line(line, number);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return reader.finish();
}

}  // namespace graft
