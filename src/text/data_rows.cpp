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
#include "text/chat_row_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::size_t kListedProblems = 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == line.npos;
}

[[noreturn]] void fail(const std::string& what, const std::string& got = "",
                       const std::string& expected = "") {
  throw FileError(ErrorText{.what = what, .got = got, .expected = expected});
}

class RowReader {
 public:
  explicit RowReader(const fs::path& name) : name_(name) {}

  void add_line(std::string_view line, std::size_t number) {
    try {
      out_.rows.push_back({number, read_content(line, number)});
    } catch (const FileError& error) {
      out_.problems.push_back({number, error.what()});
    }
  }

  CheckedRows finish() {
    if (out_.rows.empty() && out_.problems.empty()) {
      throw FileError(
          ErrorText{.operation = "data", .what = name_.string() + ": no rows"});
    }
    warn_unknown_keys();
    return std::move(out_);
  }

 private:
  using Content = decltype(RawRow::content);

  Content read_content(std::string_view line, std::size_t number) {
    const ordered_json row = parse_ordered_json_line(line, "", "");
    if (!row.is_object()) fail("the row", row.type_name(), "a JSON object");
    const bool is_prompt = row.contains("prompt") || row.contains("completion");
    const bool is_text = row.contains("text");
    if (row.contains("messages")) {
      if (is_prompt || is_text) {
        fail("'messages' beside 'text', 'prompt' or 'completion'", "",
             "one or the other");
      }
      return read_chat_row(row, [&](const std::string& key) {
        unknown_keys_.emplace(key, number);
      });
    }
    if (is_prompt && is_text) {
      fail("'text' beside 'prompt' or 'completion'", "", "one or the other");
    }
    note_unknown_keys(row, number);
    if (is_prompt) {
      return PromptRow{read_text(row, "prompt"), read_text(row, "completion")};
    }
    return TextRow{read_text(row, "text")};
  }

  static std::string read_text(const ordered_json& row, const char* key) {
    const auto found = row.find(key);
    if (found == row.end()) {
      fail(std::string("no '") + key + "'", "",
           "{\"messages\"}, {\"prompt\", \"completion\"} or {\"text\"}");
    }
    if (!found->is_string()) {
      fail(std::string("'") + key + "'", found->type_name(), "string");
    }
    return found->get<std::string>();
  }

  void note_unknown_keys(const ordered_json& row, std::size_t number) {
    static const std::set<std::string_view> known = {"prompt", "completion",
                                                     "text"};
    for (const auto& [key, value] : row.items()) {
      if (!known.contains(key)) unknown_keys_.emplace(key, number);
    }
  }

  void warn_unknown_keys() const {
    if (unknown_keys_.empty()) return;
    std::string text = name_.string() + ": keys that graft does not read:";
    std::string separator = " ";
    for (const auto& [key, line] : unknown_keys_) {
      text += separator + "'" + key + "' (first on line " +
              std::to_string(line) + ")";
      separator = ", ";
    }
    Logger("graft.text").warning(text);
  }

  fs::path name_;
  CheckedRows out_;
  std::map<std::string, std::size_t> unknown_keys_;  // key -> first line
};

CheckedRows check_text(std::string_view text, const fs::path& name) {
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

}  // namespace

void throw_problems(const std::vector<RowProblem>& problems,
                    const std::string& name) {
  if (problems.empty()) return;
  std::string what = name + ": " + std::to_string(problems.size()) +
                     (problems.size() == 1 ? " bad line" : " bad lines");
  for (std::size_t i = 0; i < problems.size() && i < kListedProblems; ++i) {
    what += "\n  line " + std::to_string(problems[i].line) + ": " +
            problems[i].text;
  }
  if (problems.size() > kListedProblems) what += "\n  ...";
  throw FileError(ErrorText{.operation = "data", .what = what});
}

CheckedRows check_jsonl_rows(const fs::path& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  return check_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                    path);
}

std::vector<RawRow> read_jsonl_rows(const fs::path& path) {
  CheckedRows checked = check_jsonl_rows(path);
  throw_problems(checked.problems, path.string());
  return std::move(checked.rows);
}

std::vector<RawRow> parse_jsonl_rows(std::string_view text,
                                     const fs::path& name) {
  CheckedRows checked = check_text(text, name);
  throw_problems(checked.problems, name.string());
  return std::move(checked.rows);
}

}  // namespace graft
