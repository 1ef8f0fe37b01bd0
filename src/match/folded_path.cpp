// Folds paths by their layer and expert numbers.
#include "match/folded_path_internal.h"

#include <algorithm>
#include <string>

#include "graft/match/plan.h"

namespace graft {
namespace {

// The first dotted component at or after `from` that is `number`; npos.
std::size_t find_number(std::string_view path, std::int64_t number,
                        std::size_t from) {
  const std::string text = std::to_string(number);
  for (std::size_t at = path.find(text, from); at != std::string_view::npos;
       at = path.find(text, at + 1)) {
    const std::size_t end = at + text.size();
    const bool starts = at == 0 || path[at - 1] == '.';
    if (starts && (end == path.size() || path[end] == '.')) return at;
  }
  return std::string_view::npos;
}

std::string number_word(const char* word,
                        const std::vector<std::int64_t>& numbers) {
  return std::string(word) + (numbers.size() == 1 ? " " : "s ") +
         compress_layers(numbers);
}

}  // namespace

bool is_path_number(std::string_view component) {
  return !component.empty() && component.size() <= 9 &&
         std::all_of(component.begin(), component.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

PathNumbers path_numbers(std::string_view path) {
  PathNumbers out;
  std::string_view before;
  while (true) {
    const std::size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    if (is_path_number(part)) {
      std::int64_t value = 0;
      for (const char c : part) value = value * 10 + (c - '0');
      if (before == "experts" || before == "local_experts") {
        out.expert = value;
      } else if (!out.layer) {
        out.layer = value;
      }
    }
    if (dot == std::string_view::npos) return out;
    before = part;
    path.remove_prefix(dot + 1);
  }
}

std::string fold_path(std::string_view path, std::optional<std::int64_t> layer,
                      std::optional<std::int64_t> expert) {
  std::string out(path);
  std::size_t from = 0;
  for (const auto& number : {layer, expert}) {
    if (!number) continue;
    const std::size_t at = find_number(out, *number, from);
    if (at == std::string::npos) continue;
    out.replace(at, std::to_string(*number).size(), "*");
    from = at + 1;
  }
  return out;
}

void LayerGrid::add(std::optional<std::int64_t> layer,
                    std::optional<std::int64_t> expert) {
  ++rows_[layer][expert];
}

std::vector<LayerBlock> LayerGrid::blocks() const {
  std::vector<LayerBlock> out;
  std::map<Row, std::size_t> index;
  for (const auto& [layer, row] : rows_) {
    // What is in no layer stays apart from what is in layers.
    if (!layer || !index.contains(row)) {
      if (layer) index.emplace(row, out.size());
      LayerBlock& block = out.emplace_back();
      for (const auto& [expert, count] : row) {
        if (expert) block.experts.push_back(*expert);
      }
    }
    LayerBlock& block = layer ? out[index.at(row)] : out.back();
    if (layer) block.layers.push_back(*layer);
    for (const auto& [expert, count] : row) block.count += count;
  }
  return out;
}

std::string block_text(const LayerBlock& block) {
  std::string out;
  if (!block.layers.empty()) out = number_word("layer", block.layers);
  if (block.experts.empty()) return out;
  if (!out.empty()) out += ", ";
  return out + number_word("expert", block.experts);
}

void FoldedPaths::add(const std::string& folded,
                      std::optional<std::int64_t> layer,
                      std::optional<std::int64_t> expert) {
  const auto [at, is_new] = index_.emplace(folded, paths_.size());
  if (is_new) paths_.emplace_back(folded, LayerGrid());
  paths_[at->second].second.add(layer, expert);
}

namespace {

// The 7 of "experts.linear_fc2.7", as tables call the matrix of one expert.
std::optional<std::int64_t> matrix_expert(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  const std::size_t at = path.rfind("experts.linear_fc", dot);
  if (at == path.npos || path.find('.', at + 8) != dot) return std::nullopt;
  const std::string_view number = path.substr(dot + 1);
  if (!is_path_number(number)) return std::nullopt;
  return std::stoll(std::string(number));
}

FoldedPaths fold_all(const std::vector<std::string>& paths) {
  FoldedPaths out;
  for (const std::string& path : paths) {
    PathNumbers numbers = path_numbers(path);
    if (!numbers.expert) numbers.expert = matrix_expert(path);
    out.add(fold_path(path, numbers.layer, numbers.expert), numbers.layer,
            numbers.expert);
  }
  return out;
}

}  // namespace

std::string folded_labels(const std::vector<std::string>& paths) {
  const FoldedPaths folded = fold_all(paths);
  std::vector<std::string> names;
  for (const auto& [path, grid] : folded.all()) names.push_back(path);
  const std::map<std::string, std::string> labels = short_labels(names);
  std::vector<std::pair<std::string, std::string>> groups;  // where, names
  for (const auto& [path, grid] : folded.all()) {
    for (const LayerBlock& block : grid.blocks()) {
      const std::string where = block_text(block);
      auto group =
          std::find_if(groups.begin(), groups.end(),
                       [&](const auto& known) { return known.first == where; });
      if (group == groups.end()) {
        group = groups.insert(groups.end(), {where, ""});
      }
      group->second += (group->second.empty() ? "" : ", ") + labels.at(path);
    }
  }
  std::string out;
  for (const auto& [where, text] : groups) {
    out += (out.empty() ? "" : "; ") + text;
    if (!where.empty()) out += " (" + where + ')';
  }
  return out;
}

std::string folded_names(const std::vector<std::string>& paths) {
  std::string out;
  const FoldedPaths folded = fold_all(paths);
  for (const auto& [path, grid] : folded.all()) {
    for (const LayerBlock& block : grid.blocks()) {
      if (!out.empty()) out += ", ";
      out += path;
      const std::string where = block_text(block);
      if (!where.empty()) out += " (" + where + ')';
    }
  }
  return out;
}

std::map<std::string, std::string> short_labels(
    const std::vector<std::string>& paths) {
  std::map<std::string, std::string> out;
  for (const std::string& path : paths) out[path];
  std::map<std::string, std::size_t> endings;
  for (const auto& [path, label] : out) {
    for (std::size_t dot = path.rfind('.'); dot != std::string::npos;
         dot = dot == 0 ? std::string::npos : path.rfind('.', dot - 1)) {
      ++endings[path.substr(dot + 1)];
    }
    ++endings[path];
  }
  for (auto& [path, label] : out) {
    std::size_t dot = path.rfind('.');
    // A label that starts with a star would not say of what.
    while (dot != std::string::npos &&
           (path[dot + 1] == '*' || endings[path.substr(dot + 1)] > 1)) {
      dot = dot == 0 ? std::string::npos : path.rfind('.', dot - 1);
    }
    label = dot == std::string::npos ? path : path.substr(dot + 1);
  }
  return out;
}

}  // namespace graft
