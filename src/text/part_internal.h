// One object of tokenizer.json with the place it came from, so that every
// error names file and part. Entry point: Part; parts are made by the file
// reader and read by the make_* functions of the pipeline.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graft::text {

class Part {
 public:
  // `node` outlives the part. `place` is the path inside the file:
  // "pre_tokenizer.pretokenizers[1]".
  Part(const nlohmann::json& node, std::string file, std::string place)
      : node_(&node), file_(std::move(file)), place_(std::move(place)) {}

  const nlohmann::json& node() const { return *node_; }
  // "FILE: PLACE", for messages.
  std::string label() const { return file_ + ": " + place_; }

  // Absent and null are the same.
  bool has(const char* key) const;
  Part child(const char* key) const;  // a required object or array
  std::vector<Part> items() const;    // of an array
  std::vector<Part> items(const char* key) const;

  std::string type() const { return text("type"); }
  std::string text(const char* key) const;
  std::optional<std::string> optional_text(const char* key) const;
  bool flag(const char* key, bool fallback) const;
  std::uint64_t count(const char* key) const;  // a required whole number >= 0

  // FileError: "tokenizer: FILE: PLACE: what: got G, expected E".
  [[noreturn]] void fail(const std::string& what, const std::string& got = "",
                         const std::string& expected = "") const;
  // FileError: "tokenizer: FILE: PLACE 'name' is not supported yet".
  [[noreturn]] void unsupported(const std::string& name) const;

 private:
  const nlohmann::json& required(const char* key) const;

  const nlohmann::json* node_;
  std::string file_;
  std::string place_;
};

}  // namespace graft::text
