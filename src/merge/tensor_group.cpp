// Splits names at dots and puts the numbers of a group together. Entry point:
// group_tensors.
#include "merge/tensor_group_internal.h"

#include <algorithm>
#include <compare>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "graft/match/plan.h"

namespace graft {
namespace {

// One component of a name; numbers come first and in numeric order.
struct Component {
  bool is_word = false;
  std::int64_t number = 0;
  std::string word;
  auto operator<=>(const Component&) const = default;
};

using Name = std::vector<Component>;

Component parse_component(std::string_view text) {
  const bool is_number = !text.empty() && text.size() <= 9 &&
                         (text.size() == 1 || text.front() != '0') &&
                         std::all_of(text.begin(), text.end(), [](char c) {
                           return c >= '0' && c <= '9';
                         });
  if (!is_number) return {.is_word = true, .word = std::string(text)};
  return {.number = std::stoll(std::string(text))};
}

Name parse_name(std::string_view text) {
  Name out;
  for (;;) {
    const std::size_t dot = text.find('.');
    out.push_back(parse_component(text.substr(0, dot)));
    if (dot == text.npos) return out;
    text.remove_prefix(dot + 1);
  }
}

// Equal for tensors of one group: the words with their places, type, shape.
struct GroupKey {
  std::vector<std::string> words;  // empty where a number stands
  std::string dtype;
  std::vector<std::int64_t> shape;
  auto operator<=>(const GroupKey&) const = default;
};

GroupKey key_of(const Name& name, const ListedTensor& entry) {
  GroupKey key{.dtype = entry.dtype, .shape = entry.shape};
  for (const Component& part : name) key.words.push_back(part.word);
  return key;
}

struct Members {
  Name first;                                      // the least name
  std::vector<std::vector<std::int64_t>> numbers;  // by place
  TensorGroup group;
};

void add_member(Members& members, const Name& name, const ListedTensor& entry) {
  TensorGroup& group = members.group;
  group.dtype = entry.dtype;
  group.shape = entry.shape;
  ++group.count;
  group.parameters += static_cast<std::uint64_t>(entry.elements);
  group.bytes += entry.bytes;
  if (members.first.empty() || name < members.first) members.first = name;
  members.numbers.resize(name.size());
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!name[i].is_word) members.numbers[i].push_back(name[i].number);
  }
}

std::string component_text(const Component& part,
                           std::vector<std::int64_t> numbers) {
  if (part.is_word) return part.word;
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  if (numbers.size() == 1) return std::to_string(numbers.front());
  return "{" + compress_layers(std::move(numbers)) + "}";
}

std::string group_name(const Members& members) {
  std::string out;
  for (std::size_t i = 0; i < members.first.size(); ++i) {
    if (i > 0) out += '.';
    out += component_text(members.first[i], members.numbers[i]);
  }
  return out;
}

}  // namespace

std::vector<TensorGroup> group_tensors(const std::vector<ListedTensor>& entries,
                                       bool fold) {
  std::map<std::pair<GroupKey, Name>, Members> groups;
  for (const ListedTensor& entry : entries) {
    const Name name = parse_name(entry.name);
    add_member(groups[{key_of(name, entry), fold ? Name() : name}], name,
               entry);
  }
  std::vector<Members> sorted;
  for (auto& [key, members] : groups) {
    members.group.name = group_name(members);
    sorted.push_back(std::move(members));
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const Members& a, const Members& b) {
              return std::tie(a.first, a.group.name) <
                     std::tie(b.first, b.group.name);
            });
  std::vector<TensorGroup> out;
  for (Members& members : sorted) out.push_back(std::move(members.group));
  return out;
}

}  // namespace graft
