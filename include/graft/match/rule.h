// What a person asks for: patterns, excludes and what a hit gets. Entry point:
// Rule. A selection is an ordered list of rules.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graft {

enum class PatternSyntax { kGlob, kMegatron, kPeft };
std::string_view pattern_syntax_name(PatternSyntax syntax);
std::optional<PatternSyntax> pattern_syntax_from_name(std::string_view name);

enum class AdapterKind { kLora, kCanonicalLora, kDora };
std::string_view adapter_kind_name(AdapterKind kind);
std::optional<AdapterKind> adapter_kind_from_name(std::string_view name);

// How A starts; B starts at zero. kKaiming: uniform +-1/sqrt(in) (kaiming
// with a = sqrt(5), PEFT's default). kXavier: normal with
// std sqrt(2/(in+r)), Megatron's. kGaussian: normal with std 1/r, PEFT's.
// kNormal: normal with std 0.2, Megatron's.
enum class AdapterInit { kKaiming, kXavier, kGaussian, kNormal };
std::string_view adapter_init_name(AdapterInit init);
std::optional<AdapterInit> adapter_init_from_name(std::string_view name);

// What a selected site gets.
struct AdapterSettings {
  AdapterKind kind = AdapterKind::kLora;
  std::int64_t rank = 32;
  double alpha = 32.0;
  bool rslora = false;   // scale alpha / sqrt(rank) instead of alpha / rank
  double dropout = 0.0;  // on the adapter's input, while training
  AdapterInit init = AdapterInit::kKaiming;

  bool operator==(const AdapterSettings&) const = default;
};

// The one place of the scaling rule: alpha / rank, or alpha / sqrt(rank).
double lora_scale(const AdapterSettings& settings);

// HF PEFT's further selection fields (peft syntax only); names as in its
// adapter_config.json. Order of the pattern maps is the file's.
struct PeftFields {
  bool targets_regex = false;   // target_modules was a string, not a list
  bool targets_listed = false;  // target_modules was given, even if empty;
                                // else no targets means the family's defaults
  bool excludes_regex = false;  // exclude_modules was a string
  std::optional<std::vector<std::int64_t>> layers_to_transform;
  std::vector<std::string> layers_pattern;
  std::vector<std::pair<std::string, std::int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::vector<std::string> modules_to_save;
  // Parameters by name (equal, or a dotted ending), without their modules.
  std::vector<std::string> target_parameters;
  // Experts of a family with a table are layers of their own, one for each
  // matrix, as they were before transformers 5; else parameters of all.
  bool experts_as_layers = false;

  bool operator==(const PeftFields&) const = default;
};

struct Rule {
  // Entries: a last name, a pattern of the whole path, "all-linear" in any
  // syntax; in syntax glob also "kind=expert" and "kind=expert:PATTERN".
  std::vector<std::string> targets;
  // Where each target was written, for messages: "recipe.yaml:6", "--target";
  // may be empty.
  std::vector<std::string> places;
  std::vector<std::string> excludes;
  // False: what the rule hits gets no adapter, and no later rule has it.
  bool adapt = true;
  PatternSyntax syntax = PatternSyntax::kGlob;
  AdapterSettings adapter;
  PeftFields peft;
  // False for built-in defaults, whose unmatched entries only warn.
  bool written_by_person = true;
  bool allow_unmatched = false;
};

}  // namespace graft
