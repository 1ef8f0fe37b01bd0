// The lines of `graft tokenize`.
#include "graft/text/token_lines.h"

#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "text/tiny_tokenizer.h"

namespace graft {
namespace {

Tokenizer tiny() { return test::open_tokenizer(test::tiny_tokenizer_json()); }

// <s>role: content</s> for every message, with letters the tokenizer has.
Tokenizer chatting() {
  const test::TemporaryDirectory folder;
  folder.write("tokenizer.json", test::tiny_tokenizer_json().dump());
  folder.write("tokenizer_config.json",
               R"({"bos_token": "<s>", "eos_token": {"content": "</s>"}})");
  folder.write("chat_template.jinja",
               "{% for m in messages %}{{ bos_token ~ m.content ~ eos_token }}"
               "{% endfor %}{% if add_generation_prompt %}a{% endif %}"
               "{{ more }}\n");
  return Tokenizer::open(folder.path());
}

std::string tokenize(const Tokenizer& tokenizer, const JsonLine& line,
                     bool add_special) {
  ChatRenderer chats(tokenizer);
  return tokenize_json_line({tokenizer, chats, add_special}, line);
}

std::string error_of(const char* text, bool decode) {
  const JsonLine line{text, 3};
  try {
    return decode ? detokenize_json_line(tiny(), line, false)
                  : tokenize(tiny(), line, false);
  } catch (const FileError& error) {
    return error.what();
  }
}

TEST(TokenLines, GoBothWays) {
  EXPECT_EQ(tokenize(tiny(), {"{\"text\":\"abc a\"}", 1}, true),
            "{\"ids\":[5,3,0]}");
  EXPECT_EQ(tokenize(tiny(), {"{\"text\":\"\"}", 1}, true), "{\"ids\":[]}");
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

TEST(TokenLines, RenderChats) {
  const Tokenizer tokenizer = chatting();
  // The text's own special tokens alone, whatever add_special says.
  EXPECT_EQ(
      tokenize(tokenizer, {R"({"messages":[{"content":"ab"}]})", 1}, true),
      "{\"ids\":[6,4,7]}");
  EXPECT_EQ(tokenize(tokenizer,
                     {R"({"messages":[{"content":"ab"}], "more": "c",)"
                      R"( "add_generation_prompt": true})",
                      1},
                     false),
            "{\"ids\":[6,4,7,0,2]}");
  EXPECT_EQ(tokenize(tokenizer,
                     {R"({"messages":[{"content":"a"}],)"
                      R"( "variables": {"more": "b"}, "bos_token": "c"})",
                      1},
                     false),
            "{\"ids\":[2,0,7,1]}");
}

TEST(TokenLines, NameBadChats) {
  const std::pair<const char*, const char*> rows[] = {
      {R"({"messages":[]})", "line 3: template: a chat without messages"},
      {R"({"messages":5})", "line 3: 'messages': got number"},
      {R"({"messages":[5]})", "line 3: messages[0]: got number"},
      {R"({"messages":[{"a":1,"a":2}]})", "line 3: invalid JSON: duplicate"},
      {R"({"messages":[{"a":1}], "variables":5})", "'variables': got number"},
  };
  for (const auto& [text, message] : rows) {
    try {
      tokenize(chatting(), {text, 3}, false);
      ADD_FAILURE() << text;
    } catch (const FileError& error) {
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos)
          << error.what();
    }
  }
  // Without a template there is nothing that a line could mend.
  EXPECT_THROW(
      tokenize(tiny(), {R"({"messages":[{"content":"a"}]})", 1}, false),
      ConfigError);
}

}  // namespace
}  // namespace graft
