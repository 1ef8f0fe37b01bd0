// A SAX builder that checks depth and duplicate keys while it builds the
// document. Entry points are in the header; everything else is private.
#include "io/json_file_internal.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/io/mapped_file.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

template <typename Json>
class StrictBuilder {
 public:
  using Object = typename Json::object_t;
  using Array = typename Json::array_t;

  // `exact_integers`: one of more than 64 bits is an error, not a double.
  explicit StrictBuilder(Json& root, bool exact_integers = false)
      : slot_(&root), exact_integers_(exact_integers) {}

  const std::string& problem() const { return problem_; }

  bool null() { return put(Json(nullptr)); }
  bool boolean(bool value) { return put(Json(value)); }
  bool number_integer(std::int64_t value) { return put(Json(value)); }
  bool number_unsigned(std::uint64_t value) { return put(Json(value)); }
  bool number_float(double value, const std::string& text) {
    if (exact_integers_ && text.find_first_of(".eE") == text.npos) {
      return fail("the integer " + printable(text) + " has more than 64 bits");
    }
    return put(Json(value));
  }
  bool string(std::string& value) { return put(Json(std::move(value))); }
  bool binary(typename Json::binary_t&) { return fail("binary value"); }
  bool start_object(std::size_t) { return open(Json(Object())); }
  bool start_array(std::size_t) { return open(Json(Array())); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    Object& object = stack_.back()->template get_ref<Object&>();
    if constexpr (kOrdered) {
      // The vector's own emplace_back: ordered_map's is a linear search.
      static_cast<typename Object::Container&>(object).emplace_back(
          std::move(name), Json());
      slot_ = &object.back().second;
    } else {
      const auto [place, is_new] = object.emplace(name, Json());
      if (!is_new) return fail("duplicate key '" + printable(name) + "'");
      slot_ = &place->second;
    }
    return true;
  }

  bool end_object() {
    if constexpr (kOrdered) {
      const Object& object = stack_.back()->template get_ref<Object&>();
      std::vector<std::string_view> names;
      for (const auto& entry : object) names.push_back(entry.first);
      std::sort(names.begin(), names.end());
      const auto twice = std::adjacent_find(names.begin(), names.end());
      if (twice != names.end()) {
        return fail("duplicate key '" + printable(*twice) + "'");
      }
    }
    return close();
  }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) {
    const std::string_view text = error.what();
    const std::size_t end = text.find("] ");  // drops "[json.exception...]"
    return fail(printable(end == text.npos ? text : text.substr(end + 2)));
  }

 private:
  static constexpr bool kOrdered =
      !std::is_same_v<Object, nlohmann::json::object_t>;

  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  Json* place(Json&& value) {
    if (!stack_.empty() && stack_.back()->is_array()) {
      Array& array = stack_.back()->template get_ref<Array&>();
      array.push_back(std::move(value));
      return &array.back();
    }
    *slot_ = std::move(value);
    return slot_;
  }

  bool put(Json&& value) {
    place(std::move(value));
    return true;
  }

  bool open(Json&& value) {
    if (stack_.size() == kJsonDepthLimit) {
      return fail("nested deeper than " + std::to_string(kJsonDepthLimit) +
                  " levels");
    }
    stack_.push_back(place(std::move(value)));
    return true;
  }

  bool close() {
    stack_.pop_back();
    return true;
  }

  Json* slot_;  // where the next value of an object, or the root, goes
  bool exact_integers_;
  std::vector<Json*> stack_;
  std::string problem_;
};

template <typename Json>
Json parse_text(std::string_view text, const fs::path& path,
                std::string_view operation) {
  Json root;
  StrictBuilder<Json> builder(root);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    throw FileError(ErrorText{
        .operation = std::string(operation),
        .what = path.string() + ": invalid JSON: " + builder.problem()});
  }
  return root;
}

// Text of one line: errors add a column alone.
template <typename Json>
Json parse_line(std::string_view text, const std::string& place,
                std::string_view operation) {
  Json root;
  StrictBuilder<Json> builder(root, true);
  if (Json::sax_parse(text.begin(), text.end(), &builder)) return root;
  std::string problem = builder.problem();
  constexpr std::string_view kFirstLine = "at line 1, column ";
  const std::size_t at = problem.find(kFirstLine);
  if (at != problem.npos) {
    problem.replace(at, kFirstLine.size(), "at column ");
  }
  const std::string before = place.empty() ? "" : place + ": ";
  throw FileError(ErrorText{.operation = std::string(operation),
                            .what = before + "invalid JSON: " + problem});
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::size_t kLimit = 200;
  const bool cut = text.size() > kLimit;
  const std::string quoted =
      nlohmann::json(text.substr(0, kLimit))
          .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2) + (cut ? "..." : "");
}

std::string read_text_file(const fs::path& path, std::string_view operation,
                           std::uint64_t limit) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  if (bytes.size() > limit) {
    throw FileError(ErrorText{.operation = std::string(operation),
                              .what = path.string() + ": file too large",
                              .got = std::to_string(bytes.size()) + " bytes",
                              .expected = "at most " + std::to_string(limit)});
  }
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

nlohmann::json parse_json_text(std::string_view text, const fs::path& path,
                               std::string_view operation) {
  return parse_text<nlohmann::json>(text, path, operation);
}

nlohmann::json parse_json_line(std::string_view text, const std::string& place,
                               std::string_view operation) {
  return parse_line<nlohmann::json>(text, place, operation);
}

nlohmann::ordered_json parse_ordered_json_line(std::string_view text,
                                               const std::string& place,
                                               std::string_view operation) {
  return parse_line<nlohmann::ordered_json>(text, place, operation);
}

nlohmann::json parse_json_file(const fs::path& path,
                               std::string_view operation) {
  return parse_json_text(read_text_file(path, operation), path, operation);
}

nlohmann::ordered_json parse_ordered_json_text(std::string_view text,
                                               const fs::path& path,
                                               std::string_view operation) {
  return parse_text<nlohmann::ordered_json>(text, path, operation);
}

nlohmann::ordered_json parse_ordered_json_file(const fs::path& path,
                                               std::string_view operation) {
  return parse_ordered_json_text(read_text_file(path, operation), path,
                                 operation);
}

}  // namespace graft
