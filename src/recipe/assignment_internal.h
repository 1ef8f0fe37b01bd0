// Values on their way into a recipe: key, YAML node and where it was typed.
// Entry points: Assignment, Problems, flatten_yaml, flatten_setting,
// entry_places, parse_rules.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>
#include <vector>

#include "graft/recipe/recipe.h"

namespace graft::recipe {

struct Assignment {
  std::string key;
  YAML::Node node;
  std::string place;  // "recipe.yaml:6", "--set"
  bool from_file = false;
};

// What is wrong, one sentence each; thrown together.
class Problems {
 public:
  void add(const std::string& place, const std::string& what);
  bool empty() const { return list_.empty(); }
  // Throws ConfigError when there is any.
  void throw_if_any() const;

 private:
  std::vector<std::string> list_;
};

// A whole recipe. Unknown and repeated keys go to `problems`.
std::vector<Assignment> flatten_yaml(std::string_view yaml,
                                     const std::string& name,
                                     Problems& problems);
std::vector<Assignment> flatten_setting(const Setting& setting,
                                        Problems& problems);

// Where each entry of a list, or the one text, was written.
std::vector<std::string> entry_places(const Assignment& value);

// The value of adapter.rules; each rule starts as `base`.
std::vector<AdapterSelection> parse_rules(const Assignment& rules,
                                          const AdapterSelection& base,
                                          Problems& problems);

// "unknown key 'lora_r': graft calls it adapter.rank".
std::string unknown_key_text(const std::string& key);

}  // namespace graft::recipe
