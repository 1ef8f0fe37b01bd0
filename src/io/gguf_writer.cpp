// The header is made whole, then the tensors' bytes pass through.
#include "graft/io/gguf_writer.h"

#include <bit>
#include <set>
#include <string_view>

#include "graft/base/block_format.h"
#include "graft/base/error.h"
#include "graft/io/atomic_output.h"
#include "graft/io/gguf_metadata.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr std::uint32_t kVersion = 3;
constexpr std::uint64_t kAlignment = 32;
constexpr std::size_t kLongestName = 63;  // GGML_MAX_NAME, less its zero byte
constexpr std::size_t kMostDimensions = 4;

[[noreturn]] void refuse(const std::string& what, const std::string& got = {},
                         const std::string& expected = {}) {
  throw ConfigError(ErrorText{.operation = "write gguf",
                              .what = what,
                              .got = got,
                              .expected = expected});
}

// Numbers are little-endian in the file, whatever the machine.
template <typename Unsigned>
void append_number(std::string& out, Unsigned value) {
  for (std::size_t i = 0; i < sizeof value; ++i) {
    out += static_cast<char>(value >> (8 * i) & 0xff);
  }
}

void append_text(std::string& out, std::string_view text) {
  append_number<std::uint64_t>(out, text.size());
  out += text;
}

void append_type(std::string& out, GgufType type) {
  append_number(out, static_cast<std::uint32_t>(type));
}

void append_field(std::string& out, const std::string& key,
                  const GgufField& field) {
  append_text(out, key);
  if (const auto* text = std::get_if<std::string>(&field)) {
    append_type(out, GgufType::kString);
    append_text(out, *text);
  } else if (const auto* count = std::get_if<std::uint32_t>(&field)) {
    append_type(out, GgufType::kU32);
    append_number(out, *count);
  } else {
    append_type(out, GgufType::kF32);
    append_number(out, std::bit_cast<std::uint32_t>(std::get<float>(field)));
  }
}

std::uint64_t padding(std::uint64_t size) {
  return (kAlignment - size % kAlignment) % kAlignment;
}

const BlockFormat& format_of(const std::string& name,
                             const HostTensor& tensor) {
  const bool stored = tensor.dtype == DType::kF32 ||
                      tensor.dtype == DType::kF16 ||
                      tensor.dtype == DType::kBF16;
  if (!stored) {
    refuse("tensor '" + printable(name) + "'",
           std::string(dtype_name(tensor.dtype)), "F32, F16 or BF16");
  }
  return *plain_block_format(tensor.dtype);
}

void append_tensor(std::string& out, const std::string& name,
                   const HostTensor& tensor, std::uint64_t offset) {
  if (name.size() > kLongestName) {
    refuse("tensor '" + printable(name) + "': the name is too long for ggml",
           std::to_string(name.size()) + " bytes",
           "at most " + std::to_string(kLongestName));
  }
  const std::size_t dimensions = tensor.shape.size();
  if (dimensions == 0 || dimensions > kMostDimensions || tensor.bytes.empty()) {
    refuse("tensor '" + printable(name) + "': shape",
           std::to_string(dimensions) + " dimensions, " +
               std::to_string(tensor.bytes.size()) + " bytes",
           "1 to 4 dimensions, none of them 0");
  }
  append_text(out, name);
  append_number(out, static_cast<std::uint32_t>(dimensions));
  for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) {
    append_number(out, static_cast<std::uint64_t>(*size));
  }
  append_number(out, format_of(name, tensor).id);
  append_number(out, offset);
}

template <typename Named>
void check_names(const std::vector<std::pair<std::string, Named>>& items,
                 const char* kind) {
  std::set<std::string_view> names;
  for (const auto& [name, item] : items) {
    if (name.empty() || !names.insert(name).second) {
      refuse(std::string(kind) + " '" + printable(name) + "'",
             name.empty() ? "an empty name" : "the name twice");
    }
  }
}

}  // namespace

void save_gguf(const std::filesystem::path& path,
               const std::vector<std::pair<std::string, GgufField>>& fields,
               const std::vector<std::pair<std::string, HostTensor>>& tensors) {
  check_names(fields, "key");
  check_names(tensors, "tensor");
  std::string header = "GGUF";
  append_number(header, kVersion);
  append_number<std::uint64_t>(header, tensors.size());
  append_number<std::uint64_t>(header, fields.size());
  for (const auto& [key, field] : fields) append_field(header, key, field);
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    append_tensor(header, name, tensor, offset);
    offset += tensor.bytes.size() + padding(tensor.bytes.size());
  }
  header.append(padding(header.size()), '\0');

  AtomicFile file(path);
  file.write(header);
  for (const auto& [name, tensor] : tensors) {
    file.write(tensor.bytes);
    file.write(std::string(padding(tensor.bytes.size()), '\0'));
  }
  file.commit();
}

}  // namespace graft
