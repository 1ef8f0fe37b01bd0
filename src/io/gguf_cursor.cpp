// Bounded reads; every count and length is held against the bytes that are
// left before anything is done with it.
#include <algorithm>
#include <array>
#include <bit>

#include "graft/base/checked_math.h"
#include "graft/base/error.h"
#include "io/gguf_cursor_internal.h"

namespace graft {
namespace {

static_assert(std::endian::native == std::endian::little,
              "numbers are read as they are stored");

struct TypeRow {
  std::string_view name;
  std::size_t size;
};

constexpr std::array<TypeRow, 13> kTypes{{{"uint8", 1},
                                          {"int8", 1},
                                          {"uint16", 2},
                                          {"int16", 2},
                                          {"uint32", 4},
                                          {"int32", 4},
                                          {"float32", 4},
                                          {"bool", 1},
                                          {"string", 0},
                                          {"array", 0},
                                          {"uint64", 8},
                                          {"int64", 8},
                                          {"float64", 8}}};

// Of a string: its length.
constexpr std::uint64_t kLengthBytes = 8;

}  // namespace

std::size_t gguf_type_size(GgufType type) {
  return kTypes[static_cast<std::size_t>(type)].size;
}

std::string_view gguf_type_name(GgufType type) {
  return kTypes[static_cast<std::size_t>(type)].name;
}

void GgufCursor::refuse(const std::string& what, const std::string& got,
                        const std::string& expected) const {
  throw FileError(ErrorText{.operation = "gguf",
                            .what = path_.string() + ": " + what,
                            .got = got,
                            .expected = expected});
}

std::span<const std::byte> GgufCursor::take(std::uint64_t size,
                                            const std::string& what) {
  if (size > remaining()) {
    refuse(what + " runs past the end of the file (truncated?)",
           std::to_string(size) + " bytes",
           "at most " + std::to_string(remaining()));
  }
  const auto out = bytes_.subspan(position_, size);
  position_ += size;
  return out;
}

std::string_view GgufCursor::text(const std::string& what) {
  const auto length = number<std::uint64_t>(what + " (length)");
  const auto bytes = take(length, what);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint64_t GgufCursor::count(const std::string& what,
                                std::uint64_t least_bytes) {
  const auto value = number<std::uint64_t>(what);
  if (value > remaining() / least_bytes) {
    refuse(what + " does not fit the file (truncated?)", std::to_string(value),
           "at most " + std::to_string(remaining() / least_bytes));
  }
  return value;
}

GgufType GgufCursor::type(const std::string& what) {
  const auto number_of_type = number<std::uint32_t>(what + " (type)");
  if (number_of_type >= kTypes.size()) {
    refuse(what + ": unknown value type", std::to_string(number_of_type),
           "0 to 12");
  }
  return static_cast<GgufType>(number_of_type);
}

GgufValue GgufCursor::value(const std::string& what) {
  GgufValue out;
  out.type = type(what);
  if (out.type == GgufType::kArray) {
    out.is_array = true;
    out.type = type(what + ", elements");
    if (out.type == GgufType::kArray) {
      refuse(what + ": an array of arrays", {}, "numbers, bools or strings");
    }
    const std::size_t size = gguf_type_size(out.type);
    out.count = count(what + ": array length", size == 0 ? kLengthBytes : size);
  }
  out.bytes = elements(out, what);
  return out;
}

std::span<const std::byte> GgufCursor::elements(const GgufValue& value,
                                                const std::string& what) {
  if (value.type == GgufType::kString) {
    const std::uint64_t begin = position_;
    for (std::uint64_t i = 0; i < value.count; ++i) text(what);
    return bytes_.subspan(begin, position_ - begin);
  }
  const auto size = checked_mul(value.count, gguf_type_size(value.type));
  if (!size) refuse(what + ": array length overflows 64 bits");
  const auto out = take(*size, what);
  const bool is_odd =
      value.type == GgufType::kBool &&
      std::ranges::any_of(out, [](std::byte b) { return b > std::byte{1}; });
  if (is_odd) refuse(what + ": a bool that is neither 0 nor 1");
  return out;
}

}  // namespace graft
