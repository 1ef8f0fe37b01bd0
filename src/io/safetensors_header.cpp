// Gives up at the first byte that is not the usual form.
#include "io/safetensors_header_internal.h"

#include <charconv>
#include <cstdint>
#include <limits>
#include <utility>

namespace graft {
namespace {

class PlainHeader {
 public:
  explicit PlainHeader(std::string_view text) : text_(text) {}

  bool read(std::vector<TensorEntry>& entries,
            std::map<std::string, std::string>& metadata) {
    bool has_metadata = false;
    const auto read_member = [&] {
      std::string_view name;
      if (!take_text(name) || !take(':')) return false;
      if (name == "__metadata__") {
        return !std::exchange(has_metadata, true) && read_metadata(metadata);
      }
      entries.emplace_back().name = name;
      return read_entry(entries.back());
    };
    if (!read_members('{', '}', read_member)) return false;
    skip_space();
    return at_ == text_.size();
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' ||
                                  text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }

  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // Members between brackets, with commas between them.
  template <typename ReadMember>
  bool read_members(char open, char close, const ReadMember& read_member) {
    if (!take(open)) return false;
    if (take(close)) return true;
    do {
      if (!read_member()) return false;
    } while (take(','));
    return take(close);
  }

  bool take_text(std::string_view& out) {
    if (!take('"')) return false;
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      const char c = text_[at_];
      if (c < 0x20 || c == 0x7F || c == '\\') return false;
      ++at_;
    }
    out = text_.substr(begin, at_ - begin);
    return take('"');
  }

  bool take_key(std::string_view key) {
    std::string_view text;
    return take_text(text) && text == key && take(':');
  }

  // JSON has no leading zeros.
  bool take_count(std::uint64_t& out) {
    skip_space();
    const char* begin = text_.data() + at_;
    const char* end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(begin, end, out);
    if (error != std::errc() || (*begin == '0' && stop != begin + 1)) {
      return false;
    }
    at_ += static_cast<std::size_t>(stop - begin);
    return true;
  }

  bool read_metadata(std::map<std::string, std::string>& metadata) {
    return read_members('{', '}', [&] {
      std::string_view key, value;
      return take_text(key) && take(':') && take_text(value) &&
             metadata.emplace(key, value).second;
    });
  }

  bool read_entry(TensorEntry& entry) {
    std::string_view dtype;
    if (!take('{') || !take_key("dtype") || !take_text(dtype)) return false;
    const auto known = dtype_from_name(dtype);
    if (!known || !take(',') || !take_key("shape")) return false;
    entry.dtype = *known;
    return read_shape(entry.shape) && take(',') && take_key("data_offsets") &&
           take('[') && take_count(entry.begin) && take(',') &&
           take_count(entry.end) && take(']') && take('}');
  }

  bool read_shape(std::vector<std::int64_t>& shape) {
    constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
    return read_members('[', ']', [&] {
      std::uint64_t size = 0;
      if (!take_count(size) || size > kLargest) return false;
      shape.push_back(static_cast<std::int64_t>(size));
      return true;
    });
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool read_plain_header(std::string_view text, std::vector<TensorEntry>& entries,
                       std::map<std::string, std::string>& metadata) {
  return PlainHeader(text).read(entries, metadata);
}

}  // namespace graft
