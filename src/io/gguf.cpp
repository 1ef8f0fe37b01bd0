// Header, metadata, tensor table and the tensors' places are all checked
// before open() returns. Entry points: GgufFile::open, is_gguf_file.
#include "graft/io/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <limits>
#include <utility>

#include "graft/base/checked_math.h"
#include "graft/base/error.h"
#include "io/gguf_cursor_internal.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "GGUF";
constexpr std::string_view kAlignmentKey = "general.alignment";
constexpr std::uint64_t kMaxAlignment = 1 << 16;
constexpr std::size_t kMaxNameBytes = 65535;
constexpr std::uint32_t kMaxDimensions = 4;
// Of the shortest key with its value, and of the shortest tensor row.
constexpr std::uint64_t kLeastKeyBytes = 8 + 4 + 1;
constexpr std::uint64_t kLeastTensorBytes = 8 + 4 + 8 + 4 + 8;

std::string in_quotes(std::string_view name) {
  return "'" + printable(name) + "'";
}

std::uint32_t read_version(GgufCursor& cursor) {
  const auto magic = cursor.take(kMagic.size(), "the magic number");
  const std::string_view found(reinterpret_cast<const char*>(magic.data()),
                               magic.size());
  if (found != kMagic) {
    cursor.refuse("not a GGUF file", in_quotes(found), in_quotes(kMagic));
  }
  const auto version = cursor.number<std::uint32_t>("the version");
  if (version == 2 || version == 3) return version;
  if (version == 1) {
    cursor.refuse("GGUF version 1, which is no longer in use", "1", "2 or 3");
  }
  if (version != 0 && (version & 0xffffU) == 0) {
    cursor.refuse("a big-endian GGUF file",
                  "version bytes " + std::to_string(version), "little-endian");
  }
  cursor.refuse("unknown GGUF version", std::to_string(version), "2 or 3");
}

std::string read_name(GgufCursor& cursor, const std::string& what) {
  const std::string_view name = cursor.text(what);
  if (name.empty() || name.size() > kMaxNameBytes) {
    cursor.refuse(what, std::to_string(name.size()) + " bytes",
                  "1 to " + std::to_string(kMaxNameBytes));
  }
  return std::string(name);
}

// The file's dimensions, fastest first.
std::vector<std::uint64_t> read_dimensions(GgufCursor& cursor,
                                           const std::string& where) {
  const auto count = cursor.number<std::uint32_t>(where + ": dimensions");
  if (count == 0 || count > kMaxDimensions) {
    cursor.refuse(where + ": number of dimensions", std::to_string(count),
                  "1 to " + std::to_string(kMaxDimensions));
  }
  std::vector<std::uint64_t> out;
  for (std::uint32_t i = 0; i < count; ++i) {
    out.push_back(cursor.number<std::uint64_t>(where + ": dimensions"));
    if (out.back() == 0) cursor.refuse(where + ": a dimension of 0");
  }
  return out;
}

std::uint64_t byte_size(const GgufCursor& cursor, const std::string& where,
                        const std::vector<std::uint64_t>& dimensions,
                        const BlockFormat& format) {
  if (dimensions[0] % format.elements != 0) {
    cursor.refuse(where + ": row of " + std::string(format.name),
                  std::to_string(dimensions[0]) + " elements",
                  "a multiple of " + std::to_string(format.elements));
  }
  std::optional<std::uint64_t> elements = 1;
  for (const std::uint64_t dimension : dimensions) {
    elements = checked_mul(*elements, dimension);
    if (!elements) break;
  }
  const auto size = elements
                        ? checked_mul(*elements / format.elements, format.bytes)
                        : std::nullopt;
  constexpr std::uint64_t kLimit = std::numeric_limits<std::int64_t>::max();
  if (!size || *size > kLimit || *elements > kLimit) {
    cursor.refuse(where + ": shape overflows 63 bits");
  }
  return *size;
}

GgufEntry read_entry(GgufCursor& cursor, std::uint64_t index) {
  GgufEntry out;
  out.name = read_name(cursor, "tensor " + std::to_string(index) + ": name");
  const std::string where = "tensor " + in_quotes(out.name);
  const auto dimensions = read_dimensions(cursor, where);
  const auto type = cursor.number<std::uint32_t>(where + ": type");
  out.format = find_block_format(type);
  if (out.format == nullptr) {
    cursor.refuse(where + ": unknown tensor type", std::to_string(type),
                  "a type of ggml (0 is F32, 1 is F16, 2 is Q4_0, ...)");
  }
  out.begin = cursor.number<std::uint64_t>(where + ": offset");
  const auto end =
      checked_add(out.begin, byte_size(cursor, where, dimensions, *out.format));
  if (!end) cursor.refuse(where + ": offset overflows 64 bits");
  out.end = *end;
  for (auto at = dimensions.rbegin(); at != dimensions.rend(); ++at) {
    out.shape.push_back(static_cast<std::int64_t>(*at));
  }
  return out;
}

