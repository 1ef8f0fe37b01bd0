// Endings as lists of parts, each a sorted set of alternatives.
#include "formats/hf/key_merging_internal.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "formats/hf/adapter_names_internal.h"

namespace graft {
namespace {

// Numbers by value: shorter first.
struct NumberLess {
  bool operator()(const std::string& a, const std::string& b) const {
    return std::pair(a.size(), a) < std::pair(b.size(), b);
  }
};
using Part = std::set<std::string, NumberLess>;
using Parts = std::vector<Part>;

bool is_number(const Part& part) {
  const std::string& text = *part.begin();
  return !text.empty() &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

Parts parts_of(const std::string& tail) {
  Parts out;
  std::size_t start = 0;
  for (std::size_t dot = tail.find('.'); dot != std::string::npos;
       dot = tail.find('.', start)) {
    out.push_back({tail.substr(start, dot - start)});
    start = dot + 1;
  }
  out.push_back({tail.substr(start)});
  return out;
}

std::string text_of(const Part& part) {
  std::string out;
  for (const std::string& text : part) {
    if (!out.empty()) out += '|';
    out += escaped_pattern(text);
  }
  return part.size() > 1 ? '(' + out + ')' : out;
}

std::string text_of(const Parts& parts) {
  std::string out;
  for (const Part& part : parts) {
    if (!out.empty()) out += "\\.";
    out += text_of(part);
  }
  return out;
}

// Where the n-th number stands, or the number of parts.
std::size_t number_at(const Parts& parts, std::size_t n) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (is_number(parts[i]) && n-- == 0) return i;
  }
  return parts.size();
}

// Joins those that are equal but for the part at position(parts).
template <typename Position>
std::vector<Parts> join(std::vector<Parts> all, Position position) {
  std::map<std::pair<std::size_t, std::string>, Parts> joined;
  std::vector<Parts> out;
  for (Parts& parts : all) {
    const std::size_t at = position(parts);
    if (at >= parts.size()) {
      out.push_back(std::move(parts));
      continue;
    }
    Part own = std::exchange(parts[at], Part{});
    const auto key = std::pair(at, text_of(parts));
    const auto place = joined.try_emplace(key, std::move(parts)).first;
    place->second[at].merge(own);
  }
  for (auto& [key, parts] : joined) out.push_back(std::move(parts));
  return out;
}

}  // namespace

std::vector<std::string> merge_tails(std::vector<std::string> tails) {
  const std::set<std::string> unique(tails.begin(), tails.end());
  std::vector<Parts> all;
  for (const std::string& tail : unique) all.push_back(parts_of(tail));
  for (const std::size_t n : {0, 1}) {
    all = join(std::move(all), [n](const Parts& p) { return number_at(p, n); });
  }
  // Plain names ("q_proj") stay apart: they read better.
  all = join(std::move(all), [](const Parts& parts) {
    return parts.size() > 1 ? parts.size() - 1 : 1;
  });
  std::vector<std::string> out;
  for (const Parts& parts : all) out.push_back(text_of(parts));
  return out;
}

}  // namespace graft
