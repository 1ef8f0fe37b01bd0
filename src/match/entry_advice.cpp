// Guesses what an entry without a hit was meant to be: eaten stars, a missing
// leading star, another spelling, another framework's word, a typing error.
#include "match/entry_advice_internal.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "graft/base/edit_distance.h"
#include "match/component_path_internal.h"
#include "match/entry_set_internal.h"
#include "match/folded_path_internal.h"
#include "match/kind_term_internal.h"
#include "match/name_census_internal.h"
#include "match/text_table_internal.h"

namespace graft {
namespace {

constexpr std::size_t kMaxSuggestions = 3;
constexpr std::size_t kMaxTried = 9;           // names alike, for one entry
constexpr std::size_t kLongestAdvised = 1000;  // bytes: no name is longer
constexpr std::size_t kMaxAdvised = 16;        // entries; each tries every name

// Words of different programs for one layer; the model's own word is
// suggested for any other of its row.
const std::vector<std::vector<std::string>>& word_groups() {
  static const std::vector<std::vector<std::string>> groups{
      {"q_proj", "linear_q", "query", "query_proj", "wq", "to_q", "attn_q"},
      {"k_proj", "linear_k", "key", "key_proj", "wk", "to_k", "attn_k"},
      {"v_proj", "linear_v", "value", "value_proj", "wv", "to_v", "attn_v"},
      {"o_proj", "linear_proj", "out_proj", "dense", "wo", "attn_output"},
      {"linear_qkv", "qkv_proj", "query_key_value", "c_attn", "Wqkv",
       "attn_qkv"},
      {"gate_proj", "linear_fc1_gate", "w1", "ffn_gate", "ffn_gate_exps"},
      {"up_proj", "linear_fc1_up", "w3", "ffn_up", "ffn_up_exps"},
      {"linear_fc1", "gate_up_proj", "fc1", "c_fc", "dense_h_to_4h"},
      {"down_proj", "linear_fc2", "w2", "fc2", "dense_4h_to_h", "ffn_down",
       "ffn_down_exps"},
      {"router", "gate", "ffn_gate_inp"},
      {"lm_head", "output_layer", "embed_out", "output"}};
  return groups;
}

// Megatron's fused layers and what Hugging Face has in their place.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kSplit{
    {{"linear_qkv", "q_proj"},
     {"linear_qkv", "k_proj"},
     {"linear_qkv", "v_proj"},
     {"linear_fc1", "gate_proj"},
     {"linear_fc1", "up_proj"}}};

// Components above a layer: Megatron's, Hugging Face's.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2>
    kContainers{{{"decoder", "model"}, {"self_attention", "self_attn"}}};

bool is_megatron_word(std::string_view word) {
  return word.starts_with("linear_") || word == "output_layer";
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t dot = path.find('.');
    out.emplace_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return out;
    path.remove_prefix(dot + 1);
  }
}

std::string join_path(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (&part != &parts.front()) out += '.';
    out += part;
  }
  return out;
}

// "decoder.layers.0.self_attention." -> "model.layers.0.self_attn.", and back.
std::string other_world(const std::string& path) {
  std::vector<std::string> parts = split_path(path);
  for (std::string& part : parts) {
    for (const auto& [megatron, hf] : kContainers) {
      if (part == megatron) {
        part = hf;
      } else if (part == hf) {
        part = megatron;
      }
    }
  }
  return join_path(parts);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return out;
}

// ".layers.0..linear_qkv" -> "*.layers.0.*.linear_qkv": what a web page that
// eats stars was copied from.
std::string with_stars(const std::string& entry) {
  std::string out;
  for (std::size_t i = 0; i < entry.size(); ++i) {
    const bool starts_empty = i == 0 || entry[i - 1] == '.';
    if (entry[i] == '.' && starts_empty) out += '*';
    out += entry[i];
  }
  if (entry.ends_with('.')) out += '*';
  return out;
}

