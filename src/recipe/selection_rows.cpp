// The keys that adapter: and every rule share, and the one that only a rule
// has. Entry points: selection_rows, adapt_row, is_setting_key, is_peft_key.
#include <algorithm>

#include "recipe/option_row_internal.h"

namespace graft::recipe {
namespace {

using Row = OptionRow<AdapterSelection>;

constexpr std::int64_t kLargestRank = 65536;

template <typename Access, typename Codec>
Row row(OptionInfo info, Access access, Codec codec) {
  return field_row<AdapterSelection>(std::move(info), access, std::move(codec));
}

const NamedCodec<AdapterKind> kKind{{"lora", "canonical_lora"},
                                    {"dora"},
                                    adapter_kind_from_name,
                                    adapter_kind_name};
const NamedCodec<PatternSyntax> kSyntax{{"glob", "megatron", "peft"},
                                        {},
                                        pattern_syntax_from_name,
                                        pattern_syntax_name};
const NamedCodec<AdapterInit> kInit{{"kaiming", "xavier", "gaussian", "normal"},
                                    {},
                                    adapter_init_from_name,
                                    adapter_init_name};

std::vector<Row> which_rows() {
  return {
      row(
          {"kind", "lora | canonical_lora",
           "One adapter a module, or one for each of q, k, v, gate and up."},
          [](auto& s) -> auto& { return s.settings.kind; }, kKind),
      row(
          {"targets", "all-linear, or a list of names and patterns",
           "Which modules get an adapter."},
          [](auto& s) -> auto& { return s.targets; }, EntryListCodec{}),
      row(
          {"exclude", "a list of names and patterns",
           "Modules that get none although a target selects them."},
          [](auto& s) -> auto& { return s.exclude; }, EntryListCodec{true}),
      row(
          {"syntax", "glob | megatron | peft", "How patterns are read."},
          [](auto& s) -> auto& { return s.syntax; }, kSyntax),
      row(
          {"allow_unmatched", "true | false",
           "An entry that selects nothing warns instead of stopping."},
          [](auto& s) -> auto& { return s.allow_unmatched; }, BooleanCodec{})};
}

std::vector<Row> how_rows() {
  return {
      row(
          {"rank", "whole number >= 1", "Rank of the adapters."},
          [](auto& s) -> auto& { return s.settings.rank; },
          IntegerCodec{.minimum = 1, .maximum = kLargestRank}),
      row(
          {"alpha", "number > 0",
           "Numerator of the adapter's scale, alpha / rank."},
          [](auto& s) -> auto& { return s.settings.alpha; },
          RealCodec{.minimum_excluded = true}),
      row(
          {"rslora", "true | false", "Scale by alpha / sqrt(rank) instead."},
          [](auto& s) -> auto& { return s.settings.rslora; }, BooleanCodec{}),
      row(
          {"dropout", "0 <= number < 1",
           "Chance that an adapter's input is dropped while training."},
          [](auto& s) -> auto& { return s.settings.dropout; },
          RealCodec{.maximum = 1.0, .maximum_excluded = true}),
      row(
          {"init", "kaiming | xavier | gaussian | normal",
           "How A starts; B starts at zero."},
          [](auto& s) -> auto& { return s.settings.init; }, kInit)};
}

// As adapter_config.json has them, words and meanings.
std::vector<Row> peft_rows() {
  return {
      row(
          {"layers_to_transform", "layer number, or a list of them",
           "Syntax peft: only modules of these layers, counted from 0."},
          [](auto& s) -> auto& { return s.peft.layers_to_transform; },
          LayerListCodec{}),
      row(
          {"layers_pattern", "name, or a list of names",
           "Syntax peft: what the list of layers is called, if not by habit."},
          [](auto& s) -> auto& { return s.peft.layers_pattern; },
          NameListCodec{}),
      row(
          {"rank_pattern", "mapping of names or expressions to ranks",
           "Syntax peft: ranks of their own; the first key that fits a path."},
          [](auto& s) -> auto& { return s.peft.rank_pattern; },
          KeyedCodec<IntegerCodec>{{.minimum = 1, .maximum = kLargestRank}}),
      row(
          {"alpha_pattern", "mapping of names or expressions to numbers",
           "Syntax peft: the same for alpha."},
          [](auto& s) -> auto& { return s.peft.alpha_pattern; },
          KeyedCodec<RealCodec>{{.minimum_excluded = true}}),
      row(
          {"target_parameters", "a list of names",
           "Syntax peft: parameters to adapt, beside or instead of targets."},
          [](auto& s) -> auto& { return s.target_parameters; },
          EntryListCodec{.may_be_empty = true, .takes_text = false}),
      row(
          {"modules_to_save", "name, or a list of names",
           "Syntax peft: modules to train in full; only planned so far."},
          [](auto& s) -> auto& { return s.peft.modules_to_save; },
          NameListCodec{})};
}

}  // namespace

const std::vector<Row>& selection_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> out = which_rows();
    for (Row& row : how_rows()) out.push_back(std::move(row));
    for (Row& row : peft_rows()) out.push_back(std::move(row));
    return out;
  }();
  return rows;
}

const Row& adapt_row() {
  static const Row kRow = row(
      {"adapt", "true | false",
       "False: what the rule hits gets no adapter, by no later rule either."},
      [](auto& s) -> auto& { return s.adapt; }, BooleanCodec{});
  return kRow;
}

bool is_setting_key(std::string_view key) {
  static constexpr std::string_view kPeftKeys[] = {
      "kind", "rank_pattern", "alpha_pattern", "modules_to_save"};
  return std::ranges::find(kPeftKeys, key) != std::end(kPeftKeys) ||
         std::ranges::any_of(
             how_rows(), [&](const Row& row) { return row.info.key == key; });
}

bool is_peft_key(std::string_view key) {
  static const std::vector<Row> rows = peft_rows();
  return std::ranges::any_of(
      rows, [&](const Row& row) { return row.info.key == key; });
}

std::string peft_key_problem(std::string_view key, PatternSyntax syntax) {
  std::string out(key);
  out += " needs syntax: peft, got " + std::string(pattern_syntax_name(syntax));
  if (key == "rank_pattern" || key == "alpha_pattern") {
    return out + "; rules say it in any syntax: {targets: [...], rank: 64}";
  }
  if (key.starts_with("layers_")) {
    return out + "; in syntax glob a pattern says it: \"*.layers.{0..3}.*\"";
  }
  return out;
}

}  // namespace graft::recipe
