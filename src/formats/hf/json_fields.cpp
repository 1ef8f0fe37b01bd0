// Typed reading of JSON members; json_fields_internal.h has the contract.
#include <cmath>

#include "formats/hf/json_fields_internal.h"
#include "graft/base/error.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr std::size_t kSummaryLength = 60;

bool is_int64(const nlohmann::json& value) {
  if (!value.is_number_integer()) return false;
  return !value.is_number_unsigned() ||
         value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
}

}  // namespace

void ProblemList::throw_if_any(const std::string& hint) const {
  if (problems_.empty()) return;
  std::string what = file_.string() + ": ";
  for (std::size_t i = 0; i < problems_.size(); ++i) {
    if (i > 0) what += "; ";
    what += problems_[i];
  }
  throw FileError({.operation = operation_, .what = what, .hint = hint});
}

std::string json_summary(const nlohmann::json& value) {
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  std::string text =
      value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > kSummaryLength) {
    text.resize(kSummaryLength);
    text += "...";
  }
  return text;
}

const nlohmann::json* JsonFields::find_or_null(std::string_view name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void JsonFields::reject(std::string_view name,
                        const std::string& expected) const {
  const nlohmann::json* value = find_or_null(name);
  const std::string got = value ? json_summary(*value) : "nothing";
  problems_.add("'" + printable(path(name)) + "': got " + got + ", expected " +
                expected);
}

std::optional<bool> JsonFields::boolean(std::string_view name) const {
  const nlohmann::json* value = find_or_null(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  reject(name, "true or false");
  return std::nullopt;
}

std::optional<std::int64_t> JsonFields::integer(std::string_view name) const {
  const nlohmann::json* value = find_or_null(name);
  if (value == nullptr) return std::nullopt;
  if (is_int64(*value)) return value->get<std::int64_t>();
  reject(name, "an integer");
  return std::nullopt;
}

std::optional<double> JsonFields::number(std::string_view name) const {
  const nlohmann::json* value = find_or_null(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number() && std::isfinite(value->get<double>())) {
    return value->get<double>();
  }
  reject(name, "a number");
  return std::nullopt;
}

std::optional<std::string> JsonFields::text(std::string_view name) const {
  const nlohmann::json* value = find_or_null(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  reject(name, "a string");
  return std::nullopt;
}

std::optional<std::vector<std::string>> JsonFields::texts(
    std::string_view name) const {
  const nlohmann::json* value = find_or_null(name);
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> out;
  bool good = value->is_array();
  for (std::size_t i = 0; good && i < value->size(); ++i) {
    good = (*value)[i].is_string();
    if (good) out.push_back((*value)[i].get<std::string>());
  }
  if (good) return out;
  reject(name, "a list of strings");
  return std::nullopt;
}

std::optional<std::vector<std::int64_t>> JsonFields::integers(
    std::string_view name) const {
  const nlohmann::json* value = find_or_null(name);
  if (value == nullptr) return std::nullopt;
  std::vector<std::int64_t> out;
  bool good = value->is_array();
  for (std::size_t i = 0; good && i < value->size(); ++i) {
    good = is_int64((*value)[i]);
    if (good) out.push_back((*value)[i].get<std::int64_t>());
  }
  if (good) return out;
  reject(name, "a list of integers");
  return std::nullopt;
}

std::optional<std::vector<double>> JsonFields::numbers(
    std::string_view name) const {
  const nlohmann::json* value = find_or_null(name);
  if (value == nullptr) return std::nullopt;
  std::vector<double> out;
  bool good = value->is_array();
  for (std::size_t i = 0; good && i < value->size(); ++i) {
    const nlohmann::json& item = (*value)[i];
    good = item.is_number() && std::isfinite(item.get<double>());
    if (good) out.push_back(item.get<double>());
  }
  if (good) return out;
  reject(name, "a list of numbers");
  return std::nullopt;
}

std::optional<std::int64_t> JsonFields::count(std::string_view name) const {
  // Keeps every product of two or three sizes within 63 bits.
  constexpr std::int64_t kLargest = std::int64_t{1} << 31;
  const std::optional<std::int64_t> value = integer(name);
  if (!value) return std::nullopt;
  if (*value >= 1 && *value <= kLargest) return value;
  reject(name, "an integer from 1 to 2147483648");
  return std::nullopt;
}

std::int64_t JsonFields::required_count(std::string_view name) const {
  if (!has(name)) reject(name, "a positive integer");
  return count(name).value_or(0);
}

}  // namespace graft
