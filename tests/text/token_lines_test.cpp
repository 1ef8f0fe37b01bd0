// The lines of `graft tokenize`.
#include "graft/text/token_lines.h"

#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "text/tiny_tokenizer.h"

namespace graft {
namespace {

Tokenizer tiny() { return test::open_tokenizer(test::tiny_tokenizer_json()); }

std::string error_of(const char* text, bool decode) {
  const JsonLine line{text, 3};
  try {
    return decode ? detokenize_json_line(tiny(), line, false)
                  : tokenize_json_line(tiny(), line, false);
  } catch (const FileError& error) {
    return error.what();
  }
}

TEST(TokenLines, GoBothWays) {
  EXPECT_EQ(tokenize_json_line(tiny(), {"{\"text\":\"abc a\"}", 1}, true),
            "{\"ids\":[5,3,0]}");
  EXPECT_EQ(tokenize_json_line(tiny(), {"{\"text\":\"\"}", 1}, true),
            "{\"ids\":[]}");
  EXPECT_EQ(detokenize_json_line(tiny(), {"{\"ids\":[5,3,7]}", 1}, false),
            "{\"text\":\"abc </s>\"}");
  EXPECT_EQ(detokenize_json_line(tiny(), {"{\"ids\":[5,3,7]}", 1}, true),
            "{\"text\":\"abc \"}");
}

TEST(TokenLines, NameTheBadLine) {
  for (const char* text : {"", "{", "[]", "{}", "{\"text\":1}"}) {
    const std::string error = error_of(text, false);
    EXPECT_NE(error.find("tokenize: line 3:"), error.npos) << error;
  }
  for (const char* text :
       {"{\"text\":\"a\"}", "{\"ids\":3}", "{\"ids\":[-1]}", "{\"ids\":[1.5]}",
        "{\"ids\":[18446744073709551615]}"}) {
    const std::string error = error_of(text, true);
    EXPECT_NE(error.find("tokenize: line 3:"), error.npos) << error;
  }
}

TEST(TokenLines, RefuseChatRows) {
  EXPECT_THROW(tokenize_json_line(tiny(), {"{\"messages\":[]}", 1}, false),
               ConfigError);
}

}  // namespace
}  // namespace graft
