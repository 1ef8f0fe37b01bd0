// A byte-level tokenizer with the special tokens of ChatML, for tests of chats.
// Entry points: chat_tokenizer, kChatml.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "graft/text/tokenizer.h"
#include "support/temporary_directory.h"
#include "text/byte_level_internal.h"

namespace graft::test {

inline constexpr const char* kChatml =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>"
    "{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

// Ids: the 256 bytes; ".." 256, merged; <|im_start|> 257, <|im_end|> 258 and
// <|end|> 259 are special.
inline nlohmann::json chat_tokenizer_json() {
  nlohmann::json vocab;
  for (int byte = 0; byte < 256; ++byte) {
    std::string letter;
    graft::text::append_byte_level(letter,
                                   std::string(1, static_cast<char>(byte)));
    vocab[letter] = byte;
  }
  vocab[".."] = 256;
  nlohmann::json added = nlohmann::json::array();
  int id = 257;
  for (const char* content : {"<|im_start|>", "<|im_end|>", "<|end|>"}) {
    added.push_back({{"id", id++},
                     {"content", content},
                     {"special", true},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false}});
  }
  return {
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
      {"post_processor", nullptr},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {". ."}}}}};
}

inline Tokenizer chat_tokenizer(const std::string& chat_template,
                                bool normalizes = false) {
  nlohmann::json json = chat_tokenizer_json();
  if (normalizes) json["normalizer"] = {{"type", "NFC"}};
  const TemporaryDirectory folder;
  folder.write("tokenizer.json", json.dump());
  folder.write("tokenizer_config.json", R"({"eos_token": "<|im_end|>"})");
  folder.write("chat_template.jinja", chat_template);
  return Tokenizer::open(folder.path());
}

}  // namespace graft::test
