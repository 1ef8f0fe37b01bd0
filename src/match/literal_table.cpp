// Open addressing: module names are short, so the hash is most of the cost.
#include "match/literal_table_internal.h"

#include <algorithm>
#include <cstring>

namespace graft {
namespace {

constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15u;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * kFactor;
  return hash ^ (hash >> 32);
}

// Eight bytes at a time, the last ones overlapping.
std::uint64_t hash_of(std::string_view text) {
  const auto word = [&](std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, text.data() + at, size);
    return value;
  };
  std::uint64_t hash = text.size() * kFactor;
  if (text.size() < 8) {
    for (const char c : text) hash = hash * 131 + static_cast<unsigned char>(c);
    return mixed(hash, 0);
  }
  for (std::size_t at = 0; at + 8 < text.size(); at += 8) {
    hash = mixed(hash, word(at, 8));
  }
  return mixed(hash, word(text.size() - 8, 8));
}

}  // namespace

std::uint32_t LiteralTable::find(std::string_view text,
                                 std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at] != kNone;
       at = (at + 1) & mask) {
    const Row& row = rows_[slots_[at]];
    if (row.hash == hash && text_of(row) == text) return slots_[at];
  }
  return kNone;
}

void LiteralTable::place(std::uint32_t number) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = rows_[number].hash & mask;
  while (slots_[at] != kNone) at = (at + 1) & mask;
  slots_[at] = number;
}

void LiteralTable::add(std::string_view text, std::size_t index) {
  const std::uint64_t hash = hash_of(text);
  const std::uint32_t known = slots_.empty() ? kNone : find(text, hash);
  const auto number = static_cast<std::uint32_t>(rows_.size());
  if (known != kNone) {
    rows_.push_back({rows_[known].begin, text.size(), hash, index, kNone});
    rows_[rows_[known].last].same = number;
    rows_[known].last = number;
    return;
  }
  rows_.push_back({texts_.size(), text.size(), hash, index, kNone, number});
  texts_ += text;
  beginnings_.set(text.empty() ? 0 : static_cast<unsigned char>(text[0]));
  shortest_ = std::min(shortest_, text.size());
  longest_ = std::max(longest_, text.size());
  firsts_.push_back(number);
  if (firsts_.size() * 2 <= slots_.size()) return place(number);
  slots_.assign(std::max<std::size_t>(16, slots_.size() * 4), kNone);
  for (const std::uint32_t first : firsts_) place(first);
}

std::size_t LiteralTable::first(std::string_view text) const {
  if (is_foreign(text)) return kNoHit;
  const std::uint32_t number = find(text, hash_of(text));
  return number == kNone ? kNoHit : rows_[number].index;
}

void LiteralTable::collect(std::string_view text,
                           std::vector<std::size_t>& hits) const {
  if (is_foreign(text)) return;
  std::uint32_t number = find(text, hash_of(text));
  for (; number != kNone; number = rows_[number].same) {
    hits.push_back(rows_[number].index);
  }
}

}  // namespace graft
