// What of a row is learnt, where it is cut and when it is dropped.
#include "graft/text/tokenized_rows.h"

#include <gtest/gtest.h>

#include "graft/text/row_report.h"
#include "text/tiny_tokenizer.h"

namespace graft {
namespace {

using Ids = std::vector<std::int64_t>;
constexpr std::int64_t kBos = 6;
constexpr std::int64_t kEos = 7;
constexpr std::int64_t kNo = kIgnoredLabel;

RawRow text_row(const char* text) { return {1, TextRow{text}}; }
RawRow prompt_row(const char* prompt, const char* completion) {
  return {1, PromptRow{prompt, completion}};
}

Tokenizer framed_tokenizer() {
  nlohmann::json json = test::tiny_tokenizer_json();
  json["post_processor"] = test::frame_json();
  return test::open_tokenizer(json);
}

TEST(TokenizedRows, LearnsAnswers) {
  const Tokenizer tokenizer = test::open_tokenizer(test::tiny_tokenizer_json());
  const RawRow rows[] = {prompt_row("ab", "abc"), text_row("abc a")};
  const TokenizedData data = tokenize_rows(rows, tokenizer, {.eos_id = kEos});
  ASSERT_EQ(data.rows.size(), 2u);
  EXPECT_EQ(data.rows[0].ids, (Ids{4, 5, kEos}));
  EXPECT_EQ(data.rows[0].labels(), (Ids{kNo, 5, kEos}));
  EXPECT_EQ(data.rows[0].answer_begin, 1u);
  EXPECT_EQ(data.rows[1].ids, (Ids{5, 3, 0, kEos}));
  EXPECT_EQ(data.rows[1].labels(), data.rows[1].ids);
  EXPECT_EQ(data.rows[1].raw_index, 1u);
  EXPECT_EQ(data.counts.rows, 2u);
  EXPECT_EQ(data.counts.tokens, 7u);
  // The first label of a row has no position before it that predicts it.
  EXPECT_EQ(data.counts.learnt_tokens, 5u);
}

TEST(TokenizedRows, LearnsPromptsWhenTold) {
  const Tokenizer tokenizer = test::open_tokenizer(test::tiny_tokenizer_json());
  const RawRow rows[] = {prompt_row("ab", "abc")};
  const auto data =
      tokenize_rows(rows, tokenizer, {.eos_id = kEos, .learn_prompts = true});
  EXPECT_EQ(data.rows[0].labels(), data.rows[0].ids);
  EXPECT_EQ(data.counts.learnt_tokens, 2u);
}

TEST(TokenizedRows, AddsNoSecondEos) {
  const Tokenizer tokenizer = framed_tokenizer();
  const RawRow rows[] = {text_row("a"), prompt_row("a", "b"),
                         prompt_row("a</s>", "b")};
  const auto data = tokenize_rows(rows, tokenizer, {.eos_id = kEos});
  EXPECT_EQ(data.rows[0].ids, (Ids{kBos, 0, kEos}));
  EXPECT_EQ(data.rows[1].ids, (Ids{kBos, 0, 1, kEos}));
  EXPECT_EQ(data.rows[1].answer_begin, 2u);
  // One that the prompt itself holds stays.
  EXPECT_EQ(data.rows[2].ids, (Ids{kBos, 0, kEos, 1, kEos}));
}

TEST(TokenizedRows, AddsNoEosWithoutAnId) {
  const Tokenizer tokenizer = test::open_tokenizer(test::tiny_tokenizer_json());
  const RawRow rows[] = {prompt_row("a", "b")};
  EXPECT_EQ(tokenize_rows(rows, tokenizer, {}).rows[0].ids, (Ids{0, 1}));
}

// The histogram stands below the number of kept rows.
TEST(TokenizedRows, LengthsAreThoseOfKeptRows) {
  const Tokenizer tokenizer = test::open_tokenizer(test::tiny_tokenizer_json());
  const RawRow rows[] = {text_row("a a a"), prompt_row("a a", "b b"),
                         prompt_row("a a a a a a a a a", "b")};
  const auto data =
      tokenize_rows(rows, tokenizer, {.eos_id = kEos, .max_length = 6});
  ASSERT_EQ(data.dropped.size(), 1u);
  const auto bins = lengths_of(data);
  ASSERT_EQ(bins.size(), 1u);
  EXPECT_EQ(bins[0].end, 16u);
  EXPECT_EQ(bins[0].rows, 2u);
}

TEST(TokenizedRows, CutsAndDrops) {
  const Tokenizer tokenizer = test::open_tokenizer(test::tiny_tokenizer_json());
  const RawRow rows[] = {text_row("a a a"), prompt_row("a a", "b b"),
                         prompt_row("a a a", "b"), text_row("")};
  const auto data =
      tokenize_rows(rows, tokenizer, {.eos_id = kEos, .max_length = 4});
  ASSERT_EQ(data.rows.size(), 2u);
  EXPECT_EQ(data.rows[0].ids, (Ids{0, 3, 0, 3}));
  EXPECT_EQ(data.rows[1].ids, (Ids{0, 3, 0, 1}));
  EXPECT_EQ(data.rows[1].labels(), (Ids{kNo, kNo, kNo, 1}));
  EXPECT_EQ(data.counts.truncated, 2u);
  EXPECT_EQ(data.counts.dropped, 2u);
  EXPECT_EQ(data.counts.rows, 2u);
  EXPECT_EQ(data.counts.tokens, 8u);
  EXPECT_EQ(data.counts.learnt_tokens, 4u);
}

}  // namespace
}  // namespace graft
