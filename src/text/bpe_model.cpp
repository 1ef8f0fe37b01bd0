// A linked list of symbols and a queue of the pairs that can merge, lowest
// rank first, then leftmost: the reference's order.
#include "text/bpe_model_internal.h"

#include <algorithm>
#include <functional>

#include "graft/base/error.h"
#include "text/byte_fallback_internal.h"
#include "text/tokenizer_file_internal.h"
#include "text/unicode_internal.h"

namespace graft::text {
namespace {

constexpr std::int32_t kNone = -1;
constexpr std::size_t kMergeBlock = 64;

struct Symbol {
  std::uint32_t id = 0;
  std::int32_t previous = kNone;
  std::int32_t next = kNone;
  bool is_merged_away = false;
};

struct Candidate {
  std::uint32_t rank = 0;
  std::int32_t left = 0;
  std::uint32_t id = 0;

  friend bool operator>(const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  }
};

}  // namespace

// Reused from piece to piece of one call.
struct BpeModel::Workspace {
  std::vector<Symbol> symbols;
  std::vector<Candidate> queue;  // a heap

  void add(std::uint32_t id) {
    const auto at = static_cast<std::int32_t>(symbols.size());
    if (at > 0) symbols.back().next = at;
    symbols.push_back({id, at - 1, kNone, false});
  }
  void push(const Candidate& candidate) {
    queue.push_back(candidate);
    std::push_heap(queue.begin(), queue.end(), std::greater<>());
  }
  Candidate pop() {
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    const Candidate out = queue.back();
    queue.pop_back();
    return out;
  }
};

BpeModel::BpeModel(TokenizerFile& file)
    : vocabulary_(std::move(file.vocabulary)), merges_(file.merges.size()) {
  const Part model = *file.part("model");
  label_ = model.label();
  if (!file.has_vocabulary) model.fail("no 'vocab' object");
  if (!file.has_merges) model.fail("no 'merges' array");
  read_options(model);
  read_merges(file);
}

void BpeModel::read_options(const Part& model) {
  if (model.flag("byte_fallback", false)) read_byte_tokens();
  if (model.has("dropout") && model.node()["dropout"] != 0.0) {
    model.unsupported("dropout");
  }
  ignore_merges_ = model.flag("ignore_merges", false);
  fuse_unk_ = model.flag("fuse_unk", false);
  unk_token_ = model.optional_text("unk_token").value_or("");
  prefix_ = model.optional_text("continuing_subword_prefix").value_or("");
  suffix_ = model.optional_text("end_of_word_suffix").value_or("");
  unk_id_ = vocabulary_.find(unk_token_);
}

void BpeModel::read_byte_tokens() {
  for (std::size_t byte = 0; byte < 256; ++byte) {
    byte_ids_.push_back(
        vocabulary_.find(fallback_token(static_cast<std::uint8_t>(byte))));
  }
}

// The bytes of a character, where every one has a token.
bool BpeModel::add_bytes(std::string_view character,
                         Workspace& workspace) const {
  const auto id_of = [this](char c) {
    return byte_ids_[static_cast<unsigned char>(c)];
  };
  const bool all = !byte_ids_.empty() &&
                   std::ranges::all_of(
                       character, [&](char c) { return id_of(c).has_value(); });
  if (!all) return false;
  for (const char c : character) workspace.add(*id_of(c));
  return true;
}

// The id of a merge's part or result.
std::uint32_t BpeModel::find_merged(std::string_view token,
                                    std::size_t rank) const {
  const auto id = vocabulary_.find(token);
  if (!id) {
    throw FileError(
        ErrorText{.operation = "tokenizer",
                  .what = label_ + ".merges[" + std::to_string(rank) + "]: '" +
                          std::string(token) + "' is not in the vocabulary"});
  }
  return *id;
}

// Entries go into the table in blocks, fetched ahead: it does not fit into the
// caches.
void BpeModel::read_merges(const TokenizerFile& file) {
  std::vector<MergeTable::Entry> block;
  std::string merged;
  std::uint32_t guess = 0;
  for (std::size_t rank = 0; rank < file.merges.size(); ++rank) {
    const MergeList::Pair pair = file.merges[rank];
    const std::uint32_t left = find_merged(pair.left, rank);
    const std::uint32_t right = find_merged(pair.right, rank);
    merged.assign(pair.left);
    merged += pair.right.substr(std::min(prefix_.size(), pair.right.size()));
    // Merged tokens mostly stand in rank order: the next id spares a search.
    if (vocabulary_.token(guess) != std::string_view(merged)) {
      guess = find_merged(merged, rank);
    }
    merges_.prefetch(left, right);
    block.push_back({left, right, {static_cast<std::uint32_t>(rank), guess}});
    ++guess;
    if (block.size() < kMergeBlock) continue;
    merges_.set(block);
    block.clear();
  }
  merges_.set(block);
}

void BpeModel::encode(const Pieces& pieces,
                      std::vector<std::int64_t>& ids) const {
  Workspace workspace;
  for (const ByteRange& range : pieces.ranges) {
    const std::string_view piece = pieces.piece(range);
    if (ignore_merges_) {
      if (const auto id = vocabulary_.find(piece)) {
        ids.push_back(*id);
        continue;
      }
    }
    encode_piece(piece, workspace);
    for (const Symbol& symbol : workspace.symbols) {
      if (!symbol.is_merged_away) ids.push_back(symbol.id);
    }
  }
}

void BpeModel::encode_piece(std::string_view piece,
                            Workspace& workspace) const {
  workspace.symbols.clear();
  workspace.queue.clear();
  add_characters(piece, workspace);
  const auto count = static_cast<std::int32_t>(workspace.symbols.size());
  for (std::int32_t at = 0; at < count; ++at) queue_pair(workspace, at);
  merge_symbols(workspace);
}

void BpeModel::add_characters(std::string_view piece,
                              Workspace& workspace) const {
  bool follows_unknown = false;
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t end = at + decode_char(piece, at).length;
    if (const auto id = find_character(piece, {at, end})) {
      workspace.add(*id);
      follows_unknown = false;
    } else if (add_bytes(piece.substr(at, end - at), workspace)) {
      follows_unknown = false;
    } else {
      add_unknown(workspace, follows_unknown);
    }
    at = end;
  }
}

