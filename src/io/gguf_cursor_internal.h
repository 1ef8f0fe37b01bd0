// Reads the header of a GGUF file forwards and never past its end. Entry
// point: GgufCursor. Private to io.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "graft/io/gguf_metadata.h"

namespace graft {

class GgufCursor {
 public:
  // Both must outlive the cursor.
  GgufCursor(const std::filesystem::path& path,
             std::span<const std::byte> bytes)
      : path_(path), bytes_(bytes) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t remaining() const { return bytes_.size() - position_; }

  // `what` names the place in errors.
  std::span<const std::byte> take(std::uint64_t size, const std::string& what);
  template <typename T>
  T number(const std::string& what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }
  std::string_view text(const std::string& what);
  // A value with its leading type, checked whole.
  GgufValue value(const std::string& what);
  // A count of things that take at least `least_bytes` each.
  std::uint64_t count(const std::string& what, std::uint64_t least_bytes);

  [[noreturn]] void refuse(const std::string& what, const std::string& got = {},
                           const std::string& expected = {}) const;

 private:
  GgufType type(const std::string& what);
  std::span<const std::byte> elements(const GgufValue& value,
                                      const std::string& what);

  const std::filesystem::path& path_;
  std::span<const std::byte> bytes_;
  std::uint64_t position_ = 0;
};

// Bytes of a value of fixed size; 0 for strings and arrays.
std::size_t gguf_type_size(GgufType type);
// "uint32", "string", ...
std::string_view gguf_type_name(GgufType type);

}  // namespace graft
