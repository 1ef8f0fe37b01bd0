// The keys that adapter: and every rule share, and the one that only a rule
// has. Entry points: selection_rows, adapt_row, is_setting_key.
#include <algorithm>

#include "recipe/option_row_internal.h"

namespace graft::recipe {
namespace {

using Row = OptionRow<AdapterSelection>;

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
          IntegerCodec{.minimum = 1, .maximum = 65536}),
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

}  // namespace

const std::vector<Row>& selection_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> out = which_rows();
    for (Row& row : how_rows()) out.push_back(std::move(row));
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
  return key == "kind" || std::ranges::any_of(how_rows(), [&](const Row& row) {
           return row.info.key == key;
         });
}

}  // namespace graft::recipe
