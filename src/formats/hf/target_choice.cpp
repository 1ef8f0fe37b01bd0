// Endings that only the wanted modules have, by last component; names that
// share no last component cannot meet.
#include "formats/hf/target_choice_internal.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "formats/hf/adapter_names_internal.h"
#include "formats/hf/key_merging_internal.h"
#include "match/peft_targets_internal.h"

namespace graft {
namespace {

using Views = std::vector<std::string_view>;
using ViewSet = std::unordered_set<std::string_view>;
using Groups = std::map<std::string_view, Views>;

std::string_view last_of(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

// Calls `visit` with "c", "b.c", "a.b.c" of "a.b.c" until it says true.
template <typename Visit>
bool any_ending(std::string_view path, Visit visit) {
  std::size_t dot = path.rfind('.');
  while (dot != std::string_view::npos) {
    if (visit(path.substr(dot + 1))) return true;
    dot = dot == 0 ? std::string_view::npos : path.rfind('.', dot - 1);
  }
  return visit(path);
}

ViewSet endings_of(const Views& paths) {
  ViewSet out;
  for (const std::string_view path : paths) {
    any_ending(path, [&](std::string_view ending) {
      out.insert(ending);
      return false;
    });
  }
  return out;
}

// The shortest ending of each member that is in neither set, in order and each
// once; nothing when a member has none.
std::optional<std::vector<std::string>> shortest_endings(const Views& members,
                                                         const ViewSet& taken,
                                                         const ViewSet& paths) {
  std::set<std::string_view> chosen;
  for (const std::string_view member : members) {
    const bool found = any_ending(member, [&](std::string_view ending) {
      if (taken.contains(ending) || paths.contains(ending)) return false;
      chosen.insert(ending);
      return true;
    });
    if (!found) return std::nullopt;
  }
  return std::vector<std::string>(chosen.begin(), chosen.end());
}

Groups by_last_name(const Views& paths) {
  Groups out;
  for (const std::string_view path : paths) out[last_of(path)].push_back(path);
  return out;
}

bool is_plain_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

// "layers" of "model.layers.3.mlp": what stands before the first number that
// has something after it.
std::string_view stack_name(std::string_view path) {
  std::string_view before;
  while (true) {
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) return {};
    const std::string_view part = path.substr(0, dot);
    const bool number = part.find_first_not_of("0123456789") == part.npos;
    if (number && !part.empty() && !before.empty()) return before;
    before = part;
    path.remove_prefix(dot + 1);
  }
}

// Nothing for a number too large for any layer.
std::optional<std::int64_t> number_or_none(std::string_view digits) {
  std::int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value);
  if (read.ec != std::errc()) return std::nullopt;
  return value;
}

// Which modules a list of targets reaches: all of them, or those of layers.
class LayerFilter {
 public:
  LayerFilter() = default;
  LayerFilter(std::string_view stack, std::set<std::int64_t> layers)
      : stack_(stack), layers_(std::move(layers)) {}

  bool is_on() const { return !stack_.empty(); }
  const std::set<std::int64_t>& layers() const { return layers_; }
  std::string_view stack() const { return stack_; }

  bool passes(std::string_view path) const {
    if (!is_on()) return true;
    const auto layer = layer_of(path, stack_);
    return layer && layers_.contains(*layer);
  }

  // PEFT's reading with a layers_pattern: the first "stack.N." of the path.
  static std::optional<std::int64_t> layer_of(std::string_view path,
                                              std::string_view stack) {
    std::string_view before;
    for (std::size_t dot = path.find('.'); dot != std::string_view::npos;
         dot = path.find('.')) {
      const std::string_view part = path.substr(0, dot);
      const bool number =
          !part.empty() && part.find_first_not_of("0123456789") == part.npos;
      if (number && before == stack) return number_or_none(part);
      before = part;
      path.remove_prefix(dot + 1);
    }
    return std::nullopt;
  }

 private:
  std::string_view stack_;
  std::set<std::int64_t> layers_;
};

// One last name: its modules, and the others that an entry could hit.
struct Group {
  std::string_view name;
  Views wanted;       // reached through the filter
  Views unreachable;  // wanted, but only their full path passes the filter
  Views others;       // reached, not wanted
};

struct Entries {
  std::vector<std::string> targets;
  std::vector<std::string> excludes;

  std::size_t size() const { return targets.size() + excludes.size(); }
  void add(Entries more) {
    std::move(more.targets.begin(), more.targets.end(),
              std::back_inserter(targets));
    std::move(more.excludes.begin(), more.excludes.end(),
              std::back_inserter(excludes));
  }
};

class TargetChooser {
 public:
  TargetChooser(const std::vector<std::string>& adapted,
                const std::vector<std::string>& names)
      : adapted_(adapted.begin(), adapted.end()) {
    const ViewSet wanted(adapted_.begin(), adapted_.end());
    ViewSet last_names;
    for (const std::string_view path : adapted_) {
      last_names.insert(last_of(path));
    }
    for (const std::string& name : names) {
      const bool near = last_names.contains(last_of(name));
      if (near && !wanted.contains(name)) others_.emplace_back(name);
    }
    other_paths_ = ViewSet(others_.begin(), others_.end());
  }

  TargetChoice choose() const {
    const std::optional<Entries> plain = entries_for(LayerFilter());
    const std::optional<LayerFilter> filter = layer_filter();
    const std::optional<Entries> limited =
        filter ? entries_for(*filter) : std::nullopt;
    const bool shorter =
        limited && limited->targets.size() < kCondensedFrom &&
        (!plain || limited->size() + filter->layers().size() < plain->size());
    if (shorter) return make_choice(*limited, *filter);
    if (plain) return make_choice(*plain, LayerFilter());
    return make_regex();
  }

