// Validates the header of a safetensors file against the file's length before
// anything else sees it. Entry point: SafetensorsFile::open.
// Format: docs/formats/safetensors.md.
#include "graft/io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <tuple>
#include <utility>

#include "graft/base/checked_math.h"
#include "graft/base/error.h"
#include "io/json_file_internal.h"
#include "io/safetensors_header_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLengthBytes = 8;
// The limit of the Rust crate.
constexpr std::uint64_t kHeaderLimit = 100'000'000;
constexpr std::string_view kOperation = "safetensors";

[[noreturn]] void refuse(const fs::path& path, std::string what,
                         std::string got = {}, std::string expected = {}) {
  throw FileError(ErrorText{.operation = std::string(kOperation),
                            .what = path.string() + ": " + std::move(what),
                            .got = std::move(got),
                            .expected = std::move(expected)});
}

std::string bytes_text(std::uint64_t count) {
  return std::to_string(count) + " bytes";
}

// Length of the JSON text, already known to lie inside the file.
std::uint64_t read_header_length(const MappedFile& file) {
  const auto bytes = file.bytes();
  if (bytes.size() < kLengthBytes) {
    refuse(file.path(), "file too short", bytes_text(bytes.size()),
           "at least " + bytes_text(kLengthBytes));
  }
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  }
  if (length > kHeaderLimit) {
    refuse(file.path(), "header too large", bytes_text(length),
           "at most " + bytes_text(kHeaderLimit));
  }
  if (length > bytes.size() - kLengthBytes) {
    refuse(file.path(), "header runs past the end of the file",
           bytes_text(length),
           "at most " + bytes_text(bytes.size() - kLengthBytes));
  }
  return length;
}

[[noreturn]] void refuse_entry(const fs::path& path, const std::string& name,
                               std::string what, std::string got = {},
                               std::string expected = {}) {
  refuse(path, "tensor '" + printable(name) + "': " + std::move(what),
         std::move(got), std::move(expected));
}

void check_size(const fs::path& path, const TensorEntry& entry) {
  if (entry.begin > entry.end) {
    refuse_entry(
        path, entry.name, "data_offsets are reversed",
        std::to_string(entry.begin) + " to " + std::to_string(entry.end));
  }
  std::optional<std::uint64_t> size = dtype_size(entry.dtype);
  for (const std::int64_t dimension : entry.shape) {
    size = checked_mul(*size, static_cast<std::uint64_t>(dimension));
    if (!size) {
      refuse_entry(path, entry.name, "shape overflows 64 bits");
    }
  }
  if (*size != entry.byte_size()) {
    refuse_entry(path, entry.name, "data_offsets do not fit shape and dtype",
                 bytes_text(entry.byte_size()), bytes_text(*size));
  }
}

// One entry of the header, checked by itself.
class EntryReader {
 public:
  EntryReader(const fs::path& path, const std::string& name,
              const nlohmann::json& fields)
      : path_(path), name_(name), fields_(fields) {}

  TensorEntry read() const {
    if (!fields_.is_object()) refuse_tensor("entry is not an object");
    TensorEntry entry;
    entry.name = name_;
    entry.dtype = read_dtype();
    entry.shape = read_shape();
    const nlohmann::json& offsets = field("data_offsets");
    if (!offsets.is_array() || offsets.size() != 2) {
      refuse_tensor("data_offsets is not a pair");
    }
    entry.begin = read_count(offsets[0], "data_offsets");
    entry.end = read_count(offsets[1], "data_offsets");
    return entry;
  }

 private:
  [[noreturn]] void refuse_tensor(std::string what,
                                  std::string got = {}) const {
    refuse_entry(path_, name_, std::move(what), std::move(got));
  }

  const nlohmann::json& field(const char* key) const {
    const auto found = fields_.find(key);
    if (found == fields_.end()) {
      refuse_tensor(std::string("missing field ") + key);
    }
    return *found;
  }

  std::uint64_t read_count(const nlohmann::json& value, const char* key) const {
    if (!value.is_number_unsigned()) {
      refuse_tensor(std::string(key) + " is not a non-negative integer",
                    value.dump().substr(0, 40));
    }
    return value.get<std::uint64_t>();
  }

  DType read_dtype() const {
    const nlohmann::json& value = field("dtype");
    if (!value.is_string()) refuse_tensor("dtype is not a string");
    const auto& text = value.get_ref<const std::string&>();
    const auto dtype = dtype_from_name(text);
    if (!dtype) refuse_tensor("unknown dtype", "'" + printable(text) + "'");
    return *dtype;
  }

