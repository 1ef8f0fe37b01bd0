// Typed views of values that the reader has already held against the file.
#include "graft/io/gguf_metadata.h"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "graft/base/error.h"
#include "io/gguf_cursor_internal.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr std::int64_t kLargestCount = std::int64_t{1} << 31;
// What summary() shows of an array and of a text.
constexpr std::uint64_t kShownElements = 8;
constexpr std::size_t kShownText = 200;

template <typename T>
T element(const GgufValue& value, std::uint64_t index) {
  T out;
  std::memcpy(&out, value.bytes.data() + index * sizeof(T), sizeof(T));
  return out;
}

// nullopt for types that are no integers, and for more than 63 bits.
std::optional<std::int64_t> read_integer(const GgufValue& value,
                                         std::uint64_t index) {
  switch (value.type) {
    case GgufType::kU8:
      return element<std::uint8_t>(value, index);
    case GgufType::kI8:
      return element<std::int8_t>(value, index);
    case GgufType::kU16:
      return element<std::uint16_t>(value, index);
    case GgufType::kI16:
      return element<std::int16_t>(value, index);
    case GgufType::kU32:
      return element<std::uint32_t>(value, index);
    case GgufType::kI32:
      return element<std::int32_t>(value, index);
    case GgufType::kI64:
      return element<std::int64_t>(value, index);
    case GgufType::kU64: {
      const auto out = element<std::uint64_t>(value, index);
      if (out > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
      return static_cast<std::int64_t>(out);
    }
    default:
      return std::nullopt;
  }
}

std::optional<double> read_number(const GgufValue& value, std::uint64_t index) {
  if (value.type == GgufType::kF32) return element<float>(value, index);
  if (value.type == GgufType::kF64) return element<double>(value, index);
  const auto integer = read_integer(value, index);
  if (!integer) return std::nullopt;
  return static_cast<double>(*integer);
}

std::vector<std::string_view> read_texts(const GgufValue& value,
                                         std::uint64_t limit) {
  std::vector<std::string_view> out;
  const auto* at = reinterpret_cast<const char*>(value.bytes.data());
  for (std::uint64_t i = 0; i < std::min(value.count, limit); ++i) {
    std::uint64_t length = 0;
    std::memcpy(&length, at, sizeof length);
    out.emplace_back(at + sizeof length, length);
    at += sizeof length + length;
  }
  return out;
}

nlohmann::json shown_element(const GgufValue& value, std::uint64_t index) {
  if (value.type == GgufType::kBool) {
    return element<std::uint8_t>(value, index) != 0;
  }
  if (value.type == GgufType::kU64) return element<std::uint64_t>(value, index);
  if (const auto integer = read_integer(value, index)) return *integer;
  const auto number = read_number(value, index);
  return number ? nlohmann::json(*number) : nlohmann::json();
}

nlohmann::json shown_text(std::string_view text) {
  std::string out(text.substr(0, kShownText));
  if (text.size() > kShownText) out += "...";
  return out;
}

std::string type_text(const GgufValue& value) {
  const std::string name(gguf_type_name(value.type));
  if (!value.is_array) return name;
  return "an array of " + std::to_string(value.count) + " " + name;
}

}  // namespace

