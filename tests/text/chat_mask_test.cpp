// What of a chat is learnt, to the token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/text/chat_template.h"
#include "graft/text/tokenized_rows.h"
#include "graft/text/tokenizer_export.h"
#include "support/shared_data.h"
#include "text/chat_tokenizer.h"

namespace graft {
namespace {

using test::chat_tokenizer;
using test::kChatml;
using testing::HasSubstr;

constexpr const char* kTwoTurns =
    R"([{"role":"system","content":"Be brief."},)"
    R"({"role":"user","content":"One?"},{"role":"assistant","content":"1 "},)"
    R"({"role":"user","content":"Two?"},{"role":"assistant","content":"2"}])";

std::vector<RawRow> rows_of(const std::string& messages) {
  return {{7, Chat::parse("{\"messages\":" + messages + "}", "row")}};
}

// The learnt text, with | between stretches.
std::string learnt_text(const DataRow& row, const Tokenizer& tokenizer) {
  const auto labels = row.labels();
  std::string out;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == kIgnoredLabel) continue;
    EXPECT_EQ(labels[i], row.ids[i]);
    if (i > 0 && labels[i - 1] == kIgnoredLabel && !out.empty()) out += '|';
    out += tokenizer.token_bytes(row.ids[i]).value();
  }
  return out;
}

struct Case {
  const char* name;
  std::string chat_template;
  std::string messages;
  std::string learnt;
  std::size_t rewritten = 0;
};

void check(const Case& one, bool normalizes) {
  SCOPED_TRACE(one.name);
  const Tokenizer tokenizer = chat_tokenizer(one.chat_template, normalizes);
  const auto rows = rows_of(one.messages);
  const TokenizedData data = tokenize_rows(rows, tokenizer, {.eos_id = 258});
  ASSERT_EQ(data.rows.size(), 1u);
  const DataRow& row = data.rows[0];
  ChatRenderer chats(tokenizer);
  const auto whole = chats.render(std::get<Chat>(rows[0].content)).text;
  EXPECT_EQ(row.ids, tokenizer.encode(whole, false));
  EXPECT_EQ(learnt_text(row, tokenizer), one.learnt);
  EXPECT_EQ(data.counts.rewritten_answers, one.rewritten);
  EXPECT_EQ(data.counts.learnt_tokens, row.learnt_tokens());
}

