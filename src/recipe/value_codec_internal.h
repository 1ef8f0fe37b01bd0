// How one value is read from YAML and printed back. Entry points: the *Codec
// types, each with parse(node) and print(value); ValueProblem is thrown for a
// value that does not fit.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/recipe/recipe.h"

namespace graft::recipe {

// What is wrong with a value, without its place: "got 'x', expected ...".
struct ValueProblem {
  std::string text;
};

// The text of a scalar; throws ValueProblem for lists and maps.
std::string scalar_text(const YAML::Node& node, std::string_view expected);
// Plain when YAML reads it back as the same text, else double-quoted.
std::string yaml_text(std::string_view text);
// Shortest text that reads back as the same double.
std::string number_text(double value);

struct TextCodec {
  std::string parse(const YAML::Node& node) const;
  std::string print(const std::string& value) const;
};

struct ChoiceCodec {
  std::vector<std::string_view> words;
  std::vector<std::string_view> later = {};  // known, not built yet
  std::string parse(const YAML::Node& node) const;
  std::string print(const std::string& value) const { return value; }
};

struct BooleanCodec {
  bool parse(const YAML::Node& node) const;
  std::string print(bool value) const { return value ? "true" : "false"; }
};

struct IntegerCodec {
  std::int64_t minimum = 0;
  std::int64_t maximum = std::numeric_limits<std::int32_t>::max();
  std::int64_t parse(const YAML::Node& node) const;
  std::string print(std::int64_t value) const { return std::to_string(value); }
};

struct SeedCodec {
  std::uint64_t parse(const YAML::Node& node) const;
  std::string print(std::uint64_t value) const { return std::to_string(value); }
};

struct RealCodec {
  double minimum = 0.0;
  double maximum = std::numeric_limits<double>::max();
  bool minimum_excluded = false;
  bool maximum_excluded = false;
  double parse(const YAML::Node& node) const;
  std::string print(double value) const { return number_text(value); }
};

// nullopt is written as `word`.
template <typename Codec>
struct OptionalCodec {
  Codec codec;
  std::string_view word;  // "auto"

  auto parse(const YAML::Node& node) const {
    using Value = decltype(codec.parse(node));
    if (node.IsScalar() && node.Scalar() == word) {
      return std::optional<Value>();
    }
    return std::optional<Value>(codec.parse(node));
  }
  template <typename Value>
  std::string print(const std::optional<Value>& value) const {
    return value ? codec.print(*value) : std::string(word);
  }
};

struct EntryListCodec {
  bool may_be_empty = false;
  bool takes_text = true;  // one entry without a list around it
  EntryList parse(const YAML::Node& node) const;
  std::string print(const EntryList& value) const;
};

// A number or a list; nullopt is `null`.
struct LayerListCodec {
  using Layers = std::vector<std::int64_t>;
  std::optional<Layers> parse(const YAML::Node& node) const;
  std::string print(const std::optional<Layers>& value) const;
};

// A name or a list; none is `null` or [].
struct NameListCodec {
  std::vector<std::string> parse(const YAML::Node& node) const;
  std::string print(const std::vector<std::string>& value) const;
};

// The keys and values of a mapping, in its order; none is `null` or {}.
std::vector<std::pair<std::string, YAML::Node>> keyed_nodes(
    const YAML::Node& node);

template <typename Codec>
struct KeyedCodec {
  Codec codec;
  using Value = decltype(Codec().parse(YAML::Node()));
  using Values = std::vector<std::pair<std::string, Value>>;

  Values parse(const YAML::Node& node) const {
    Values out;
    for (const auto& [key, value] : keyed_nodes(node)) {
      try {
        out.emplace_back(key, codec.parse(value));
      } catch (const ValueProblem& problem) {
        throw ValueProblem{"'" + key + "': " + problem.text};
      }
    }
    return out;
  }
  std::string print(const Values& values) const {
    std::string out;
    for (const auto& [key, value] : values) {
      out += (out.empty() ? "" : ", ") + yaml_text(key) + ": " +
             codec.print(value);
    }
    return "{" + out + "}";
  }
};

struct BetasCodec {
  std::pair<double, double> parse(const YAML::Node& node) const;
  std::string print(const std::pair<double, double>& value) const;
};

// An enum of match with its two name functions.
template <typename Enum>
struct NamedCodec {
  std::vector<std::string_view> words;
  std::vector<std::string_view> later = {};
  std::optional<Enum> (*from_name)(std::string_view);
  std::string_view (*name)(Enum);

  Enum parse(const YAML::Node& node) const {
    return *from_name(ChoiceCodec{words, later}.parse(node));
  }
  std::string print(Enum value) const { return std::string(name(value)); }
};

}  // namespace graft::recipe
