// Byte-pair encoding. Entry point: BpeModel.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/merge_table_internal.h"
#include "text/model_internal.h"

namespace graft::text {

// The time for a piece of n characters is O(n log n).
class BpeModel : public Model {
 public:
  // Throws FileError: merges that name unknown tokens, unsupported options.
  explicit BpeModel(TokenizerFile& file);

  void encode(const Pieces& pieces,
              std::vector<std::int64_t>& ids) const override;
  const TokenTable& vocabulary() const override { return vocabulary_; }

 private:
  struct Workspace;

  void read_options(const Part& model);
  void read_byte_tokens();
  void read_merges(const TokenizerFile& file);
  std::uint32_t find_merged(std::string_view token, std::size_t rank) const;
  void encode_piece(std::string_view piece, Workspace& workspace) const;
  void add_characters(std::string_view piece, Workspace& workspace) const;
  bool add_bytes(std::string_view character, Workspace& workspace) const;
  void add_unknown(Workspace& workspace, bool& follows_unknown) const;
  void merge_symbols(Workspace& workspace) const;
  void queue_pair(Workspace& workspace, std::int32_t left) const;
  std::optional<std::uint32_t> find_character(std::string_view piece,
                                              ByteRange range) const;

  TokenTable vocabulary_;
  MergeTable merges_;
  bool ignore_merges_ = false;
  bool fuse_unk_ = false;
  // By byte, with byte_fallback; else empty.
  std::vector<std::optional<std::uint32_t>> byte_ids_;
  std::string unk_token_;  // empty: unknown characters are dropped
  std::optional<std::uint32_t> unk_id_;
  std::string prefix_;  // continuing_subword_prefix
  std::string suffix_;  // end_of_word_suffix
  std::string label_;
};

}  // namespace graft::text
