// Strict JSON in, compact JSON out.
#include "graft/text/token_lines.h"

#include <cstdint>
#include <vector>

#include "graft/base/error.h"
#include "io/json_file_internal.h"
#include "text/chat_internal.h"

namespace graft {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

[[noreturn]] void fail(const JsonLine& line, const std::string& what,
                       const std::string& got, const std::string& expected) {
  throw FileError(
      ErrorText{.operation = "tokenize",
                .what = "line " + std::to_string(line.number) + ": " + what,
                .got = got,
                .expected = expected});
}

// What `make` throws about a file, with the line in front.
template <typename Make>
auto named(const JsonLine& line, Make make) {
  try {
    return make();
  } catch (const FileError& error) {
    std::string_view what = error.what();
    if (what.starts_with(": ")) what.remove_prefix(2);
    fail(line, std::string(what), "", "");
  }
}

ordered_json parse_ordered_object(const JsonLine& line) {
  ordered_json out = parse_ordered_json_line(
      line.text, "line " + std::to_string(line.number), "tokenize");
  if (!out.is_object()) fail(line, "the row", out.type_name(), "object");
  return out;
}

std::string ids_text(const std::vector<std::int64_t>& ids) {
  std::string out = "{\"ids\":[";
  std::string separator;
  for (const std::int64_t id : ids) {
    out += separator + std::to_string(id);
    separator = ",";
  }
  return out + "]}";
}

json parse_object(const JsonLine& line) {
  json out = parse_json_line(line.text, "line " + std::to_string(line.number),
                             "tokenize");
  if (!out.is_object()) fail(line, "the row", out.type_name(), "object");
  return out;
}

std::vector<std::int64_t> read_ids(const json& row, const JsonLine& line) {
  const auto found = row.find("ids");
  if (found == row.end() || !found->is_array()) {
    fail(line, "the row", "no 'ids'", "{\"ids\": [...]}");
  }
  std::vector<std::int64_t> out;
  for (const json& id : *found) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > INT64_MAX) {
      fail(line, "'ids'", id.dump(), "whole numbers >= 0");
    }
    out.push_back(id.get<std::int64_t>());
  }
  return out;
}

}  // namespace

std::string tokenize_json_line(const LineTokenizer& with,
                               const JsonLine& line) {
  const ordered_json row = parse_ordered_object(line);
  if (row.contains("messages")) {
    const std::string text =
        named(line, [&] { return with.chats.render(make_chat(row, "")); }).text;
    return ids_text(with.tokenizer.encode(text, false));
  }
  const auto text = row.find("text");
  if (text == row.end() || !text->is_string()) {
    fail(line, "the row", "no string 'text'",
         "{\"text\": \"...\"} or {\"messages\": [...]}");
  }
  return ids_text(with.tokenizer.encode(text->get_ref<const std::string&>(),
                                        with.add_special));
}

std::string render_json_line(const ChatTemplate& with,
                             const RenderOptions& options,
                             const JsonLine& line) {
  const ordered_json row = parse_ordered_object(line);
  const json text = named(line, [&] {
                      return with.render(make_chat(row, ""), options);
                    }).text;
  return "{\"text\":" + text.dump() + "}";
}

std::string detokenize_json_line(const Tokenizer& tokenizer,
                                 const JsonLine& line, bool skip_special) {
  const json row = parse_object(line);
  const json text = tokenizer.decode(read_ids(row, line), skip_special);
  return "{\"text\":" + text.dump() + "}";
}

}  // namespace graft
