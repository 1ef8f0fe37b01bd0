// The public face: lookups, special tokens, limits.
#include "graft/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "graft/base/error.h"
#include "text/tiny_tokenizer.h"

namespace graft {
namespace {

using Ids = std::vector<std::int64_t>;
using test::open_tokenizer;
using test::tiny_tokenizer_json;

TEST(Tokenizer, EncodesAndDecodes) {
  const Tokenizer tokenizer = open_tokenizer(tiny_tokenizer_json());
  EXPECT_EQ(tokenizer.encode("abc ab", false), (Ids{5, 3, 4}));
  EXPECT_EQ(tokenizer.encode("", true), Ids{});
  // Bytes outside this vocabulary have no token and no unknown token.
  EXPECT_EQ(tokenizer.encode("axb", false), (Ids{4}));
  EXPECT_EQ(tokenizer.decode(Ids{5, 3, 4}, false), "abc ab");
  // Ids without a token are passed over.
  EXPECT_EQ(tokenizer.decode(Ids{0, 99, -1, 1}, false), "ab");
}

TEST(Tokenizer, RecognisesSpecialTokensInText) {
  const Tokenizer tokenizer = open_tokenizer(tiny_tokenizer_json());
  const Ids ids = tokenizer.encode("a<s>b</s>", false);
  EXPECT_EQ(ids, (Ids{0, 6, 1, 7}));
  EXPECT_EQ(tokenizer.decode(ids, false), "a<s>b</s>");
  EXPECT_EQ(tokenizer.decode(ids, true), "ab");
}

TEST(Tokenizer, PutsSpecialTokensAround) {
  nlohmann::json json = tiny_tokenizer_json();
  json["post_processor"] = test::frame_json();
  const Tokenizer tokenizer = open_tokenizer(json);
  EXPECT_EQ(tokenizer.encode("a", true), (Ids{6, 0, 7}));
  EXPECT_EQ(tokenizer.encode("a", false), (Ids{0}));
  EXPECT_EQ(tokenizer.special_prefix(), (Ids{6}));
  EXPECT_EQ(tokenizer.special_suffix(), (Ids{7}));
}

TEST(Tokenizer, LooksTokensUp) {
  const Tokenizer tokenizer = open_tokenizer(tiny_tokenizer_json());
  EXPECT_EQ(tokenizer.vocab_size(), 8u);
  EXPECT_EQ(tokenizer.token_id("</s>"), 7);
  EXPECT_EQ(tokenizer.token_id("abc"), 5);
  EXPECT_EQ(tokenizer.token_id("abcd"), std::nullopt);
  EXPECT_EQ(tokenizer.token(4), "ab");
  EXPECT_EQ(tokenizer.token(8), std::nullopt);
  EXPECT_EQ(tokenizer.token(-1), std::nullopt);
  EXPECT_EQ(tokenizer.special_ids(), (Ids{6, 7}));
  EXPECT_TRUE(tokenizer.is_special(6));
  EXPECT_FALSE(tokenizer.is_special(0));
}

TEST(Tokenizer, ReadsTokenizerConfig) {
  const test::TemporaryDirectory folder;
  const auto path =
      folder.write("tokenizer.json", tiny_tokenizer_json().dump());
  EXPECT_EQ(Tokenizer::open(path).eos_id(), std::nullopt);
  folder.write("tokenizer_config.json",
               R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>",
                   "pad_token": null})");
  const Tokenizer tokenizer = Tokenizer::open(path);
  EXPECT_EQ(tokenizer.config().bos_token, "<s>");
  EXPECT_EQ(tokenizer.config().pad_token, std::nullopt);
  EXPECT_EQ(tokenizer.eos_id(), 7);
  folder.write("tokenizer_config.json", R"({"eos_token": 3})");
  EXPECT_THROW(Tokenizer::open(path), FileError);
}

TEST(Tokenizer, RefusesTextThatIsNotUtf8) {
  const Tokenizer tokenizer = open_tokenizer(tiny_tokenizer_json());
  EXPECT_THROW(tokenizer.encode("a\xFF", false), ConfigError);
}

// A quadratic merge loop would take minutes here.
TEST(Tokenizer, LongWordsAreNotQuadratic) {
  const Tokenizer tokenizer = open_tokenizer(tiny_tokenizer_json());
  std::string word;
  for (int i = 0; i < 300'000; ++i) word += "abc";
  const Ids ids = tokenizer.encode(word, false);
  EXPECT_EQ(ids, Ids(300'000, 5));
}

TEST(Tokenizer, IsSharedByThreads) {
  const Tokenizer tokenizer = open_tokenizer(tiny_tokenizer_json());
  const Ids expected = tokenizer.encode("abc ab a", false);
  std::vector<std::thread> threads;
  std::vector<int> differences(4, 0);
  for (int& count : differences) {
    threads.emplace_back([&tokenizer, &expected, &count] {
      for (int i = 0; i < 200; ++i) {
        if (tokenizer.encode("abc ab a", false) != expected) ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(differences, testing::Each(0));
}

}  // namespace
}  // namespace graft
