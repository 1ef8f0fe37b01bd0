// All cuts are collected, then sorted.
#include "text/sentencepiece_merges_internal.h"

#include <algorithm>
#include <cstddef>

#include "text/unicode_internal.h"

namespace graft::text {
namespace {

// SentencePiece makes no piece of more than 16 characters by itself; what a
// hostile file costs stays linear in its size.
constexpr std::size_t kLongestPiece = 128;

struct Cut {
  double score = 0;
  std::string_view left;
  std::string_view right;
};

void append_cuts(const ScoredPiece& piece, const TokenTable& vocabulary,
                 std::vector<Cut>& out) {
  if (piece.text.size() > kLongestPiece) return;
  for (std::size_t at = 0; at < piece.text.size();) {
    at += decode_char(piece.text, at).length;
    const std::string_view left = piece.text.substr(0, at);
    const std::string_view right = piece.text.substr(at);
    if (right.empty() || !vocabulary.find(left) || !vocabulary.find(right)) {
      continue;
    }
    out.push_back({piece.score, left, right});
  }
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

}  // namespace

void append_scored_merges(const std::vector<ScoredPiece>& pieces,
                          TokenizerFile& out) {
  std::vector<Cut> cuts;
  for (const ScoredPiece& piece : pieces) {
    append_cuts(piece, out.vocabulary, cuts);
  }
  std::ranges::stable_sort(cuts, [](const Cut& a, const Cut& b) {
    if (a.score != b.score) return a.score > b.score;
    const std::size_t left = characters(a.left);
    const std::size_t other = characters(b.left);
    if (left != other) return left > other;
    return characters(a.right) > characters(b.right);
  });
  for (const Cut& cut : cuts) out.merges.add(cut.left, cut.right);
  out.has_merges = true;
}

}  // namespace graft::text