std::string without_affixes(std::string entry) {
  constexpr std::array<std::string_view, 3> kPrefixes{"base_model.model.",
                                                      "module.", "_orig_mod."};
  constexpr std::array<std::string_view, 2> kSuffixes{".weight", ".bias"};
  for (const std::string_view prefix : kPrefixes) {
    if (entry.starts_with(prefix)) entry.erase(0, prefix.size());
  }
  for (const std::string_view suffix : kSuffixes) {
    if (entry.ends_with(suffix)) entry.resize(entry.size() - suffix.size());
  }
  return entry;
}

// The length of "7", "{3..5}" or "{3..}" that is a whole component; else 0.
std::size_t number_length(std::string_view text) {
  std::size_t at = 0;
  const auto skip_digits = [&] {
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  };
  const bool braces = text.starts_with('{');
  if (braces) ++at;
  const std::size_t begin = at;
  skip_digits();
  if (at == begin) return 0;
  if (braces) {
    if (text.substr(at, 2) != "..") return 0;
    at += 2;
    skip_digits();
    if (at == text.size() || text[at++] != '}') return 0;
  }
  return at == text.size() || text[at] == '.' ? at : 0;
}

// "*.layers.{40..}.*" -> "*.layers.{0..31}.*": the numbers that there are.
std::string with_known_numbers(const std::string& entry,
                               const NameCensus& census) {
  std::string out;
  for (std::size_t at = 0; at < entry.size();) {
    const bool starts = at == 0 || entry[at - 1] == '.';
    const std::size_t length =
        starts ? number_length(std::string_view(entry).substr(at)) : 0;
    const bool expert = out.ends_with("experts.");
    const auto& last = expert ? census.last_expert() : census.last_layer();
    if (length == 0 || !last) {
      out += entry[at++];
      continue;
    }
    out += "{0.." + std::to_string(*last) + "}";
    at += length;
  }
  return out;
}

class Advice {
 public:
  Advice(const NameCensus& census, PatternSyntax syntax, EntryReport& report)
      : census_(census), syntax_(syntax), report_(report) {
    const auto split = split_kind_entry(report.entry, syntax);
    entry_ = split ? std::string(split->pattern) : report.entry;
    if (split) prefix_ = "kind=" + std::string(split->kind) + ":";
  }

  void fill() {
    if (entry_.size() > kLongestAdvised) return;
    fill_refusal();
    if (!report_.refusal.empty()) return try_inside();
    try_rewritten();
    if (report_.suggestions.empty() && syntax_ == PatternSyntax::kGlob) {
      try_entry(with_known_numbers(entry_, census_));
    }
    if (report_.suggestions.empty()) {
      try_components();
      try_related();
    }
    if (report_.suggestions.empty() && !prefix_.empty()) try_other_kinds();
    find_world();
  }

 private:
  // What a container that the entry names has in it.
  void try_inside() {
    const bool has_stars = syntax_ != PatternSyntax::kPeft;
    if (!has_stars || !is_literal_entry(entry_, syntax_)) return;
    if (!try_entry(entry_ + ".*")) try_entry("*." + entry_ + ".*");
  }

  // The entry with what was lost put back, or what is too much taken away.
  void try_rewritten() {
    const std::string& entry = entry_;
    if (syntax_ != PatternSyntax::kPeft) {
      try_entry(with_stars(entry));
      try_entry("*." + entry);
      try_entry(entry + ".*");
      try_entry("*." + entry + ".*");
      try_entry("*." + without_affixes(entry));
    }
    try_entry(without_affixes(entry));
  }

  void try_related() {
    const std::string last(last_component(entry_));
    const std::string path = entry_.substr(0, entry_.size() - last.size());
    for (const std::string& name : related(last)) {
      if (path.empty()) {
        try_entry(name);
      } else if (!try_entry(path + name) &&
                 !try_entry(other_world(path) + name)) {
        try_entry(name);
      }
    }
  }

