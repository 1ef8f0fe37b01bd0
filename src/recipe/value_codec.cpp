// Reads and prints single values of a recipe. Entry points: the codecs;
// number parsing is private.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <span>

#include "graft/base/edit_distance.h"
#include "recipe/value_codec_internal.h"

namespace graft::recipe {
namespace {

std::string in_quotes(std::string_view text) {
  return "'" + std::string(text.substr(0, 80)) + "'";
}

[[noreturn]] void refuse(std::string_view got, const std::string& expected) {
  throw ValueProblem{"got " + in_quotes(got) + ", expected " + expected};
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string real_range(const RealCodec& codec) {
  const bool open_top = codec.maximum == std::numeric_limits<double>::max();
  std::string out = "a number ";
  out += codec.minimum_excluded ? "> " : ">= ";
  out += number_text(codec.minimum);
  if (open_top) return out;
  out += codec.maximum_excluded ? " and < " : " and <= ";
  return out + number_text(codec.maximum);
}

bool is_plain(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  static constexpr std::string_view kReserved[] = {"true", "false", "null",
                                                   "~",    "yes",   "no"};
  if (std::ranges::find(kReserved, text) != std::end(kReserved)) return false;
  if (text.front() == '-' || text.front() == '.') return false;
  return std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.' || c == '/';
  });
}

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (std::string_view word : words) {
    out += (out.empty() ? "" : " | ") + std::string(word);
  }
  return out;
}

}  // namespace

std::string scalar_text(const YAML::Node& node, std::string_view expected) {
  if (node.IsScalar()) return node.Scalar();
  const char* got = node.IsNull()       ? "nothing"
                    : node.IsSequence() ? "a list"
                                        : "a mapping";
  throw ValueProblem{std::string("got ") + got + ", expected " +
                     std::string(expected)};
}

std::string yaml_text(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const unsigned char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20) {
      out += "\\x";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + '"';
}

std::string number_text(double value) {
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, result.ptr);
}

std::string TextCodec::parse(const YAML::Node& node) const {
  std::string text = scalar_text(node, "a text");
  if (text.empty()) refuse(text, "a text that is not empty");
  return text;
}

std::string TextCodec::print(const std::string& value) const {
  return yaml_text(value);
}

std::string ChoiceCodec::parse(const YAML::Node& node) const {
  const std::string text = scalar_text(node, joined(words));
  if (std::ranges::find(words, text) != words.end()) return text;
  if (std::ranges::find(later, text) != later.end()) {
    throw ValueProblem{in_quotes(text) +
                       " is not built in this version yet; use " +
                       joined(words)};
  }
  refuse(text, joined(words));
}

bool BooleanCodec::parse(const YAML::Node& node) const {
  const std::string text = scalar_text(node, "true or false");
  if (text == "true" || text == "on" || text == "yes") return true;
  if (text == "false" || text == "off" || text == "no") return false;
  refuse(text, "true or false");
}

std::int64_t IntegerCodec::parse(const YAML::Node& node) const {
  const std::string expected = "a whole number from " +
                               std::to_string(minimum) + " to " +
                               std::to_string(maximum);
  const std::string text = scalar_text(node, expected);
  const auto value = parse_number<std::int64_t>(text);
  if (!value || *value < minimum || *value > maximum) refuse(text, expected);
  return *value;
}

std::uint64_t SeedCodec::parse(const YAML::Node& node) const {
  const std::string expected = "a whole number from 0 to 2^63 - 1";
  const std::string text = scalar_text(node, expected);
  const auto value = parse_number<std::int64_t>(text);
  if (!value || *value < 0) refuse(text, expected);
  return static_cast<std::uint64_t>(*value);
}

double RealCodec::parse(const YAML::Node& node) const {
  const std::string expected = real_range(*this);
  const std::string text = scalar_text(node, expected);
  const auto value = parse_number<double>(text);
  if (!value || !std::isfinite(*value)) refuse(text, expected);
  const bool low = minimum_excluded ? *value <= minimum : *value < minimum;
  const bool high = maximum_excluded ? *value >= maximum : *value > maximum;
  if (low || high) refuse(text, expected);
  return *value;
}

EntryList EntryListCodec::parse(const YAML::Node& node) const {
  static constexpr std::string_view kExpected = "a name, a pattern, or a list";
  EntryList out;
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) {
      out.entries.push_back(scalar_text(item, "a name or a pattern"));
    }
  } else if (!takes_text && node.IsScalar()) {
    refuse(node.Scalar(), "a list of names");
  } else if (!(may_be_empty && node.IsNull())) {
    out.entries = {scalar_text(node, kExpected)};
    out.is_text = true;
  }
  if (out.entries.empty() && !may_be_empty) {
    throw ValueProblem{"got an empty list, expected at least one entry"};
  }
  for (const std::string& entry : out.entries) {
    if (entry.empty()) refuse(entry, std::string(kExpected));
  }
  return out;
}

std::string EntryListCodec::print(const EntryList& value) const {
  if (value.is_text && value.entries.size() == 1) {
    return yaml_text(value.entries.front());
  }
  std::string out;
  for (const std::string& entry : value.entries) {
    out += (out.empty() ? "" : ", ") + yaml_text(entry);
  }
  return "[" + out + "]";
}

std::optional<LayerListCodec::Layers> LayerListCodec::parse(
    const YAML::Node& node) const {
  if (node.IsNull()) return std::nullopt;
  constexpr IntegerCodec kLayer;
  if (!node.IsSequence()) return Layers{kLayer.parse(node)};
  Layers out;
  for (const YAML::Node& item : node) out.push_back(kLayer.parse(item));
  if (out.empty()) {
    throw ValueProblem{"got an empty list, expected at least one layer"};
  }
  return out;
}

std::string LayerListCodec::print(const std::optional<Layers>& value) const {
  if (!value) return "null";
  std::string out;
  for (const std::int64_t layer : *value) {
    out += (out.empty() ? "" : ", ") + std::to_string(layer);
  }
  return "[" + out + "]";
}

std::vector<std::string> NameListCodec::parse(const YAML::Node& node) const {
  return EntryListCodec{true}.parse(node).entries;
}

std::string NameListCodec::print(const std::vector<std::string>& value) const {
  return EntryListCodec{true}.print({value, false, {}});
}

std::vector<std::pair<std::string, YAML::Node>> keyed_nodes(
    const YAML::Node& node) {
  std::vector<std::pair<std::string, YAML::Node>> out;
  if (node.IsNull()) return out;
  if (!node.IsMap()) {
    throw ValueProblem{
        "expected a mapping, {q_proj: 8, \"layers.0.k_proj\": 4}"};
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    std::string key = scalar_text(entry.first, "a name or an expression");
    if (key.empty()) throw ValueProblem{"a key is empty"};
    if (!seen.insert(key).second) {
      throw ValueProblem{"key " + in_quotes(key) + " is given twice"};
    }
    out.emplace_back(std::move(key), entry.second);
  }
  return out;
}

std::pair<double, double> BetasCodec::parse(const YAML::Node& node) const {
  if (!node.IsSequence() || node.size() != 2) {
    throw ValueProblem{"expected a list of two numbers, [0.9, 0.999]"};
  }
  const RealCodec codec{.maximum = 1.0, .maximum_excluded = true};
  return {codec.parse(node[0]), codec.parse(node[1])};
}

std::string BetasCodec::print(const std::pair<double, double>& value) const {
  return "[" + number_text(value.first) + ", " + number_text(value.second) +
         "]";
}

}  // namespace graft::recipe
