// Damaged and unsupported files: each is an error that names the place.
#include "text/tokenizer_file_internal.h"

#include <gtest/gtest.h>

#include <functional>

#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "text/tiny_tokenizer.h"

namespace graft {
namespace {

using nlohmann::json;
using test::open_tokenizer;
using test::tiny_tokenizer_json;

struct BadRow {
  const char* name;
  std::function<void(json&)> damage;
  const char* message;  // part of it
};

std::string error_of(const std::string& text) {
  try {
    open_tokenizer(text);
  } catch (const FileError& error) {
    return error.what();
  }
  return "no error";
}

void check(const std::vector<BadRow>& rows) {
  for (const BadRow& row : rows) {
    json file = tiny_tokenizer_json();
    row.damage(file);
    const std::string message = error_of(file.dump());
    EXPECT_NE(message.find(row.message), message.npos)
        << row.name << ": " << message;
    EXPECT_NE(message.find("tokenizer.json"), message.npos) << message;
  }
}

TEST(TokenizerFile, RefusesBadModels) {
  check({
      {"no model", [](json& f) { f.erase("model"); }, "model: missing"},
      {"model kind", [](json& f) { f["model"]["type"] = "Unigram"; },
       "model 'Unigram' is not supported yet"},
      {"no vocab", [](json& f) { f["model"].erase("vocab"); }, "no 'vocab'"},
      {"no merges", [](json& f) { f["model"].erase("merges"); }, "no 'merges'"},
      {"list vocab", [](json& f) { f["model"]["vocab"] = json::array(); },
       "no 'vocab' object"},
      {"text id", [](json& f) { f["model"]["vocab"]["a"] = "0"; },
       "model.vocab['a']: got a string"},
      {"negative id", [](json& f) { f["model"]["vocab"]["a"] = -1; },
       "model.vocab['a']: got a number < 0"},
      {"fraction", [](json& f) { f["model"]["vocab"]["a"] = 0.5; },
       "model.vocab['a']: got a fraction"},
      {"object id", [](json& f) { f["model"]["vocab"]["a"] = json::object(); },
       "model.vocab['a']: got an object"},
      {"same id", [](json& f) { f["model"]["vocab"]["b"] = 0; },
       "id 0 is already that of 'a'"},
      {"huge id", [](json& f) { f["model"]["vocab"]["b"] = 4294967295u; },
       "got id 4294967295"},
      {"huger id",
       [](json& f) { f["model"]["vocab"]["b"] = 18446744073709551615u; },
       "got id 18446744073709551615"},

      {"dropout", [](json& f) { f["model"]["dropout"] = 0.1; }, "dropout"},
      {"flag", [](json& f) { f["model"]["ignore_merges"] = 1; },
       "'ignore_merges': got number, expected true or false"},
  });
}

TEST(TokenizerFile, RefusesBadMerges) {
  check({
      {"left", [](json& f) { f["model"]["merges"][0] = "q b"; },
       "model.merges[0]: 'q' is not in the vocabulary"},
      {"right",
       [](json& f) {
         f["model"]["merges"][1] = {"a", "q"};
       },
       "model.merges[1]: 'q' is not in the vocabulary"},
      {"merged", [](json& f) { f["model"]["merges"][1] = "b a"; },
       "model.merges[1]: 'ba' is not in the vocabulary"},
      {"one", [](json& f) { f["model"]["merges"][0] = "ab"; },
       "model.merges[0]: got 'ab', expected two tokens"},
      {"three", [](json& f) { f["model"]["merges"][0] = "a b c"; },
       "model.merges[0]: got 'a b c'"},
      {"list of one", [](json& f) { f["model"]["merges"][0] = {"a"}; },
       "model.merges[0]: got 1 tokens"},
      {"number", [](json& f) { f["model"]["merges"][0] = 7; },
       "model.merges[0]: got a number"},
  });
}

TEST(TokenizerFile, RefusesBadPreparation) {
  check({
      {"normalizer",
       [](json& f) {
         f["normalizer"] = {{"type", "Strip"}};
       },
       "normalizer 'Strip' is not supported yet"},
      {"replacement",
       [](json& f) {
         f["normalizer"] = {{"type", "Replace"},
                            {"pattern", {{"String", "a"}}}};
       },
       "normalizer: no 'content'"},
      {"no type", [](json& f) { f["normalizer"] = json::object(); },
       "normalizer: no 'type'"},
      {"pre-tokenizer",
       [](json& f) { f["pre_tokenizer"]["type"] = "BertPreTokenizer"; },
       "pre_tokenizer 'BertPreTokenizer' is not supported yet"},
      {"scheme",
       [](json& f) {
         f["pre_tokenizer"] = {{"type", "Metaspace"},
                               {"replacement", "_"},
                               {"prepend_scheme", "last"}};
       },
       "'prepend_scheme': got last, expected always, first or never"},
      {"pattern",
       [](json& f) {
         f["pre_tokenizer"] = {{"type", "Split"},
                               {"behavior", "Isolated"},
                               {"pattern", {{"Regex", "(a"}}}};
       },
       "pre_tokenizer.pattern: pattern '(a' does not compile"},
      {"behavior",
       [](json& f) {
         f["pre_tokenizer"] = {{"type", "Split"},
                               {"behavior", "Keep"},
                               {"pattern", {{"String", "a"}}}};
       },
       "'behavior': got Keep"},
      {"step",
       [](json& f) {
         f["pre_tokenizer"] = {{"type", "Sequence"},
                               {"pretokenizers", {{{"type", "Bert"}}}}};
       },
       "pre_tokenizer.pretokenizers[0] 'Bert'"},
  });
}

TEST(TokenizerFile, RefusesBadPartsAroundTheModel) {
  check({
      {"post-processor",
       [](json& f) {
         f["post_processor"] = {{"type", "X"}};
       },
       "post_processor 'X' is not supported yet"},
      {"template",
       [](json& f) {
         f["post_processor"] = test::frame_json();
         f["post_processor"]["special_tokens"].erase("<s>");
       },
       "special token '<s>' is not in special_tokens"},
      {"decoder",
       [](json& f) {
         f["decoder"] = {{"type", "WordPiece"}};
       },
       "decoder 'WordPiece' is not supported yet"},
      {"strip",
       [](json& f) {
         f["decoder"] = {
             {"type", "Strip"}, {"content", ""}, {"start", 1}, {"stop", 0}};
       },
       "'content': got an empty text"},
      {"added id", [](json& f) { f["added_tokens"][0]["id"] = 1u << 30; },
       "added_tokens[0]: 'id'"},
      {"added list", [](json& f) { f["added_tokens"] = json::object(); },
       "added_tokens: wrong kind"},
  });
}

TEST(TokenizerFile, RefusesBadJson) {
  const std::string good = tiny_tokenizer_json().dump();
  EXPECT_NE(error_of(good.substr(0, good.size() / 2)).find("invalid JSON"),
            std::string::npos);
  EXPECT_NE(error_of("").find("invalid JSON"), std::string::npos);
  EXPECT_NE(error_of("[]").find("got array"), std::string::npos);
  EXPECT_NE(error_of("7").find("got number"), std::string::npos);
  EXPECT_NE(error_of("{\"a\":1,\"a\":2}").find("duplicate key 'a'"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"model":{"vocab":{"a":0,"a":1}}})").find("twice"),
            std::string::npos);
  EXPECT_NE(error_of(std::string(100, '[')).find("nested deeper"),
            std::string::npos);
  EXPECT_NE(error_of("{\"model\":{\"vocab\":{\"\xFF\":0}}}").find("invalid"),
            std::string::npos);
}

TEST(TokenizerFile, RefusesAMissingFile) {
  const test::TemporaryDirectory folder;
  EXPECT_THROW(Tokenizer::open(folder.path()), FileError);
  EXPECT_THROW(Tokenizer::open(folder.path() / "none"), FileError);
}

TEST(TokenizerFile, ReadsModelsWithoutType) {
  json file = tiny_tokenizer_json();
  file["model"].erase("type");
  file["model"]["merges"] = {"#version: 0.2", "a b", "ab c"};
  EXPECT_EQ(open_tokenizer(file).encode("abc", false),
            std::vector<std::int64_t>{5});
}

TEST(TokenizerFile, FollowsTheReferenceOnAddedIds) {
  json file = tiny_tokenizer_json();
  file["added_tokens"][0]["id"] = 9;
  std::vector<std::string> warnings;
  const ScopedLogSink sink(
      [&](LogLevel, std::string_view, std::string_view text) {
        warnings.emplace_back(text);
      });
  EXPECT_EQ(open_tokenizer(file).token_id("<s>"), 6);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("'<s>' is read as id 6, not 9"),
            std::string::npos);
}

}  // namespace
}  // namespace graft
