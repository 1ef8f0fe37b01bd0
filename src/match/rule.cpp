// Names of the choices in a rule, and the scaling rule. Entry points: the
// *_name and *_from_name pairs, lora_scale.
#include "graft/match/rule.h"

#include <array>
#include <cmath>

namespace graft {
namespace {

template <typename Value, std::size_t kCount>
using NameTable = std::array<std::pair<Value, std::string_view>, kCount>;

constexpr NameTable<PatternSyntax, 3> kSyntaxes{
    {{PatternSyntax::kGlob, "glob"},
     {PatternSyntax::kMegatron, "megatron"},
     {PatternSyntax::kPeft, "peft"}}};
constexpr NameTable<AdapterKind, 3> kKinds{
    {{AdapterKind::kLora, "lora"},
     {AdapterKind::kCanonicalLora, "canonical_lora"},
     {AdapterKind::kDora, "dora"}}};
constexpr NameTable<AdapterInit, 4> kInits{
    {{AdapterInit::kKaiming, "kaiming"},
     {AdapterInit::kXavier, "xavier"},
     {AdapterInit::kGaussian, "gaussian"},
     {AdapterInit::kNormal, "normal"}}};

template <typename Value, std::size_t kCount>
std::string_view name_in(const NameTable<Value, kCount>& table, Value value) {
  for (const auto& [candidate, name] : table) {
    if (candidate == value) return name;
  }
  return "unknown";
}

template <typename Value, std::size_t kCount>
std::optional<Value> value_in(const NameTable<Value, kCount>& table,
                              std::string_view name) {
  for (const auto& [value, candidate] : table) {
    if (candidate == name) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view pattern_syntax_name(PatternSyntax syntax) {
  return name_in(kSyntaxes, syntax);
}
std::optional<PatternSyntax> pattern_syntax_from_name(std::string_view name) {
  return value_in(kSyntaxes, name);
}

std::string_view adapter_kind_name(AdapterKind kind) {
  return name_in(kKinds, kind);
}
std::optional<AdapterKind> adapter_kind_from_name(std::string_view name) {
  return value_in(kKinds, name);
}

std::string_view adapter_init_name(AdapterInit init) {
  return name_in(kInits, init);
}
std::optional<AdapterInit> adapter_init_from_name(std::string_view name) {
  return value_in(kInits, name);
}

double lora_scale(const AdapterSettings& settings) {
  const double rank = static_cast<double>(settings.rank);
  return settings.alpha / (settings.rslora ? std::sqrt(rank) : rank);
}

}  // namespace graft