 private:
  // The layers of the adapted modules, when all names can be read as PEFT
  // reads them.
  std::optional<LayerFilter> layer_filter() const {
    const auto is_plain = [](std::string_view text) {
      return is_plain_text(text);
    };
    if (!std::all_of(adapted_.begin(), adapted_.end(), is_plain) ||
        !std::all_of(others_.begin(), others_.end(), is_plain)) {
      return std::nullopt;
    }
    std::string_view stack;
    for (const std::string_view path : adapted_) {
      stack = stack_name(path);
      if (!stack.empty()) break;
    }
    const bool word = stack.find_first_of("-") == std::string_view::npos;
    if (stack.empty() || !word) return std::nullopt;
    std::set<std::int64_t> layers;
    for (const std::string_view path : adapted_) {
      if (const auto layer = LayerFilter::layer_of(path, stack)) {
        layers.insert(*layer);
      }
    }
    if (layers.empty()) return std::nullopt;
    return LayerFilter(stack, std::move(layers));
  }

  std::vector<Group> groups_of(const LayerFilter& filter) const {
    std::vector<Group> out;
    const Groups others = by_last_name(others_);
    for (const auto& [name, paths] : by_last_name(adapted_)) {
      Group group{name, {}, {}, {}};
      for (const std::string_view path : paths) {
        (filter.passes(path) ? group.wanted : group.unreachable)
            .push_back(path);
      }
      const auto found = others.find(name);
      if (found != others.end()) {
        for (const std::string_view path : found->second) {
          // An entry that is a full path passes every filter.
          if (filter.passes(path) || path == name) group.others.push_back(path);
        }
      }
      out.push_back(std::move(group));
    }
    return out;
  }

  std::optional<Entries> entries_for(const LayerFilter& filter) const {
    Entries out;
    for (const Group& group : groups_of(filter)) {
      const ViewSet taken = endings_of(group.others);
      for (const std::string_view path : group.unreachable) {
        if (taken.contains(path)) return std::nullopt;
        out.targets.emplace_back(path);
      }
      if (group.wanted.empty()) continue;
      std::optional<Entries> tails = as_tails(group, taken, filter);
      std::optional<Entries> rest = as_name_and_excludes(group);
      if (rest && (!tails || rest->size() < tails->size())) {
        out.add(*std::move(rest));
      } else if (tails) {
        out.add(*std::move(tails));
      } else {
        return std::nullopt;
      }
    }
    return out;
  }

  std::optional<Entries> as_tails(const Group& group, const ViewSet& taken,
                                  const LayerFilter& filter) const {
    const ViewSet none;
    auto tails = shortest_endings(group.wanted, taken,
                                  filter.is_on() ? other_paths_ : none);
    if (!tails) return std::nullopt;
    return Entries{*std::move(tails), {}};
  }

  static std::optional<Entries> as_name_and_excludes(const Group& group) {
    Views all = group.wanted;
    all.insert(all.end(), group.unreachable.begin(), group.unreachable.end());
    auto excludes = shortest_endings(group.others, endings_of(all), {});
    if (!excludes) return std::nullopt;
    return Entries{{std::string(group.name)}, *std::move(excludes)};
  }

  static TargetChoice make_choice(const Entries& entries,
                                  const LayerFilter& filter) {
    TargetChoice out{entries.targets, false, entries.excludes, {}, {}};
    std::sort(out.targets.begin(), out.targets.end());
    std::sort(out.excludes.begin(), out.excludes.end());
    out.layers.assign(filter.layers().begin(), filter.layers().end());
    out.layers_pattern = filter.stack();
    return out;
  }

  // Where a full path is also the ending of another module, no list will do.
  TargetChoice make_regex() const {
    std::set<std::string> sorted;
    for (const std::string_view path : adapted_) {
      sorted.insert(escaped_pattern(path));
    }
    std::string all;
    for (const std::string& path : sorted) {
      if (!all.empty()) all += '|';
      all += path;
    }
    return {{std::move(all)}, true, {}, {}, {}};
  }

  Views adapted_;
  Views others_;  // that share a last name with an adapted module
  ViewSet other_paths_;
};

}  // namespace

TargetChoice choose_targets(const std::vector<std::string>& adapted,
                            const std::vector<std::string>& names) {
  return TargetChooser(adapted, names).choose();
}

std::vector<std::string> choose_endings(const std::vector<std::string>& adapted,
                                        const std::vector<std::string>& names) {
  const ViewSet wanted(adapted.begin(), adapted.end());
  Views others;
  for (const std::string& name : names) {
    if (!wanted.contains(name)) others.emplace_back(name);
  }
  const ViewSet taken = endings_of(others);
  std::set<std::string> out;
  for (const std::string& path : adapted) {
    auto ending = shortest_endings({path}, taken, {});
    out.insert(ending ? std::move(ending->front()) : path);
  }
  return {out.begin(), out.end()};
}

std::vector<std::string> choose_keys(const std::vector<std::string>& members,
                                     const std::vector<std::string>& rivals) {
  const Groups rival_groups = by_last_name(Views(rivals.begin(), rivals.end()));
  std::vector<std::string> tails;
  std::vector<std::string> keys;
  for (const auto& [name, paths] :
       by_last_name(Views(members.begin(), members.end()))) {
    const auto found = rival_groups.find(name);
    const ViewSet taken =
        found == rival_groups.end() ? ViewSet() : endings_of(found->second);
    for (const std::string_view path : paths) {
      auto ending = shortest_endings({path}, taken, {});
      if (ending) {
        tails.push_back(std::move(ending->front()));
      } else {
        keys.push_back(exact_pattern(path));
      }
    }
  }
  std::vector<std::string> merged = merge_tails(std::move(tails));
  keys.insert(keys.end(), merged.begin(), merged.end());
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace graft
