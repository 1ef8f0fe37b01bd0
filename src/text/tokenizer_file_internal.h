// tokenizer.json read once and checked as JSON: vocabulary and merges go
// straight into flat tables, the rest becomes a small document. Entry point:
// read_tokenizer_file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/part_internal.h"
#include "text/token_table_internal.h"

namespace graft::text {

// Pairs of strings, in rank order.
class MergeList {
 public:
  struct Pair {
    std::string_view left;
    std::string_view right;
  };

  void add(std::string_view left, std::string_view right);
  std::size_t size() const { return ends_.size() / 2; }
  Pair operator[](std::size_t rank) const;

 private:
  std::string arena_;
  std::vector<std::size_t> ends_;  // two a pair
};

struct TokenizerFile {
  std::filesystem::path path;
  nlohmann::json document;  // without model.vocab (an object) and model.merges
  TokenTable vocabulary;    // model.vocab, when that is an object
  MergeList merges;
  bool has_vocabulary = false;
  bool has_merges = false;

  // A part of the document; absent and null give nullopt.
  std::optional<Part> part(const char* key) const;
};

// Throws FileError, naming the place, for what is not such a file.
TokenizerFile read_tokenizer_file(const std::filesystem::path& path);

}  // namespace graft::text
