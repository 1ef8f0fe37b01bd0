// Turns YAML and settings into assignments of known keys. Entry points:
// flatten_yaml, flatten_setting, entry_places,
// parse_rules.
#include "recipe/assignment_internal.h"

#include <algorithm>
#include <set>
#include <utility>

#include "graft/base/edit_distance.h"
#include "graft/base/error.h"
#include "recipe/option_row_internal.h"

namespace graft::recipe {
namespace {

constexpr std::size_t kLargestRecipe = 1 << 20;  // bytes
constexpr int kDeepestMapping = 3;
constexpr std::size_t kMostProblems = 20;

bool is_key(std::string_view key) {
  return std::ranges::any_of(
      recipe_options(), [key](const OptionInfo& o) { return o.key == key; });
}

bool is_section(std::string_view key) {
  const std::string start = std::string(key) + ".";
  return std::ranges::any_of(recipe_options(), [&](const OptionInfo& o) {
    return o.key.starts_with(start);
  });
}

std::string line_place(const std::string& name, const YAML::Mark& mark) {
  return name + ":" + std::to_string(mark.line + 1);
}

// Walks one mapping and collects its keys.
class Flattener {
 public:
  Flattener(Problems& problems, std::vector<Assignment>& out)
      : problems_(problems), out_(out) {}

  // `name` empty: `place` stands for every line.
  void walk(const YAML::Node& map, const std::string& prefix,
            const Assignment& origin, int depth) {
    std::set<std::string> seen;
    for (const auto& entry : map) {
      const std::string place =
          origin.from_file ? line_place(origin.place, entry.first.Mark())
                           : origin.place;
      if (!entry.first.IsScalar()) {
        problems_.add(place, "a key must be a word");
        continue;
      }
      const std::string key = prefix + entry.first.Scalar();
      if (!seen.insert(key).second) {
        problems_.add(place, "key '" + key + "' is given twice");
        continue;
      }
      add(Assignment{key, entry.second, place, origin.from_file}, origin,
          depth);
    }
  }

 private:
  void add(Assignment value, const Assignment& origin, int depth) {
    if (is_key(value.key)) {
      out_.push_back(std::move(value));
    } else if (!is_section(value.key)) {
      problems_.add(value.place, unknown_key_text(value.key));
    } else if (value.node.IsMap() && depth < kDeepestMapping) {
      walk(value.node, value.key + ".", origin, depth + 1);
    } else if (!value.node.IsNull()) {
      problems_.add(value.place,
                    "'" + value.key + "' must be a mapping of keys");
    }
  }

