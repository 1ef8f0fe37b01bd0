// Builds the header from the layout, then passes bytes through. Entry points:
// SafetensorsWriter, save_safetensors. Format: docs/formats/safetensors.md.
#include "graft/io/safetensors_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "graft/base/checked_math.h"
#include "graft/base/error.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kAlignment = 64;
constexpr std::string_view kMetadataKey = "__metadata__";

[[noreturn]] void refuse(const std::string& what, const std::string& got = {},
                         const std::string& expected = {}) {
  throw ConfigError(ErrorText{.operation = "write safetensors",
                              .what = what,
                              .got = got,
                              .expected = expected});
}

std::string quote(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    refuse("a name or metadata entry is not valid UTF-8");
  }
}

std::uint64_t byte_size(const TensorLayout& tensor) {
  std::optional<std::uint64_t> size = dtype_size(tensor.dtype);
  for (const std::int64_t dimension : tensor.shape) {
    if (dimension < 0) refuse("tensor '" + tensor.name + "': negative shape");
    size = checked_mul(*size, static_cast<std::uint64_t>(dimension));
    if (!size) refuse("tensor '" + tensor.name + "': shape overflows");
  }
  return *size;
}

struct Header {
  std::string text;  // length field, JSON and padding
  std::uint64_t data_size = 0;
};

void append_field(std::string& json, const std::string& key,
                  const std::string& value) {
  if (json.size() > 1) json += ',';
  json += quote(key) + ":" + value;
}

std::string metadata_json(const std::map<std::string, std::string>& metadata) {
  std::string out = "{";
  for (const auto& [key, value] : metadata) {
    append_field(out, key, quote(value));
  }
  return out + "}";
}

void pad_and_prefix(Header& header) {
  const std::size_t used = kLengthBytes + header.text.size();
  header.text.append((kAlignment - used % kAlignment) % kAlignment, ' ');
  std::string prefix(kLengthBytes, '\0');
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    prefix[i] = static_cast<char>(header.text.size() >> (8 * i) & 0xff);
  }
  header.text.insert(0, prefix);
}

Header make_header(const std::vector<TensorLayout>& layout,
                   const std::map<std::string, std::string>& metadata) {
  Header header{.text = "{"};
  if (!metadata.empty()) {
    append_field(header.text, std::string(kMetadataKey),
                 metadata_json(metadata));
  }
  std::set<std::string_view> names{kMetadataKey};
  for (const TensorLayout& tensor : layout) {
    if (!names.insert(tensor.name).second) {
      refuse("duplicate or reserved tensor name '" + tensor.name + "'");
    }
    const auto end = checked_add(header.data_size, byte_size(tensor));
    if (!end) refuse("tensor '" + tensor.name + "': data overflows 64 bits");
    append_field(header.text, tensor.name,
                 "{\"dtype\":\"" + std::string(dtype_name(tensor.dtype)) +
                     "\",\"shape\":" + nlohmann::json(tensor.shape).dump() +
                     ",\"data_offsets\":[" + std::to_string(header.data_size) +
                     "," + std::to_string(*end) + "]}");
    header.data_size = *end;
  }
  header.text += '}';
  pad_and_prefix(header);
  return header;
}

}  // namespace

std::string make_safetensors_header(
    const std::vector<TensorLayout>& layout,
    const std::map<std::string, std::string>& metadata) {
  return make_header(layout, metadata).text;
}

SafetensorsWriter::SafetensorsWriter(
    const fs::path& path, const std::vector<TensorLayout>& layout,
    const std::map<std::string, std::string>& metadata)
    : file_(path) {
  const Header header = make_header(layout, metadata);
  expected_ = header.data_size;
  file_.write(header.text);
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  if (bytes.size() > expected_ - written_) {
    refuse("more bytes than the layout has",
           std::to_string(written_ + bytes.size()), std::to_string(expected_));
  }
  file_.write(bytes);
  written_ += bytes.size();
}

void SafetensorsWriter::commit() {
  if (written_ != expected_) {
    refuse("fewer bytes than the layout has", std::to_string(written_),
           std::to_string(expected_));
  }
  file_.commit();
}

void save_safetensors(const fs::path& path,
                      std::vector<std::pair<std::string, HostTensor>> tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<TensorLayout> layout;
  for (const auto& [name, tensor] : tensors) {
    layout.push_back({name, tensor.dtype, tensor.shape});
    if (byte_size(layout.back()) != tensor.bytes.size()) {
      refuse("tensor '" + name + "': bytes do not fit its shape",
             std::to_string(tensor.bytes.size()),
             std::to_string(byte_size(layout.back())));
    }
  }
  SafetensorsWriter writer(path, layout, metadata);
  for (const auto& [name, tensor] : tensors) writer.write(tensor.bytes);
  writer.commit();
}

}  // namespace graft
