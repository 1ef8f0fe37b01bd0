// One JSON object read field by field. Problems are collected so that the
// caller can throw them together. Entry points: JsonFields, ProblemList.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

// What is wrong with one file, to be thrown as one FileError.
class ProblemList {
 public:
  ProblemList(std::string operation, std::filesystem::path file)
      : operation_(std::move(operation)), file_(std::move(file)) {}

  void add(std::string problem) { problems_.push_back(std::move(problem)); }
  bool empty() const { return problems_.empty(); }
  // Throws FileError naming the file and every problem, if there is one.
  void throw_if_any(const std::string& hint = {}) const;

 private:
  std::string operation_;
  std::filesystem::path file_;
  std::vector<std::string> problems_;
};

// The value as text, cut to a line; arrays and objects by kind only.
std::string json_summary(const nlohmann::json& value);

// Typed access to the members of one object, which must outlive it. An absent
// or null member is nullopt; one of another type is nullopt and a problem.
class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, std::string prefix,
             ProblemList& problems)
      : object_(object), prefix_(std::move(prefix)), problems_(problems) {}

  // nullptr when absent or null.
  const nlohmann::json* find_or_null(std::string_view name) const;
  bool has(std::string_view name) const {
    return find_or_null(name) != nullptr;
  }
  // Also when it is null, which some fields tell from absence.
  bool mentions(std::string_view name) const { return object_.contains(name); }

  std::optional<bool> boolean(std::string_view name) const;
  std::optional<std::int64_t> integer(std::string_view name) const;
  // Finite.
  std::optional<double> number(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::optional<std::vector<std::string>> texts(std::string_view name) const;
  std::optional<std::vector<std::int64_t>> integers(
      std::string_view name) const;
  // Finite.
  std::optional<std::vector<double>> numbers(std::string_view name) const;

  // At least 1; nullopt (and a problem unless optional) otherwise.
  std::optional<std::int64_t> count(std::string_view name) const;
  std::int64_t required_count(std::string_view name) const;

  void reject(std::string_view name, const std::string& expected) const;
  std::string path(std::string_view name) const {
    return prefix_ + std::string(name);
  }
  ProblemList& problems() const { return problems_; }

 private:
  const nlohmann::json& object_;
  std::string prefix_;
  ProblemList& problems_;
};

}  // namespace graft
