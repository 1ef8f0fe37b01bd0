// Tokenizers out of GGUF metadata against ids of the package tokenizers
// (tests/golden/gguf/make_model_golden.py), their export, and bad metadata.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "graft/base/error.h"
#include "graft/text/tokenizer.h"
#include "graft/text/tokenizer_export.h"
#include "support/gguf_bytes.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::GgufBytes;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::filesystem::path golden(const std::string& name) {
  return test::source_path("tests/golden/gguf/tokenizers/" + name);
}

void expect_golden(const Tokenizer& tokenizer, const std::string& pre) {
  std::ifstream rows(golden(pre + ".jsonl"));
  std::size_t count = 0;
  for (std::string line; std::getline(rows, line); ++count) {
    const auto row = nlohmann::json::parse(line);
    SCOPED_TRACE(pre + " " + line);
    const std::vector<std::int64_t> ids = row.at("ids");
    EXPECT_EQ(tokenizer.encode(row.at("text").get<std::string>(), true), ids);
    EXPECT_EQ(tokenizer.decode(ids, false), row.at("decoded"));
  }
  EXPECT_GE(count, 13U);
}

constexpr std::array kPre = {"dbrx", "gpt-2", "llama-bpe", "qwen2", "smollm"};
// Of tests/golden/gguf/make_sentencepiece_golden.py.
constexpr std::array kScored = {"sentencepiece", "sentencepiece_bare",
                                "sentencepiece_unknown"};

TEST(GgufTokenizer, EveryPreTokenizerGivesTheIdsOfTheReference) {
  for (const std::string pre : kPre) {
    expect_golden(Tokenizer::open(golden(pre + ".gguf")), pre);
  }
}

TEST(GgufTokenizer, TheExportedFilesGiveTheSame) {
  for (const std::string pre : kPre) {
    const TokenizerFiles files = export_gguf_tokenizer(golden(pre + ".gguf"));
    const test::TemporaryDirectory directory;
    directory.write("tokenizer.json", files.tokenizer_json);
    directory.write("tokenizer_config.json", files.tokenizer_config_json);
    const Tokenizer tokenizer = Tokenizer::open(directory.path());
    expect_golden(tokenizer, pre);
    EXPECT_EQ(tokenizer.config().eos_token, "<|im_end|>");
    EXPECT_EQ(tokenizer.eos_id(), 2);
    const auto config = nlohmann::json::parse(files.tokenizer_config_json);
    EXPECT_EQ(config.at("chat_template"),
              "{% for m in messages %}{{ m['content'] }}{% endfor %}");
  }
}

TEST(GgufTokenizer, ScoresGiveTheIdsOfTheReference) {
  for (const std::string name : kScored) {
    expect_golden(Tokenizer::open(golden(name + ".gguf")), name);
    const TokenizerFiles files = export_gguf_tokenizer(golden(name + ".gguf"));
    const test::TemporaryDirectory directory;
    directory.write("tokenizer.json", files.tokenizer_json);
    expect_golden(Tokenizer::open(directory.path() / "tokenizer.json"), name);
  }
}

// What chats align texts with: bytes, and spaces for blanks.
TEST(GgufTokenizer, PiecesStandForTheirBytes) {
  const Tokenizer tokenizer = Tokenizer::open(golden("sentencepiece.gguf"));
  EXPECT_EQ(tokenizer.token_bytes(5), std::string(1, '\0'));
  EXPECT_EQ(tokenizer.token_bytes(5 + 0xE2), "\xE2");
  const auto ids = tokenizer.encode("the end", false);
  std::string text;
  for (const std::int64_t id : ids) text += *tokenizer.token_bytes(id);
  EXPECT_EQ(text, " the end");
}

TEST(GgufTokenizer, KnowsSpecialTokensAndTheChatTemplate) {
  const Tokenizer tokenizer = Tokenizer::open(golden("smollm.gguf"));
  EXPECT_THAT(tokenizer.special_ids(), ElementsAre(0, 1, 2));
  EXPECT_EQ(tokenizer.config().bos_token, "<|im_start|>");
  EXPECT_EQ(tokenizer.config().pad_token, "<|im_end|>");
  EXPECT_EQ(tokenizer.config().unk_token, "<|endoftext|>");
  EXPECT_EQ(tokenizer.vocab_size(), 288U);
  EXPECT_THAT(*tokenizer.config().chat_template, HasSubstr("m['content']"));
  EXPECT_TRUE(tokenizer.special_prefix().empty());
  EXPECT_THAT(Tokenizer::open(golden("llama-bpe.gguf")).special_prefix(),
              ElementsAre(1));
}

// A vocabulary of three tokens; `change` adds what breaks it.
std::string error_of(const std::function<void(GgufBytes&)>& change) {
  GgufBytes file;
  change(file);
  const test::TemporaryDirectory directory;
  try {
    Tokenizer::open(directory.write("bad.gguf", file.str()));
  } catch (const FileError& error) {
    return error.what();
  }
  return "opened";
}