const GgufValue* GgufMetadata::find_or_null(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

bool GgufMetadata::is_array(std::string_view key) const {
  const GgufValue* value = find_or_null(key);
  return value != nullptr && value->is_array;
}

void GgufMetadata::refuse(std::string_view key,
                          const std::string& expected) const {
  const GgufValue* value = find_or_null(key);
  std::string got = "nothing";
  if (value != nullptr) {
    got = type_text(*value);
    if (!value->is_array) got += " " + summary(key);
  }
  throw FileError(ErrorText{
      .operation = "gguf",
      .what = path_.string() + ": metadata key '" + printable(key) + "'",
      .got = got,
      .expected = expected});
}

std::optional<bool> GgufMetadata::boolean(std::string_view key) const {
  const GgufValue* value = find_or_null(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_array || value->type != GgufType::kBool) refuse(key, "a bool");
  return element<std::uint8_t>(*value, 0) != 0;
}

std::int64_t GgufMetadata::integer_at(std::string_view key,
                                      const GgufValue& value,
                                      std::uint64_t index) const {
  const auto out = read_integer(value, index);
  if (!out) refuse(key, value.is_array ? "an array of integers" : "an integer");
  return *out;
}

std::optional<std::int64_t> GgufMetadata::integer(std::string_view key) const {
  const GgufValue* value = find_or_null(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_array) refuse(key, "an integer");
  return integer_at(key, *value, 0);
}

std::optional<double> GgufMetadata::number(std::string_view key) const {
  const GgufValue* value = find_or_null(key);
  if (value == nullptr) return std::nullopt;
  const auto out = value->is_array ? std::nullopt : read_number(*value, 0);
  if (!out || !std::isfinite(*out)) refuse(key, "a finite number");
  return out;
}

std::optional<std::string_view> GgufMetadata::text(std::string_view key) const {
  const GgufValue* value = find_or_null(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_array || value->type != GgufType::kString) {
    refuse(key, "a string");
  }
  return read_texts(*value, 1).front();
}

std::optional<std::vector<std::string_view>> GgufMetadata::texts(
    std::string_view key) const {
  const GgufValue* value = find_or_null(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array || value->type != GgufType::kString) {
    refuse(key, "an array of strings");
  }
  return read_texts(*value, value->count);
}

std::optional<std::vector<std::int64_t>> GgufMetadata::integers(
    std::string_view key) const {
  const GgufValue* value = find_or_null(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array) refuse(key, "an array of integers");
  std::vector<std::int64_t> out;
  for (std::uint64_t i = 0; i < value->count; ++i) {
    out.push_back(integer_at(key, *value, i));
  }
  return out;
}

std::optional<std::vector<double>> GgufMetadata::numbers(
    std::string_view key) const {
  const GgufValue* value = find_or_null(key);
  if (value == nullptr) return std::nullopt;
  std::vector<double> out;
  for (std::uint64_t i = 0; i < value->count; ++i) {
    const auto number = value->is_array ? read_number(*value, i) : std::nullopt;
    if (!number || !std::isfinite(*number)) {
      refuse(key, "an array of finite numbers");
    }
    out.push_back(*number);
  }
  return out;
}

std::optional<std::vector<bool>> GgufMetadata::flags(
    std::string_view key) const {
  const GgufValue* value = find_or_null(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array) refuse(key, "an array of bools");
  const bool bools = value->type == GgufType::kBool;
  std::vector<bool> out;
  for (std::uint64_t i = 0; i < value->count; ++i) {
    out.push_back(bools ? element<std::uint8_t>(*value, i) != 0
                        : integer_at(key, *value, i) != 0);
  }
  return out;
}

std::optional<std::int64_t> GgufMetadata::count(std::string_view key) const {
  const auto out = integer(key);
  if (out && (*out < 1 || *out > kLargestCount)) {
    refuse(key, "1 to " + std::to_string(kLargestCount));
  }
  return out;
}

std::int64_t GgufMetadata::required_count(std::string_view key) const {
  const auto out = count(key);
  if (!out) refuse(key, "a positive integer");
  return *out;
}

std::string_view GgufMetadata::required_text(std::string_view key) const {
  const auto out = text(key);
  if (!out) refuse(key, "a string");
  return *out;
}

std::string GgufMetadata::summary(std::string_view key) const {
  const GgufValue* value = find_or_null(key);
  if (value == nullptr) return "null";
  const bool is_text = value->type == GgufType::kString;
  nlohmann::json out = nlohmann::json::array();
  if (value->is_array && value->count > kShownElements) {
    out = std::to_string(value->count) + " x " +
          std::string(gguf_type_name(value->type));
  } else if (is_text) {
    for (const std::string_view text : read_texts(*value, kShownElements)) {
      out.push_back(shown_text(text));
    }
  } else {
    for (std::uint64_t i = 0; i < value->count; ++i) {
      out.push_back(shown_element(*value, i));
    }
  }
  if (!value->is_array) out = nlohmann::json(out.front());
  return out.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace graft