// Thinking is taken out of every answer but the last.
const std::string kStripping =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{{ m.content if loop.last else m.content.split('</t>')[-1] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% endif %}";
const std::string kThinking = R"([{"role":"user","content":"a"},)"
                              R"({"role":"assistant","content":"<t>x</t>b"},)"
                              R"({"role":"user","content":"c"},)"
                              R"({"role":"assistant","content":"<t>y</t>d"}])";

std::vector<Case> cases() {
  return {
      {"each answer and its end", kChatml, kTwoTurns,
       "1 <|im_end|>|2<|im_end|>"},
      {"no special end: white space is the answer's",
       "{% for m in messages %}{{ m.role[0] }}: {{ m.content }}\n\n"
       "{% endfor %}{% if add_generation_prompt %}a: {% endif %}",
       kTwoTurns, "1 \n\n|2\n\n"},
      {"more at the end of a chat than inside",
       "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>"
       "{% endfor %}{% if add_generation_prompt %}<|im_start|>{% else %}<|end|>"
       "{% endif %}",
       kTwoTurns, "1 <|im_end|>|2<|im_end|><|end|>"},
      {"rewritten answers are left out", kStripping, kThinking,
       "<t>y</t>d<|im_end|>", 1},
      {"generation blocks decide",
       "{% for m in messages %}{{ m.role }}\n{% if m.role == 'assistant' %}"
       "{% generation %}{{ m.content }}{% endgeneration %}{% else %}"
       "{{ m.content }}{% endif %}<|im_end|>{% endfor %}",
       kTwoTurns, "1 |2"},
      {"letters of several bytes", kChatml,
       R"([{"role":"user","content":"é"},)"
       R"({"role":"assistant","content":"😀e\u0301"}])",
       "😀e\xCC\x81<|im_end|>"},
      {"calls of tools",
       "{% for m in messages %}<|im_start|>{{ m.content or '' }}"
       "{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}<|im_end|>"
       "{% endfor %}{% if add_generation_prompt %}<|im_start|>{% endif %}",
       R"([{"role":"user","content":"q"},)"
       R"({"role":"assistant","content":null,"tool_calls":[{"b":1,"a":2}]},)"
       R"({"role":"tool","content":"r"},)"
       R"({"role":"assistant","content":"s"}])",
       R"([{"b": 1, "a": 2}]<|im_end|>|s<|im_end|>)"},
  };
}

TEST(ChatMask, LearnsAnswersAndNothingElse) {
  for (const Case& one : cases()) check(one, false);
}

// With a normalizer the tokens do not spell the text.
TEST(ChatMask, HoldsWhereATokenizerNormalizes) {
  for (Case one : cases()) {
    if (one.learnt.find("😀") != std::string::npos) {
      one.learnt = "😀é<|im_end|>";
    }
    check(one, true);
  }
}

// As in OpenAI's rows: 0 is an answer that the others are read with.
TEST(ChatMask, LeavesOutWhatHasNoWeight) {
  const std::string messages =
      R"([{"role":"user","content":"q"},)"
      R"({"role":"assistant","content":"a","weight":0},)"
      R"({"role":"user","content":"r","weight":0},)"
      R"({"role":"assistant","content":"b","weight":1},)"
      R"({"role":"assistant","content":"c","weight":null}])";
  const std::string marked =
      "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}"
      "{{ m.content }}{% endgeneration %}.{% generation %}!{% endgeneration %}"
      "{% else %}{{ m.content }}{% endif %},{% endfor %}";
  check({"prefixes", kChatml, messages, "b<|im_end|>|c<|im_end|>"}, false);
  check({"generation blocks", marked, messages, "b|!|c|!"}, false);
}

TEST(ChatMask, DropsARowWithoutWeight) {
  const auto rows =
      rows_of(R"([{"role":"user","content":"q"},)"
              R"({"role":"assistant","content":"a","weight":0}])");
  for (const std::string& source :
       {std::string(kChatml),
        std::string("{% generation %}a{% endgeneration %}")}) {
    const Tokenizer tokenizer = chat_tokenizer(source);
    const auto data = tokenize_rows(rows, tokenizer, {});
    EXPECT_EQ(data.counts.dropped, 1u) << source;
    const auto all = check_rows(rows, tokenizer, {.learn_prompts = true});
    ASSERT_EQ(all.problems.size(), 1u);
    EXPECT_THAT(all.problems[0].text,
                HasSubstr("messages[1].weight: got 0 with data.loss_on: all"));
  }
}

TEST(ChatMask, LearnsATokenThatStraddles) {
  const Tokenizer tokenizer =
      chat_tokenizer("{% for m in messages %}{{ m.content }}{% endfor %}");
  const auto rows = rows_of(R"([{"role":"user","content":"a."},)"
                            R"({"role":"assistant","content":".b"}])");
  const TokenizedData data = tokenize_rows(rows, tokenizer, {});
  EXPECT_EQ(data.rows[0].ids, (std::vector<std::int64_t>{'a', 256, 'b'}));
  EXPECT_EQ(learnt_text(data.rows[0], tokenizer), "..b");
  EXPECT_EQ(data.counts.straddling_tokens, 1u);
}

TEST(ChatMask, LearnsEverythingWhenTold) {
  const Tokenizer tokenizer = chat_tokenizer(kChatml);
  const auto rows = rows_of(kTwoTurns);
  const auto data = tokenize_rows(rows, tokenizer, {.learn_prompts = true});
  EXPECT_EQ(data.rows[0].labels(), data.rows[0].ids);
}

TEST(ChatMask, CutsAndDrops) {
  const Tokenizer tokenizer = chat_tokenizer(kChatml);
  const auto rows = rows_of(kTwoTurns);
  const auto whole = tokenize_rows(rows, tokenizer, {}).rows[0];
  ASSERT_EQ(whole.answers.size(), 2u);
  const std::size_t inside = whole.answers[0].begin + 1;
  const auto cut = tokenize_rows(rows, tokenizer, {.max_length = inside});
  EXPECT_EQ(learnt_text(cut.rows[0], tokenizer), "1");
  EXPECT_EQ(cut.rows[0].full_length, whole.ids.size());
  EXPECT_EQ(cut.counts.truncated, 1u);
  const auto none = tokenize_rows(rows, tokenizer, {.max_length = inside - 1});
  EXPECT_TRUE(none.rows.empty());
  EXPECT_EQ(none.counts.dropped, 1u);
  EXPECT_EQ(none.dropped[0].full_length, whole.ids.size());
}

std::string error_of(const std::string& chat_template,
                     const std::string& messages, std::size_t vocabulary = 0) {
  const Tokenizer tokenizer = chat_tokenizer(chat_template);
  try {
    tokenize_rows(rows_of(messages), tokenizer,
                  {.vocabulary = vocabulary, .name = "rows.jsonl"});
  } catch (const FileError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ChatMask, NamesTheRowOfEveryMistake) {
  const std::string one =
      R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"}])";
  for (const auto& [chat_template, message] :
       std::vector<std::pair<std::string, const char*>>{
           {"{{ raise_exception('no') }}",
            "line 7: template: chat template:1: the template refuses: no"},
           {"{{ messages.x.y }}", "line 7: template: chat template:1: 'list'"},
           {"{% if %}", "line 7: template: chat template:1:"},
           {"{% for m in messages %}{{ m.content }}{% endfor %}"
            "{% if add_generation_prompt %}X{% endif %}{{ messages[-1].content "
            "}}",
            "line 7: no answer can be told from the rest: messages[1] is not "
            "printed once, as it is"},
           {"{% for m in messages %}{{ m.content | length }}{% endfor %}"
            "{% if add_generation_prompt %}X{% endif %}",
            "messages[1] is not printed once, as it is"},
           {"{{ messages[1].content | length }}{{ messages[1].content }}",
            "messages[1] changes what the template prints around it"},
           {"{{ messages[1].content if messages[1].content | length > 3 }}",
            "messages[1] is not printed"},
           {"{% generation %}{% endgeneration %}a",
            "line 7: no answer to learn"},
           {"{% set x %}{% generation %}a{% endgeneration %}{% endset %}{{ x "
            "}}",
            "line 7: the template has a generation block inside a macro"}}) {
    EXPECT_THAT(error_of(chat_template, one), HasSubstr(message));
    EXPECT_THAT(error_of(chat_template, one),
                HasSubstr("data: rows.jsonl: 1 bad line"));
  }
  const std::string outside = error_of(kChatml, one, 258);
  EXPECT_THAT(outside, HasSubstr("line 7: token 7 has no row in the model's "
                                 "embedding: got id 258, expected ids below"));
}

TEST(ChatMask, KeepsBadRowsApartWhenChecking) {
  const Tokenizer tokenizer =
      chat_tokenizer(std::string("{{ messages[0].content.no() if "
                                 "messages[0].role == 'tool' }}") +
                     kChatml);
  std::vector<RawRow> rows = rows_of(kTwoTurns);
  rows.push_back({9, Chat::parse(R"({"messages":[{"role":"tool"}]})", "row")});
  const TokenizedData data = check_rows(rows, tokenizer, {});
  EXPECT_EQ(data.rows.size(), 1u);
  ASSERT_EQ(data.problems.size(), 1u);
  EXPECT_EQ(data.problems[0].line, 9u);
}

// SentencePiece puts a space of its own behind each special token.
TEST(ChatMask, a_space_of_the_tokenizer_is_no_text) {
  const TokenizerFiles files = export_gguf_tokenizer(
      test::source_path("tests/golden/gguf/tokenizers/sentencepiece.gguf"));
  const test::TemporaryDirectory folder;
  folder.write("tokenizer.json", files.tokenizer_json);
  folder.write("tokenizer_config.json", R"({"eos_token": "<|im_end|>"})");
  folder.write("chat_template.jinja", kChatml);
  const Tokenizer tokenizer = Tokenizer::open(folder.path());
  const auto rows = rows_of(kTwoTurns);
  const TokenizedData data = tokenize_rows(rows, tokenizer, {.eos_id = 4});
  ASSERT_EQ(data.rows.size(), 1u);
  EXPECT_EQ(learnt_text(data.rows[0], tokenizer), "1 <|im_end|>|2<|im_end|>");
}

}  // namespace
}  // namespace graft