GgufBytes& basics(GgufBytes& file, const std::vector<std::string>& tokens,
                  const std::vector<std::string>& merges) {
  return file.key_text("tokenizer.ggml.model", "gpt2")
      .key_text("tokenizer.ggml.pre", "gpt-2")
      .key_texts("tokenizer.ggml.tokens", tokens)
      .key_texts("tokenizer.ggml.merges", merges);
}

struct BadRow {
  std::function<void(GgufBytes&)> change;
  const char* cause;
};

TEST(GgufTokenizer, RefusesBadMetadata) {
  const std::vector<std::string> tokens = {"a", "b", "ab"};
  const auto pre = [](GgufBytes& file, const char* model, const char* name) {
    file.key_text("tokenizer.ggml.model", model)
        .key_text("tokenizer.ggml.pre", name)
        .key_texts("tokenizer.ggml.tokens", {"a"});
  };
  const auto with = [&](const char* key, std::uint32_t value) {
    return [&tokens, key, value](GgufBytes& file) {
      basics(file, tokens, {}).key_u32(key, value);
    };
  };
  const std::vector<BadRow> rows = {
      {[](GgufBytes&) {}, "'tokenizer.ggml.model': got nothing"},
      {[&](GgufBytes& f) { pre(f, "t5", "default"); },
       "got string \"t5\", expected gpt2 (byte-level BPE) or llama"},
      {[&](GgufBytes& f) { pre(f, "gpt2", "deepseek-llm"); },
       "got string \"deepseek-llm\", expected a pre-tokenizer that graft "
       "knows: gpt-2, dbrx, llama-bpe, qwen2, smollm"},
      {[&](GgufBytes& f) { pre(f, "gpt2", "gpt-2"); },
       "'tokenizer.ggml.merges': got nothing"},
      {[](GgufBytes& f) {
         basics(f, {"a", "a"}, {});
       },
       "tokens[1]: 'a' is there twice"},
      {[](GgufBytes& f) {
         basics(f, {"a", "\xff"}, {});
       },
       "no valid UTF-8"},
      {[&](GgufBytes& f) { basics(f, tokens, {"ab"}); },
       "merges[0]: got 'ab', expected two tokens and one space"},
      {[&](GgufBytes& f) { basics(f, tokens, {"a x"}); },
       "'x' is not in the vocabulary"},
      {[&](GgufBytes& f) {
         basics(f, tokens, {}).key_i32s("tokenizer.ggml.token_type", {1});
       },
       "got an array of 1 int32, expected 3, one a token"},
      {with("tokenizer.ggml.eos_token_id", 3), "an id below 3"},
      {with("tokenizer.ggml.tokens_of_none", 0), "opened"},
      {[&](GgufBytes& f) {
         basics(f, tokens, {}).key_bool("tokenizer.ggml.add_bos_token", true);
       },
       "'tokenizer.ggml.bos_token_id': got nothing, expected an id, because"},
  };
  for (const BadRow& row : rows) {
    EXPECT_THAT(error_of(row.change), HasSubstr(row.cause));
  }
}

TEST(GgufTokenizer, RefusesBadScores) {
  const auto pieces = [](GgufBytes& file) -> GgufBytes& {
    return file.key_text("tokenizer.ggml.model", "llama")
        .key_texts("tokenizer.ggml.tokens", {"<unk>", "<s>"})
        .key_u32("tokenizer.ggml.bos_token_id", 1);
  };
  const std::vector<BadRow> rows = {
      {[&](GgufBytes& f) { pieces(f); },
       "'tokenizer.ggml.scores': got nothing, expected 2 numbers"},
      {[&](GgufBytes& f) {
         pieces(f).key_i32s("tokenizer.ggml.scores", {1, 2, 3});
       },
       "an array of 3 int32, expected 2 numbers, one a token"},
      {[&](GgufBytes& f) {
         pieces(f)
             .key_i32s("tokenizer.ggml.scores", {0, 0})
             .key_bool("tokenizer.ggml.remove_extra_whitespaces", true);
       },
       "remove_extra_whitespaces': got bool true, expected false"},
      {[&](GgufBytes& f) {
         pieces(f)
             .key_i32s("tokenizer.ggml.scores", {0, 0})
             .key_u32("tokenizer.ggml.unknown_token_id", 2);
       },
       "an id below 2"},
      {[](GgufBytes& f) {
         f.key_text("tokenizer.ggml.model", "llama")
             .key_texts("tokenizer.ggml.tokens", {});
       },
       "expected at least one token"},
      {[&](GgufBytes& f) {
         pieces(f).key_i32s("tokenizer.ggml.scores", {0, 0});
       },
       "opened"},
  };
  for (const BadRow& row : rows) {
    EXPECT_THAT(error_of(row.change), HasSubstr(row.cause));
  }
}

}  // namespace
}  // namespace graft
