// Limits and errors of the strict JSON loader.
#include "io/json_file_internal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const std::string& text, bool ordered) {
  try {
    if (ordered) {
      parse_ordered_json_text(text, "dir/c.json", "config");
    } else {
      parse_json_text(text, "dir/c.json", "config");
    }
  } catch (const FileError& error) {
    return error.what();
  }
  return "parsed";
}

TEST(JsonFile, BothFormsRefuseTheSame) {
  struct Row {
    std::string text;
    const char* cause;
  };
  const std::vector<Row> rows{
      {"", "line 1"},
      {"{\"a\":1,}", "line 1, column 8"},
      {"{\n\"a\":tru}", "line 2"},
      {"{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", "duplicate key 'c'"},
      {"{\"\\u0061\":1,\"a\":2}", "duplicate key 'a'"},
      {"[\"\x80\"]", "UTF-8"},
      {"NaN", "invalid JSON"},
      {std::string(100'000, '['), "nested deeper than 64 levels"},
      {std::string(65, '[') + std::string(65, ']'), "nested deeper"}};
  for (const Row& row : rows) {
    for (const bool ordered : {false, true}) {
      EXPECT_THAT(error_of(row.text, ordered),
                  AllOf(HasSubstr("config: dir/c.json: invalid JSON: "),
                        HasSubstr(row.cause)));
    }
  }
}

TEST(JsonFile, ARowNamesItsLineOnce) {
  EXPECT_EQ(parse_json_line(R"({"a": [1]})", "line 7", "data")["a"][0], 1);
  try {
    parse_json_line(R"({"text":)", "line 7", "data");
    FAIL() << "no error";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), testing::StartsWith(
                                  "data: line 7: invalid JSON: parse error at "
                                  "column 9: "));
  }
}

TEST(JsonFile, BuildsTheWholeDocument) {
  const std::string text =
      R"({"b":[1,-2,2.5,true,null,"s",[],{}],"a":{"c":[{"d":[]}]},"e":1e400})";
  EXPECT_THAT(error_of(text, false), HasSubstr("invalid JSON"));  // 1e400
  const std::string good = text.substr(0, text.rfind(",\"e\"")) + "}";
  EXPECT_EQ(parse_json_text(good, "p", "o"), nlohmann::json::parse(good));
  const auto ordered = parse_ordered_json_text(good, "p", "o");
  EXPECT_EQ(ordered, nlohmann::ordered_json::parse(good));
  EXPECT_EQ(ordered.begin().key(), "b");
  const std::string deepest = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(error_of(deepest, false), "parsed");
}

TEST(JsonFile, ReadsFilesWithinTheLimit) {
  const test::TemporaryDirectory directory;
  const auto path = directory.write("a.json", "[1]");
  EXPECT_EQ(parse_json_file(path, "config")[0], 1);
  EXPECT_EQ(parse_ordered_json_file(path, "config")[0], 1);
  EXPECT_EQ(read_text_file(path, "config", 3), "[1]");
  EXPECT_THROW(read_text_file(path, "config", 2), FileError);
  EXPECT_THROW(parse_json_file(directory.path() / "b.json", "config"),
               FileError);
  EXPECT_THROW(parse_json_file(directory.path(), "config"), FileError);
}

TEST(JsonFile, MessageHoldsNoForeignBytes) {
  const std::string message = error_of("\"\x1b[31m\xc3(\"", false);
  EXPECT_TRUE(std::all_of(message.begin(), message.end(), [](char c) {
    return c >= 0x20 && c < 0x7f;
  })) << message;
}

}  // namespace
}  // namespace graft
