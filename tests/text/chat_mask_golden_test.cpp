// What is learnt of chats, against the generation blocks of the same templates
// as transformers reads them.
#include <gtest/gtest.h>

#include "graft/text/chat_template.h"
#include "graft/text/tokenized_rows.h"
#include "support/shared_data.h"
#include "text/chat_tokenizer.h"

namespace graft {
namespace {

using nlohmann::ordered_json;

// Stretches of learnt tokens as text; every label of them is its id.
std::vector<std::string> learnt_texts(const DataRow& row,
                                      const Tokenizer& tokenizer) {
  std::vector<std::string> out;
  const auto labels = row.labels();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == kIgnoredLabel) continue;
    EXPECT_EQ(labels[i], row.ids[i]);
    if (i == 0 || labels[i - 1] == kIgnoredLabel) out.emplace_back();
    out.back() += tokenizer.token_bytes(row.ids[i]).value();
  }
  return out;
}

void check_case(const ordered_json& one, bool normalizes) {
  const Tokenizer tokenizer =
      test::chat_tokenizer(one.at("template"), normalizes);
  const Chat chat = Chat::parse(one.at("chat").dump(), "case");
  ChatRenderer chats(tokenizer);
  ASSERT_EQ(chats.render(chat).text, one.at("rendered"));
  const std::vector<RawRow> rows = {{1, chat}};
  const TokenizedData data = tokenize_rows(rows, tokenizer, {});
  ASSERT_EQ(data.rows.size(), 1u);
  EXPECT_EQ(learnt_texts(data.rows[0], tokenizer),
            one.at("learnt").get<std::vector<std::string>>());
  EXPECT_EQ(data.counts.rewritten_answers, one.at("left_out"));
  if (!normalizes) {
    EXPECT_EQ(data.counts.shortened_answers, one.at("shortened"));
  }
}

TEST(ChatMaskGolden, AgreesWithGenerationBlocks) {
  test::CaseCounter counter("chat masks");
  const auto path = test::source_path("tests/golden/chat/masks.json");
  for (const auto& one : test::read_ordered_json(path)) {
    for (const bool normalizes : {false, true}) {
      SCOPED_TRACE(one.at("name").get<std::string>() +
                   (normalizes ? ", normalized" : ""));
      check_case(one, normalizes);
    }
    counter.ran();
  }
  EXPECT_GT(counter.ran_count(), 60u);
}

}  // namespace
}  // namespace graft
