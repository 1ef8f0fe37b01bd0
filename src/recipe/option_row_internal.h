// One row of the table of keys: what it is called, how it is read and printed.
// Entry points: option_rows, selection_rows, field_row.
#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "graft/recipe/option.h"
#include "recipe/value_codec_internal.h"

namespace graft::recipe {

// How a relative path typed in a file is taken.
enum class PathKind { kNone, kFile, kModel };

template <typename Owner>
struct OptionRow {
  OptionInfo info;
  std::function<void(Owner&, const YAML::Node&)> parse;  // throws ValueProblem
  std::function<std::string(const Owner&)> print;
  PathKind path_kind = PathKind::kNone;
  std::string* (*path)(Owner&) = nullptr;
};

// `access` gives the field of an Owner, const or not.
template <typename Owner, typename Access, typename Codec>
OptionRow<Owner> field_row(OptionInfo info, Access access, Codec codec) {
  OptionRow<Owner> row;
  row.info = std::move(info);
  row.parse = [access, codec](Owner& owner, const YAML::Node& node) {
    access(owner) = codec.parse(node);
  };
  row.print = [access, codec](const Owner& owner) {
    return codec.print(access(owner));
  };
  row.info.preset = row.print(Owner{});
  return row;
}

// The keys that adapter: and every rule share, without "adapter." in front.
const std::vector<OptionRow<AdapterSelection>>& selection_rows();

// The further key of a rule: adapt.
const OptionRow<AdapterSelection>& adapt_row();
// Keys that say what a hit gets: they mean nothing beside adapt: false.
bool is_setting_key(std::string_view key);
// Keys of HF PEFT's that only syntax peft has.
bool is_peft_key(std::string_view key);
// "needs syntax: peft, got glob. ...", with what says it in the others.
std::string peft_key_problem(std::string_view key, PatternSyntax syntax);
// Rules without `targets` beside them select alone only if one of them adapts.
bool some_rule_adapts(const AdapterOptions& options);

// Every key but adapter.rules, in printing order.
const std::vector<OptionRow<Recipe>>& option_rows();

inline constexpr std::string_view kRulesKey = "adapter.rules";

// A sentence for a word of PEFT, axolotl, mlx-lm, torchtune or transformers:
// "graft calls it adapter.rank". Empty when the word is unknown.
std::string_view foreign_word_hint(std::string_view word);

}  // namespace graft::recipe