std::uint64_t read_alignment(const GgufMetadata& metadata) {
  constexpr std::int64_t kUsual = 32;
  const std::int64_t value = metadata.integer(kAlignmentKey).value_or(kUsual);
  const auto out = static_cast<std::uint64_t>(value);
  if (value < 1 || out > kMaxAlignment || !std::has_single_bit(out)) {
    metadata.refuse(kAlignmentKey,
                    "a power of two, at most " + std::to_string(kMaxAlignment));
  }
  return out;
}

}  // namespace

std::int64_t GgufEntry::element_count() const {
  return static_cast<std::int64_t>(byte_size() / format->bytes *
                                   format->elements);
}

void GgufFile::read_header() {
  GgufCursor cursor(path(), file_->bytes());
  version_ = read_version(cursor);
  const auto tensors = cursor.number<std::uint64_t>("the tensor count");
  const auto keys = cursor.count("the metadata count", kLeastKeyBytes);
  if (tensors > cursor.remaining() / kLeastTensorBytes) {
    cursor.refuse(
        "the tensor count does not fit the file (truncated?)",
        std::to_string(tensors),
        "at most " + std::to_string(cursor.remaining() / kLeastTensorBytes));
  }
  metadata_.path_ = path();
  for (std::uint64_t i = 0; i < keys; ++i) {
    std::string key =
        read_name(cursor, "metadata key " + std::to_string(i) + ": name");
    const std::string where = "metadata key " + in_quotes(key);
    const GgufValue value = cursor.value(where);
    if (!metadata_.values_.emplace(key, value).second) {
      cursor.refuse(where + " is there twice");
    }
    metadata_.keys_.push_back(std::move(key));
  }
  for (std::uint64_t i = 0; i < tensors; ++i) {
    entries_.push_back(read_entry(cursor, i));
    const std::string& name = entries_.back().name;
    if (!by_name_.emplace(name, i).second) {
      cursor.refuse("tensor " + in_quotes(name) + " is there twice");
    }
  }
  alignment_ = read_alignment(metadata_);
  data_offset_ = (cursor.position() + alignment_ - 1) / alignment_ * alignment_;
}

// Aligned, inside the file, and no byte in two tensors.
void GgufFile::check_data() const {
  const GgufCursor cursor(path(), file_->bytes());
  const std::uint64_t size = file_->bytes().size();
  const std::uint64_t data_size = size > data_offset_ ? size - data_offset_ : 0;
  std::vector<const GgufEntry*> sorted;
  for (const GgufEntry& entry : entries_) sorted.push_back(&entry);
  std::ranges::sort(sorted, {}, [](const GgufEntry* entry) {
    return std::pair(entry->begin, entry->end);
  });
  std::uint64_t position = 0;
  for (const GgufEntry* entry : sorted) {
    const std::string where = "tensor " + in_quotes(entry->name);
    if (entry->begin % alignment_ != 0) {
      cursor.refuse(where + ": offset is not aligned",
                    std::to_string(entry->begin),
                    "a multiple of " + std::to_string(alignment_));
    }
    if (entry->end > data_size) {
      cursor.refuse(where + ": data runs past the end of the file (truncated?)",
                    "offset " + std::to_string(entry->end),
                    "at most " + std::to_string(data_size));
    }
    if (entry->begin < position) {
      cursor.refuse(where + ": data overlaps the tensor before",
                    "offset " + std::to_string(entry->begin),
                    "at least " + std::to_string(position));
    }
    position = entry->end;
  }
}

GgufFile GgufFile::open(const fs::path& path) {
  GgufFile out;
  out.file_ = MappedFile::open(path);
  out.read_header();
  out.check_data();
  return out;
}

const GgufEntry* GgufFile::find_or_null(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &entries_[found->second];
}

StoredTensor GgufFile::tensor(const GgufEntry& entry) const {
  return {entry.format, entry.shape,
          file_->bytes().subspan(data_offset_ + entry.begin, entry.byte_size()),
          file_, nullptr};
}

bool is_gguf_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  // A damaged one is still meant as one: open() says what is wrong with it.
  if (path.extension() == ".gguf") return true;
  std::ifstream in(path, std::ios::binary);
  std::array<char, kMagic.size()> start{};
  return in.read(start.data(), start.size()) &&
         std::string_view(start.data(), start.size()) == kMagic;
}

}  // namespace graft