std::optional<std::uint32_t> BpeModel::find_character(std::string_view piece,
                                                      ByteRange range) const {
  const std::string_view text =
      piece.substr(range.begin, range.end - range.begin);
  if (prefix_.empty() && suffix_.empty()) return vocabulary_.find(text);
  std::string decorated(text);
  if (range.begin > 0) decorated.insert(0, prefix_);
  if (range.end == piece.size()) decorated += suffix_;
  return vocabulary_.find(decorated);
}

void BpeModel::add_unknown(Workspace& workspace, bool& follows_unknown) const {
  if (unk_token_.empty()) return;
  if (!unk_id_) {
    throw FileError(ErrorText{.operation = "tokenizer",
                              .what = label_ + ": unk_token '" + unk_token_ +
                                      "' is needed and not in the vocabulary"});
  }
  if (!(fuse_unk_ && follows_unknown)) workspace.add(*unk_id_);
  follows_unknown = true;
}

void BpeModel::queue_pair(Workspace& workspace, std::int32_t left) const {
  const std::int32_t right = workspace.symbols[left].next;
  if (right == kNone) return;
  const Merge* merge =
      merges_.find(workspace.symbols[left].id, workspace.symbols[right].id);
  if (merge != nullptr) workspace.push({merge->rank, left, merge->id});
}

void BpeModel::merge_symbols(Workspace& workspace) const {
  std::vector<Symbol>& symbols = workspace.symbols;
  while (!workspace.queue.empty()) {
    const Candidate best = workspace.pop();
    Symbol& left = symbols[best.left];
    if (left.is_merged_away || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    const Merge* merge = merges_.find(left.id, right.id);
    if (merge == nullptr || merge->id != best.id) continue;  // out of date
    left.id = best.id;
    left.next = right.next;
    right.is_merged_away = true;
    if (left.next != kNone) symbols[left.next].previous = best.left;
    if (left.previous != kNone) queue_pair(workspace, left.previous);
    queue_pair(workspace, best.left);
  }
}

}  // namespace graft::text
