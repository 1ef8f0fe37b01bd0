// The key-value section of a GGUF file, typed access. Entry point:
// GgufMetadata, made by GgufFile::open. Format: docs/formats/gguf.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graft {

// The numbers are those of the format.
enum class GgufType : std::uint32_t {
  kU8 = 0,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};

// A checked value inside the mapped file.
struct GgufValue {
  GgufType type = GgufType::kU8;  // of the value, or of an array's elements
  bool is_array = false;
  std::uint64_t count = 1;
  std::span<const std::byte> bytes;  // of all elements, as stored
};

// Views (string_view) are valid while the GgufFile, or a tensor of it, lives.
// An absent key gives nullopt; a value of another type, or out of range, is a
// FileError that names file, key, got and expected.
class GgufMetadata {
 public:
  const std::filesystem::path& path() const { return path_; }
  // In the file's order.
  const std::vector<std::string>& keys() const { return keys_; }
  bool has(std::string_view key) const { return find_or_null(key) != nullptr; }
  bool is_array(std::string_view key) const;

  std::optional<bool> boolean(std::string_view key) const;
  // Any integer type.
  std::optional<std::int64_t> integer(std::string_view key) const;
  // Any integer or floating-point type; finite.
  std::optional<double> number(std::string_view key) const;
  std::optional<std::string_view> text(std::string_view key) const;
  std::optional<std::vector<std::string_view>> texts(
      std::string_view key) const;
  std::optional<std::vector<std::int64_t>> integers(std::string_view key) const;
  // Any integer or floating-point type; finite.
  std::optional<std::vector<double>> numbers(std::string_view key) const;
  // Bools, or integers of which 0 is false.
  std::optional<std::vector<bool>> flags(std::string_view key) const;

  // 1 to 2^31; the absence of a required one is a FileError too.
  std::optional<std::int64_t> count(std::string_view key) const;
  std::int64_t required_count(std::string_view key) const;
  std::string_view required_text(std::string_view key) const;

  // The value as JSON text for people; long arrays and texts are cut.
  std::string summary(std::string_view key) const;

  // FileError about the value of `key`.
  [[noreturn]] void refuse(std::string_view key,
                           const std::string& expected) const;

 private:
  friend class GgufFile;
  const GgufValue* find_or_null(std::string_view key) const;
  std::int64_t integer_at(std::string_view key, const GgufValue& value,
                          std::uint64_t index) const;

  std::filesystem::path path_;
  std::vector<std::string> keys_;
  std::map<std::string, GgufValue, std::less<>> values_;
};

}  // namespace graft
