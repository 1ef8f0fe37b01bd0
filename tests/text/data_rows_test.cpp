// JSONL rows: what is read, and every way a line can be bad.
#include "graft/text/data_rows.h"

#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_jsonl_rows(text, "rows.jsonl");
  } catch (const FileError& error) {
    return error.what();
  }
  return "no error";
}

TEST(DataRows, ReadsBothKinds) {
  const std::string text =
      "\xEF\xBB\xBF{\"text\": \"a\\u0000b\"}\r\n"
      "\n  \t\n"
      "{\"completion\": \"d\", \"prompt\": \"c\"}";
  const auto rows = parse_jsonl_rows(text, "rows.jsonl");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(std::get<TextRow>(rows[0].content).text, std::string("a\0b", 3));
  EXPECT_EQ(std::get<PromptRow>(rows[1].content).prompt, "c");
  EXPECT_EQ(std::get<PromptRow>(rows[1].content).completion, "d");
  EXPECT_EQ(rows[0].line, 1u);
  EXPECT_EQ(rows[1].line, 4u);
}

TEST(DataRows, WarnsOnceOfUnknownKeys) {
  std::vector<std::string> warnings;
  const ScopedLogSink sink(
      [&](LogLevel, std::string_view, std::string_view text) {
        warnings.emplace_back(text);
      });
  const auto rows = parse_jsonl_rows(
      "{\"text\":\"a\"}\n{\"text\":\"b\",\"id\":1}\n{\"text\":\"c\",\"id\":2,"
      "\"tag\":null}",
      "rows.jsonl");
  EXPECT_EQ(rows.size(), 3u);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0],
            "rows.jsonl: keys that graft does not read: 'id' (first on line "
            "2), 'tag' (first on line 3)");
}

TEST(DataRows, NamesBadLines) {
  const std::pair<std::string, const char*> rows[] = {
      {"{", "line 1: invalid JSON"},
      {"[1]", "line 1: the row: got array, expected a JSON object"},
      {"{\"text\":1}", "line 1: 'text': got number, expected string"},
      {"{\"prompt\":\"a\"}", "line 1: no 'completion'"},
      {"{\"completion\":\"a\"}", "line 1: no 'prompt'"},
      {"{\"instruction\":\"a\"}", "line 1: no 'text': expected {\"messages\"}"},
      {"{\"text\":\"a\",\"prompt\":\"b\"}", "'text' beside 'prompt'"},
      {"{\"messages\":[]}", "line 1: 'messages' is empty"},
      {"{\"messages\":1}", "line 1: 'messages': got number"},
      {"{\"messages\":[1]}", "line 1: messages[0]: got number"},
      {"{\"messages\":[{}]}", "messages[0] has no 'role'"},
      {"{\"messages\":[{\"from\":\"a\"}]}", "'from' and 'value' of another"},
      {"{\"messages\":[{\"role\":\"asistant\",\"content\":\"\"}]}",
       "messages[0].role: got 'asistant', expected system"},
      {"{\"messages\":[{\"role\":\"user\"}]}", "messages[0] has no 'content'"},
      {"{\"messages\":[{\"role\":\"user\",\"content\":5}]}",
       "messages[0].content: got number"},
      {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
       "no answer to learn"},
      {R"({"messages":[{"role":"assistant","content":"a","weight":0.5}]})",
       "messages[0].weight: got 0.5, expected 0 or 1"},
      {R"({"messages":[{"role":"assistant","content":"a","weight":"0"}]})",
       "messages[0].weight: got string, expected 0 or 1"},
      {R"({"messages":[{"role":"assistant","content":"a","weight":true}]})",
       "messages[0].weight: got boolean, expected 0 or 1"},
      {R"({"messages":[{"role":"user","content":"a","weight":1}]})",
       "messages[0].weight: got 1 for a message of user, expected 0 or "
       "nothing"},
      {"{\"messages\":[],\"text\":\"a\"}", "'messages' beside 'text'"},
      {"{\"text\":\"\xFF\"}", "line 1: invalid JSON"},
      {std::string("{\"text\":\"\0\"}", 12), "line 1: invalid JSON"},
      {"{\"text\":\"a\",\"text\":\"b\"}", "duplicate key 'text'"},
      {"\n\n{\"text\":\"a\"} x", "line 3: invalid JSON"},
      {"", "rows.jsonl: no rows"},
      {"\n \n", "rows.jsonl: no rows"},
  };
  for (const auto& [text, message] : rows) {
    const std::string error = error_of(text);
    EXPECT_NE(error.find(message), error.npos) << error;
    EXPECT_NE(error.find("rows.jsonl"), error.npos) << error;
  }
}

TEST(DataRows, ReportsAllBadLinesTogether) {
  std::string text;
  for (int i = 0; i < 12; ++i) text += "{\"text\":1}\n{\"text\":\"good\"}\n";
  const std::string error = error_of(text);
  EXPECT_NE(error.find("12 bad lines"), error.npos) << error;
  EXPECT_NE(error.find("line 19:"), error.npos) << error;
  EXPECT_EQ(error.find("line 21:"), error.npos) << error;
  EXPECT_NE(error.find("..."), error.npos) << error;
}

TEST(DataRows, ReadsFiles) {
  const test::TemporaryDirectory folder;
  const auto path = folder.write("a.jsonl", "{\"text\":\"a\"}\n");
  EXPECT_EQ(read_jsonl_rows(path).size(), 1u);
  EXPECT_THROW(read_jsonl_rows(folder.write("b.jsonl", "")), FileError);
  EXPECT_THROW(read_jsonl_rows(folder.path() / "none"), FileError);
}

}  // namespace
}  // namespace graft
