// Encodes the bytes with small byte-level tokenizers, whose ids spell the text
// again.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fuzz/targets.h"
#include "graft/text/tokenizer.h"
#include "text/chat_tokenizer.h"
#include "text/tiny_tokenizer.h"

namespace graft::fuzz {
namespace {

// How llama-bpe and qwen2 cut texts.
constexpr const char* kPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::vector<Tokenizer> make_tokenizers() {
  const nlohmann::json bytes = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const std::vector<nlohmann::json> first = {
      {{"type", "ByteLevel"}, {"add_prefix_space", false}},
      {{"type", "Digits"}, {"individual_digits", true}},
      {{"type", "Split"},
       {"pattern", {{"Regex", kPattern}}},
       {"behavior", "Isolated"},
       {"invert", false}}};
  std::vector<Tokenizer> out;
  for (const nlohmann::json& part : first) {
    nlohmann::json json = test::chat_tokenizer_json();
    json["pre_tokenizer"] = part;
    if (part["type"] != "ByteLevel") {
      json["pre_tokenizer"] = {{"type", "Sequence"},
                               {"pretokenizers", {part, bytes}}};
    }
    out.push_back(test::open_tokenizer(json));
  }
  return out;
}

}  // namespace

void text(std::string_view bytes) {
  static const std::vector<Tokenizer> kTokenizers = make_tokenizers();
  for (const Tokenizer& tokenizer : kTokenizers) {
    const auto ids = tokenizer.encode(bytes, false);
    expect(tokenizer.decode(ids, false) == bytes, "ids spell the text");
    std::string spelt;
    for (const std::int64_t id : ids) {
      spelt += tokenizer.token_bytes(id).value();
    }
    expect(spelt == bytes, "the bytes of the tokens are the text");
  }
}

}  // namespace graft::fuzz
