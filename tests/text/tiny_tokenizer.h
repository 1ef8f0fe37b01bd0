// A tokenizer.json of a few tokens for tests that need no golden. Entry
// points: tiny_tokenizer_json, open_tokenizer.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "graft/text/tokenizer.h"
#include "support/temporary_directory.h"

namespace graft::test {

// Ids: a 0, b 1, c 2, space 3, ab 4, abc 5; <s> 6 and </s> 7 are special.
// Merges a+b, ab+c; byte level without a prefix space; no frame.
inline nlohmann::json tiny_tokenizer_json() {
  return nlohmann::json::parse(R"({
    "version": "1.0",
    "added_tokens": [
      {"id": 6, "content": "<s>", "special": true, "single_word": false,
       "lstrip": false, "rstrip": false, "normalized": false},
      {"id": 7, "content": "</s>", "special": true, "single_word": false,
       "lstrip": false, "rstrip": false, "normalized": false}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
    "post_processor": null,
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3,
              "ab": 4, "abc": 5}, "merges": ["a b", "ab c"]}})");
}

// "<s> $A </s>", as TemplateProcessing says it.
inline nlohmann::json frame_json() {
  return nlohmann::json::parse(R"({
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
               {"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [6], "tokens": ["<s>"]},
                       "</s>": {"id": "</s>", "ids": [7],
                                "tokens": ["</s>"]}}})");
}

inline Tokenizer open_tokenizer(const std::string& json) {
  const TemporaryDirectory folder;
  folder.write("tokenizer.json", json);
  return Tokenizer::open(folder.path());
}

inline Tokenizer open_tokenizer(const nlohmann::json& json) {
  return open_tokenizer(json.dump());
}

}  // namespace graft::test