  Problems& problems_;
  std::vector<Assignment>& out_;
};

// "a,b{c,d}" -> ["a", "b{c,d}"]: commas inside braces and brackets belong to
// the pattern.
YAML::Node split_list(std::string_view text) {
  YAML::Node list(YAML::NodeType::Sequence);
  std::string item;
  int depth = 0;
  for (const char c : text) {
    depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    if (c == ',' && depth == 0) {
      list.push_back(std::exchange(item, {}));
    } else {
      item += c;
    }
  }
  list.push_back(item);
  return list;
}

// One item stands alone: the text of a list that may be one.
YAML::Node text_or_list(std::string_view text) {
  const YAML::Node list = split_list(text);
  return list.size() == 1 ? list[0] : list;
}

// May be typed a,b,c.
bool takes_list(std::string_view key) {
  static constexpr std::string_view kKeys[] = {"adapter.targets",
                                               "adapter.exclude",
                                               "adapter.layers_to_transform",
                                               "adapter.layers_pattern",
                                               "adapter.target_parameters",
                                               "adapter.modules_to_save",
                                               "training.betas"};
  return std::ranges::find(kKeys, key) != std::end(kKeys);
}

YAML::Node setting_node(const Setting& setting) {
  if (takes_list(setting.key) && !setting.value.starts_with('[')) {
    return setting.key == "adapter.target_parameters"
               ? split_list(setting.value)
               : text_or_list(setting.value);
  }
  // Texts and paths are taken as typed: "a: b" is a file name here.
  if (!setting.value.starts_with('[') && !setting.value.starts_with('{')) {
    return YAML::Node(setting.value);
  }
  return YAML::Load(setting.value);
}

// Undefined without any.
YAML::Node value_of(const YAML::Node& rule, std::string_view key) {
  for (const auto& entry : rule) {
    if (!rule.IsMap() || !entry.first.IsScalar()) continue;
    if (entry.first.Scalar() == key) return entry.second;
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

using RuleRow = OptionRow<AdapterSelection>;

const RuleRow* rule_row_or_null(const std::string& key) {
  if (adapt_row().info.key == key) return &adapt_row();
  const auto row = std::ranges::find_if(
      selection_rows(), [&](const auto& r) { return r.info.key == key; });
  return row == selection_rows().end() ? nullptr : &*row;
}

// A key that a person wrote and that nothing reads would mislead.
void check_adapt(const AdapterSelection& rule,
                 const std::set<std::string>& seen, const std::string& place,
                 Problems& problems) {
  if (rule.adapt) return;
  for (const std::string& key : seen) {
    if (!is_setting_key(key)) continue;
    problems.add(place, "in a rule: " + key + " has no meaning beside " +
                            "adapt: false");
  }
}

// Keys that syntax peft alone has are taken over by rules of that syntax.
void check_peft_keys(AdapterSelection& rule, const std::set<std::string>& seen,
                     const std::string& place, Problems& problems) {
  if (rule.syntax == PatternSyntax::kPeft) return;
  rule.peft = {};
  rule.target_parameters = {};
  for (const std::string& key : seen) {
    if (!is_peft_key(key)) continue;
    problems.add(place, "in a rule: " + peft_key_problem(key, rule.syntax));
  }
}

void parse_rule(const YAML::Node& node, const std::string& place,
                AdapterSelection& rule, Problems& problems) {
  if (!node.IsMap()) {
    problems.add(place, "a rule must be a mapping with targets");
    return;
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    const RuleRow* row = rule_row_or_null(key);
    if (!row) {
      problems.add(place, "in a rule: " + unknown_key_text("adapter." + key));
      continue;
    }
    if (!seen.insert(key).second) {
      problems.add(place, "key '" + key + "' is given twice in a rule");
    }
    try {
      row->parse(rule, entry.second);
    } catch (const ValueProblem& problem) {
      problems.add(place, "in a rule: " + key + ": " + problem.text);
    }
  }
  check_adapt(rule, seen, place, problems);
  check_peft_keys(rule, seen, place, problems);
  if (!seen.contains("targets") && !seen.contains("target_parameters")) {
    problems.add(place, "a rule needs targets");
  }
}

}  // namespace

void Problems::add(const std::string& place, const std::string& what) {
  list_.push_back(place + ": " + what);
}

void Problems::throw_if_any() const {
  if (list_.empty()) return;
  if (list_.size() == 1) throw ConfigError("recipe: " + list_.front());
  std::string text = "recipe: " + std::to_string(list_.size()) + " problems:";
  for (std::size_t i = 0; i < std::min(list_.size(), kMostProblems); ++i) {
    text += "\n  " + list_[i];
  }
  if (list_.size() > kMostProblems) text += "\n  ...";
  throw ConfigError(text);
}

std::string unknown_key_text(const std::string& key) {
  const std::string word = key.substr(key.rfind('.') + 1);
  std::string out = "unknown key '" + key + "'";
  if (const std::string_view hint = foreign_word_hint(word); !hint.empty()) {
    return out + ": " + std::string(hint);
  }
  std::vector<std::string> words;
  for (const OptionInfo& option : recipe_options()) {
    const std::string own(option.key.substr(option.key.rfind('.') + 1));
    if (own == word) return out + ": graft calls it " + std::string(option.key);
    words.push_back(own);
  }
  const auto near = nearest_names(word, words, 1);
  if (near.empty()) return out + "; docs/recipe.md lists the keys";
  const auto at = std::ranges::find(words, near.front()) - words.begin();
  return out + ". Nearest: " + std::string(recipe_options()[at].key);
}

std::vector<Assignment> flatten_yaml(std::string_view yaml,
                                     const std::string& name,
                                     Problems& problems) {
  std::vector<Assignment> out;
  if (yaml.size() > kLargestRecipe) {
    problems.add(name, "larger than 1 MiB: this is no recipe");
    return out;
  }
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (root.IsMap()) {
      Flattener(problems, out)
          .walk(root, "", Assignment{.place = name, .from_file = true}, 0);
    } else {
      problems.add(name, "a recipe is a mapping of keys (model: ..., ...)");
    }
  } catch (const YAML::Exception& error) {
    std::string hint;
    if (error.msg.find("anchor") != std::string::npos) {
      hint = ". A pattern that starts with * needs quotes";
    }
    problems.add(line_place(name, error.mark),
                 "is no valid YAML: " + error.msg + hint);
  }
  return out;
}

std::vector<Assignment> flatten_setting(const Setting& setting,
                                        Problems& problems) {
  std::vector<Assignment> out;
  try {
    const YAML::Node node = setting_node(setting);
    if (is_key(setting.key)) {
      out.push_back({setting.key, node, setting.place, false});
    } else if (is_section(setting.key) && node.IsMap()) {
      Flattener(problems, out)
          .walk(node, setting.key + ".", Assignment{.place = setting.place}, 1);
    } else {
      problems.add(setting.place, unknown_key_text(setting.key));
    }
  } catch (const YAML::Exception& error) {
    problems.add(setting.place, setting.key + ": no valid YAML: " + error.msg);
  }
  return out;
}

std::vector<std::string> entry_places(const Assignment& value) {
  std::vector<std::string> out;
  const std::string file = value.place.substr(0, value.place.rfind(':'));
  const auto add = [&](const YAML::Node& node) {
    out.push_back(value.from_file ? line_place(file, node.Mark())
                                  : value.place);
  };
  if (value.node.IsSequence()) {
    for (const YAML::Node& entry : value.node) add(entry);
  } else {
    add(value.node);
  }
  return out;
}

std::vector<AdapterSelection> parse_rules(const Assignment& rules,
                                          const AdapterSelection& base,
                                          Problems& problems) {
  std::vector<AdapterSelection> out;
  if (!rules.node.IsSequence()) {
    problems.add(rules.place, "adapter.rules: expected a list of mappings");
    return out;
  }
  const std::string name = rules.place.substr(0, rules.place.rfind(':'));
  for (const YAML::Node& node : rules.node) {
    const std::string place =
        rules.from_file ? line_place(name, node.Mark()) : rules.place;
    AdapterSelection& rule = out.emplace_back(base);
    rule.targets = {};
    rule.target_parameters = {};
    parse_rule(node, place, rule, problems);
    const auto places_of = [&](std::string_view key) {
      const YAML::Node value = value_of(node, key);
      return value ? entry_places({"", value, place, rules.from_file})
                   : std::vector<std::string>();
    };
    rule.targets.places = places_of("targets");
    rule.target_parameters.places = places_of("target_parameters");
  }
  return out;
}

}  // namespace graft::recipe
