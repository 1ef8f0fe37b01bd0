// The names of a model, counted: what an entry could have meant. Entry point:
// NameCensus. Built only when some entry selects nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "graft/match/module_info.h"
#include "graft/match/rule.h"
#include "match/kind_term_internal.h"

namespace graft {

class NameCensus {
 public:
  // In peft syntax only the Hugging Face names count.
  NameCensus(const Inventory& inventory, PatternSyntax syntax);

  // Last components of what takes adapters, in order of appearance.
  const std::vector<std::string>& last_names() const { return last_names_; }
  std::size_t count(const std::string& last_name) const;
  // Every component of every name, each once.
  const std::vector<std::string>& components() const { return components_; }

  // The highest layer and expert of what takes adapters, if any.
  const std::optional<std::int64_t>& last_layer() const { return last_layer_; }
  const std::optional<std::int64_t>& last_expert() const {
    return last_expert_;
  }

  // Linear modules that the entry would hit, or parts of such whose whole it
  // does not; 0 when malformed.
  std::size_t hits(const std::string& entry) const;

  // Kinds of the other modules that the entry names, with their numbers.
  std::map<LayerKind, std::size_t> other_kinds(const std::string& entry) const;

 private:
  struct Named {
    std::vector<std::string> names;
    LayerKind kind;
    KindSet kinds;
    std::size_t module;    // in the inventory
    bool is_part = false;  // stands behind its module
  };
  void add(Named named);
  void add_components(const Named& named);

  PatternSyntax syntax_;
  std::vector<Named> linears_;
  std::vector<Named> others_;
  std::vector<std::string> last_names_;
  std::vector<std::string> components_;
  std::unordered_set<std::string> known_components_;
  std::map<std::string, std::size_t> counts_;
  std::optional<std::int64_t> last_layer_;
  std::optional<std::int64_t> last_expert_;
};

}  // namespace graft
