// What a training row of messages must be, beyond what templates ask for.
#include "text/chat_row_internal.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "graft/base/error.h"
#include "io/json_file_internal.h"
#include "text/chat_internal.h"

namespace graft {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, 7> kRoles = {
    "system", "developer", "user", "assistant", "tool", "function", "ipython"};
constexpr std::array<std::string_view, 4> kChatKeys = {
    "messages", "tools", "documents", "chat_template_kwargs"};

[[noreturn]] void fail(const std::string& what, const std::string& got,
                       const std::string& expected) {
  throw FileError(
      ErrorText{.what = what, .got = printable(got), .expected = expected});
}

void check_role(const ordered_json& message, const std::string& place) {
  const auto role = message.find("role");
  const char* expected =
      "system, developer, user, assistant, tool, function or ipython";
  if (role == message.end()) {
    const bool is_share = message.contains("from");
    fail(place + " has no 'role'",
         is_share ? "'from' and 'value' of another format" : "",
         is_share ? "'role' and 'content'" : expected);
  }
  if (!role->is_string()) {
    fail(place + ".role", role->type_name(), expected);
  }
  const auto& name = role->get_ref<const std::string&>();
  if (std::ranges::find(kRoles, name) == kRoles.end()) {
    fail(place + ".role", "'" + name + "'", expected);
  }
}

bool holds(const ordered_json& message, const char* key) {
  const auto found = message.find(key);
  return found != message.end() && !found->is_null() &&
         !(found->is_array() && found->empty());
}

void check_content(const ordered_json& message, const std::string& place) {
  const auto content = message.find("content");
  const bool is_absent = content == message.end() || content->is_null();
  if (is_absent && !holds(message, "tool_calls")) {
    fail(place + " has no 'content'", "", "a string or a list of parts");
  }
  if (!is_absent && !content->is_string() && !content->is_array() &&
      !content->is_object()) {
    fail(place + ".content", content->type_name(),
         "a string or a list of parts");
  }
}

// "weight" is 0 for an answer that is not learnt, as OpenAI's rows have it.
void check_weight(const ordered_json& message, const std::string& place) {
  const auto weight = message.find("weight");
  if (weight == message.end() || weight->is_null()) return;
  if (!weight->is_number() || (*weight != 0 && *weight != 1)) {
    fail(place + ".weight",
         weight->is_number() ? weight->dump() : weight->type_name(), "0 or 1");
  }
  if (*weight == 1 && message.at("role") != "assistant") {
    fail(place + ".weight",
         "1 for a message of " + message.at("role").get<std::string>(),
         "0 or nothing: answers alone are learnt");
  }
}

void check_messages(const ordered_json& messages) {
  if (!messages.is_array()) {
    fail("'messages'", messages.type_name(), "a list of objects");
  }
  if (messages.empty()) fail("'messages' is empty", "", "at least one");
  bool has_answer = false;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string place = "messages[" + std::to_string(i) + "]";
    const ordered_json& message = messages[i];
    if (!message.is_object()) {
      fail(place, message.type_name(), "an object with 'role' and 'content'");
    }
    check_role(message, place);
    check_content(message, place);
    check_weight(message, place);
    has_answer |= message.at("role") == "assistant";
  }
  if (!has_answer) {
    fail("no answer to learn: 'messages' has no turn of the assistant", "",
         "at least one message with the role assistant");
  }
}

}  // namespace

Chat read_chat_row(const ordered_json& row,
                   const std::function<void(const std::string&)>& unknown) {
  ordered_json chat = ordered_json::object();
  for (const auto& [key, value] : row.items()) {
    if (std::ranges::find(kChatKeys, key) == kChatKeys.end()) {
      unknown(key);
    } else {
      chat[key] = value;
    }
  }
  check_messages(chat.at("messages"));
  return make_chat(chat, "the row");
}

}  // namespace graft
