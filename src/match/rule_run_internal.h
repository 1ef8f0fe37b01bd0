// What a compiled rule says of each module of an inventory. Entry points:
// CompiledRule, RuleRun, compile_runtime_rule, compile_peft_rule. Turning hits
// into sites is selection.cpp's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/match/module_info.h"
#include "graft/match/plan.h"
#include "graft/match/rule.h"

namespace graft {

constexpr std::size_t kWhole = SIZE_MAX;    // the module, not a part of it
constexpr std::size_t kNoEntry = SIZE_MAX;  // selected without an entry

// One entry's hit on one module: the module as a whole, or parts of it.
struct EntryHit {
  std::size_t entry = kNoEntry;
  bool whole = false;
  std::vector<std::size_t> parts;
};

struct PartExclusion {
  std::size_t part = kWhole;
  std::string reason;
};

struct ModuleHits {
  std::vector<EntryHit> hits;  // ascending entries
  std::vector<PartExclusion> exclusions;
  bool head_skipped = false;  // all-linear would take it but for being a head
};

// One entry's hit on one parameter (peft syntax: target_parameters).
struct ParameterHit {
  std::vector<std::size_t> entries;  // ascending; the first one has it
  std::size_t module = 0;            // that holds the parameter
  std::string hf_path;               // "model.layers.0.mlp.experts.down_proj"
  std::string component;             // of the module's part, or empty
  std::string parameter;             // "down_proj"
  std::int64_t experts = 1;
  std::int64_t in = 0;
  RowSet rows;              // of the weight, all experts one below another
  bool transposed = false;  // ParameterInfo::transposed
  AdapterSettings adapter;
};

// One rule over one inventory.
class RuleRun {
 public:
  virtual ~RuleRun() = default;
  // Entries in report order; PEFT's defaults are filled in.
  virtual const std::vector<std::string>& entries() const = 0;
  virtual ModuleHits hits(std::size_t module) = 0;
  // Rank and alpha of a site; `part` may be kWhole.
  virtual AdapterSettings settings(std::size_t module, std::size_t part) = 0;
  // After the last module: hits on parameters, in inventory order.
  virtual std::vector<ParameterHit> parameter_hits() { return {}; }
  // After those: modules to train as full copies.
  virtual std::vector<std::string> full_copies() { return {}; }
  // After those: why the rule hit nothing at all; the rule's index is not set.
  virtual std::optional<EmptyRule> empty_rule() const { return {}; }
  // After those: hits that can take no adapter, as full sentences.
  virtual std::vector<std::string> problems() const { return {}; }
  // After the last module: what had no effect.
  virtual std::vector<std::string> warnings() const = 0;
};

// Const and thread-safe.
class CompiledRule {
 public:
  virtual ~CompiledRule() = default;
  // Throws ConfigError when the inventory cannot answer the rule.
  virtual std::unique_ptr<RuleRun> start(const Inventory& inventory) const = 0;
  virtual std::optional<std::size_t> match_one(
      std::string_view name, std::string_view full_name) const = 0;
};

// Append every problem to `problems`; there may be no result then.
std::unique_ptr<CompiledRule> compile_runtime_rule(
    const Rule& rule, std::vector<std::string>& problems);
std::unique_ptr<CompiledRule> compile_peft_rule(
    const Rule& rule, std::vector<std::string>& problems);

// How an exclude entry is named as a reason.
std::string exclude_reason(const std::string& entry);

}  // namespace graft