  std::vector<std::int64_t> read_shape() const {
    const nlohmann::json& value = field("shape");
    if (!value.is_array()) refuse_tensor("shape is not a list");
    std::vector<std::int64_t> shape;
    for (const nlohmann::json& dimension : value) {
      const std::uint64_t size = read_count(dimension, "shape");
      if (size > std::numeric_limits<std::int64_t>::max()) {
        refuse_tensor("dimension too large", std::to_string(size));
      }
      shape.push_back(static_cast<std::int64_t>(size));
    }
    return shape;
  }

  const fs::path& path_;
  const std::string& name_;
  const nlohmann::json& fields_;
};

std::map<std::string, std::string> read_metadata(const fs::path& path,
                                                 const nlohmann::json& value) {
  if (!value.is_object()) refuse(path, "__metadata__ is not an object");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      refuse(path,
             "__metadata__ entry '" + printable(key) + "' is not a string");
    }
    metadata.emplace(key, text.get<std::string>());
  }
  return metadata;
}

// Any JSON, with an error for what is wrong in it.
void read_strictly(const fs::path& path, std::string_view text,
                   std::vector<TensorEntry>& entries,
                   std::map<std::string, std::string>& metadata) {
  entries.clear();
  metadata.clear();
  const nlohmann::json header = parse_json_text(text, path, kOperation);
  for (const auto& [name, fields] : header.items()) {
    if (name == "__metadata__") {
      metadata = read_metadata(path, fields);
    } else {
      entries.push_back(EntryReader(path, name, fields).read());
    }
  }
}

// Most files are so already.
void sort_by_data(std::vector<TensorEntry>& entries) {
  const auto before = [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  };
  if (std::is_sorted(entries.begin(), entries.end(), before)) return;
  std::sort(entries.begin(), entries.end(), before);
}

// `entries` are in data order: each must start where the one before ended, and
// the last must end with the file.
void check_coverage(const fs::path& path,
                    const std::vector<TensorEntry>& entries,
                    std::uint64_t data_size) {
  std::uint64_t position = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.end > data_size) {
      refuse(path,
             "tensor '" + entry.name +
                 "': data runs past the end of "
                 "the file (truncated?)",
             "offset " + std::to_string(entry.end),
             "at most " + std::to_string(data_size));
    }
    if (entry.begin != position) {
      refuse(path,
             "tensor '" + printable(entry.name) + "': " +
                 (entry.begin < position ? "data overlaps the tensor before"
                                         : "gap before its data"),
             "offset " + std::to_string(entry.begin), std::to_string(position));
    }
    position = entry.end;
  }
  if (position != data_size) {
    refuse(path, "trailing bytes after the last tensor", bytes_text(data_size),
           bytes_text(position));
  }
}

}  // namespace

std::int64_t TensorEntry::element_count() const {
  return static_cast<std::int64_t>(byte_size() / dtype_size(dtype));
}

SafetensorsFile SafetensorsFile::open(const fs::path& path) {
  SafetensorsFile out;
  out.file_ = MappedFile::open(path);
  const auto bytes = out.file_->bytes();
  const std::uint64_t length = read_header_length(*out.file_);
  const std::string_view text(
      reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  if (text.empty() || text.front() != '{') {
    refuse(path, "header is not a JSON object");
  }
  if (!read_plain_header(text, out.entries_, out.metadata_)) {
    read_strictly(path, text, out.entries_, out.metadata_);
  }
  sort_by_data(out.entries_);
  for (std::size_t i = 0; i < out.entries_.size(); ++i) {
    // What names a tensor twice is no plain header: the strict reader says so.
    const bool is_new = out.by_name_.emplace(out.entries_[i].name, i).second;
    if (!is_new) parse_json_text(text, path, kOperation);
  }
  for (const TensorEntry& entry : out.entries_) check_size(path, entry);
  out.data_offset_ = kLengthBytes + length;
  check_coverage(path, out.entries_, bytes.size() - out.data_offset_);
  return out;
}

const TensorEntry* SafetensorsFile::find_or_null(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &entries_[found->second];
}

HostTensor SafetensorsFile::tensor(const TensorEntry& entry) const {
  HostTensor tensor;
  tensor.dtype = entry.dtype;
  tensor.shape = entry.shape;
  tensor.bytes =
      file_->bytes().subspan(data_offset_ + entry.begin, entry.byte_size());
  tensor.owner = file_;
  return tensor;
}

}  // namespace graft
