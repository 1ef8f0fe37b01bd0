// Typed reads of one JSON object.
#include "graft/base/error.h"
#include "text/part_internal.h"

namespace graft::text {

bool Part::has(const char* key) const {
  if (!node_->is_object()) return false;
  const auto found = node_->find(key);
  return found != node_->end() && !found->is_null();
}

const nlohmann::json& Part::required(const char* key) const {
  if (!node_->is_object()) fail("wrong kind", node_->type_name(), "object");
  const auto found = node_->find(key);
  if (found == node_->end()) fail("no '" + std::string(key) + "'");
  return *found;
}

Part Part::child(const char* key) const {
  const nlohmann::json& node = required(key);
  const Part out(node, file_, place_.empty() ? key : place_ + "." + key);
  if (!node.is_structured()) {
    out.fail("wrong kind", node.type_name(), "object or array");
  }
  return out;
}

std::vector<Part> Part::items() const {
  if (!node_->is_array()) fail("wrong kind", node_->type_name(), "array");
  std::vector<Part> out;
  for (std::size_t i = 0; i < node_->size(); ++i) {
    out.emplace_back((*node_)[i], file_,
                     place_ + "[" + std::to_string(i) + "]");
  }
  return out;
}

std::vector<Part> Part::items(const char* key) const {
  return child(key).items();
}

std::string Part::text(const char* key) const {
  const nlohmann::json& node = required(key);
  if (!node.is_string()) {
    fail("'" + std::string(key) + "'", node.type_name(), "string");
  }
  return node.get<std::string>();
}

std::optional<std::string> Part::optional_text(const char* key) const {
  if (!has(key)) return std::nullopt;
  return text(key);
}

bool Part::flag(const char* key, bool fallback) const {
  if (!has(key)) return fallback;
  const nlohmann::json& node = required(key);
  if (!node.is_boolean()) {
    fail("'" + std::string(key) + "'", node.type_name(), "true or false");
  }
  return node.get<bool>();
}

std::uint64_t Part::count(const char* key) const {
  const nlohmann::json& node = required(key);
  if (!node.is_number_unsigned()) {
    fail("'" + std::string(key) + "'",
         node.is_structured() ? node.type_name() : node.dump(),
         "a whole number");
  }
  return node.get<std::uint64_t>();
}

void Part::fail(const std::string& what, const std::string& got,
                const std::string& expected) const {
  throw FileError(ErrorText{.operation = "tokenizer",
                            .what = label() + ": " + what,
                            .got = got,
                            .expected = expected});
}

void Part::unsupported(const std::string& name) const {
  throw FileError(
      ErrorText{.operation = "tokenizer",
                .what = label() + " '" + name + "' is not supported yet"});
}

}  // namespace graft::text