  // Every component that the model does not have becomes the nearest one.
  void try_components() {
    std::vector<std::string> parts = split_path(entry_);
    if (parts.size() == 1) return;
    const std::vector<std::string>& known = census_.components();
    for (std::string& part : parts) {
      const bool is_known =
          std::find(known.begin(), known.end(), part) != known.end();
      if (is_known || !is_literal_entry(part, syntax_)) continue;
      const auto near = nearest_names(part, known, 1);
      if (near.empty() || is_path_number(part)) return;
      part = near.front();
    }
    try_entry(join_path(parts));
  }

  // What the pattern hits is of another kind.
  void try_other_kinds() {
    for (const std::string& kind : kind_names()) {
      if (kind == "linear") continue;
      prefix_ = "kind=" + kind + (entry_ == "*" ? "" : ":");
      try_entry(entry_ == "*" ? "" : entry_);
    }
  }

  // A word of one world whose suggestions are words of the other.
  void find_world() {
    if (report_.suggestions.empty()) return;
    const std::string own(last_component(entry_));
    const std::string other(last_component(report_.suggestions.front()));
    if (!is_word(own) || !is_word(other)) return;
    if (is_megatron_word(own) == is_megatron_word(other)) return;
    report_.suggestion_world =
        is_megatron_word(other) ? "Megatron" : "Hugging Face";
  }

  static bool is_word(const std::string& name) {
    return std::ranges::any_of(word_groups(), [&](const auto& group) {
      return std::find(group.begin(), group.end(), name) != group.end();
    });
  }

  void fill_refusal() {
    std::string text;
    for (const auto& [kind, count] : census_.other_kinds(report_.entry)) {
      text += text.empty() ? "it names " : " and ";
      text += with_separators(count) + (count == 1 ? " module" : " modules") +
              " of kind " + std::string(layer_kind_name(kind));
    }
    report_.refusal = std::move(text);
  }

  // Names of the model that `word` could stand for, likeliest first.
  std::vector<std::string> related(const std::string& word) const {
    std::vector<std::string> out;
    for (const std::string& name : census_.last_names()) {
      if (lower(name) == lower(word)) out.push_back(name);
    }
    for (const auto& group : word_groups()) {
      if (std::find(group.begin(), group.end(), word) == group.end()) continue;
      std::copy_if(group.begin(), group.end(), std::back_inserter(out),
                   [&](const std::string& name) {
                     return name != word && census_.count(name) > 0;
                   });
    }
    for (const auto& [fused, part] : kSplit) {
      const std::string name(part);
      if (fused == word && census_.count(name) > 0) out.push_back(name);
    }
    if (!out.empty()) return out;
    return nearest_names(word, census_.last_names(), kMaxTried);
  }

  bool try_entry(const std::string& pattern) {
    const std::string candidate = prefix_ + pattern;
    const auto& known = report_.suggestions;
    if (known.size() == kMaxSuggestions || candidate == report_.entry ||
        std::find(known.begin(), known.end(), candidate) != known.end()) {
      return false;
    }
    const std::size_t hits = census_.hits(candidate);
    if (hits == 0) return false;
    report_.suggestions.push_back(candidate);
    report_.suggestion_counts.push_back(hits);
    return true;
  }

  const NameCensus& census_;
  PatternSyntax syntax_;
  EntryReport& report_;
  std::string entry_;   // without its kind
  std::string prefix_;  // "kind=expert:", or empty
};

}  // namespace

void advise_unmatched(const Inventory& inventory,
                      const std::vector<Rule>& rules, Plan& plan) {
  std::map<PatternSyntax, NameCensus> censuses;
  std::size_t advised = 0;
  for (EntryReport& report : plan.entries) {
    const bool hit = !report.sites.empty() || report.shadowed > 0 ||
                     report.excluded > 0 || report.held > 0;
    if (hit || is_all_linear(report.entry)) continue;
    if (++advised > kMaxAdvised) break;
    const PatternSyntax syntax = rules[report.rule].syntax;
    const auto census = censuses.try_emplace(syntax, inventory, syntax).first;
    Advice(census->second, syntax, report).fill();
  }
}

}  // namespace graft
