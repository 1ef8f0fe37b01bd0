// JSON to a conversation.
#include "graft/text/chat.h"

#include <utility>

#include "graft/base/error.h"
#include "io/json_file_internal.h"
#include "text/chat_internal.h"

namespace graft {
namespace {

using nlohmann::ordered_json;
using text::jinja::Value;

[[noreturn]] void fail(const std::string& what, const std::string& got,
                       const std::string& expected) {
  throw FileError(ErrorText{.what = what, .got = got, .expected = expected});
}

void add_variables(const ordered_json& object, const std::string& place,
                   Chat::State& state) {
  if (!object.is_object()) fail(place, object.type_name(), "object");
  for (const auto& [key, value] : object.items()) {
    state.variables.emplace_back(key, Value::from_json(value));
  }
}

void add_messages(const ordered_json& messages, const std::string& place,
                  Chat::State& state) {
  if (!messages.is_array()) {
    fail(place + ": 'messages'", messages.type_name(), "a list of objects");
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!messages[i].is_object()) {
      fail(place + ": messages[" + std::to_string(i) + "]",
           messages[i].type_name(), "an object with 'role' and 'content'");
    }
    state.messages.push_back(Value::from_json(messages[i]));
  }
}

}  // namespace

Chat make_chat(const ordered_json& row, const std::string& place) {
  auto state = std::make_shared<Chat::State>();
  try {
    bool has_messages = false;
    for (const auto& [key, value] : row.items()) {
      if (key == "messages") {
        add_messages(value, place, *state);
        has_messages = true;
      } else if (key == "variables" || key == "chat_template_kwargs") {
        if (!value.is_null()) {
          add_variables(value, place + ": '" + key + "'", *state);
        }
      } else {
        state->variables.emplace_back(key, Value::from_json(value));
      }
    }
    if (!has_messages) fail(place + ": no 'messages'", "", "");
  } catch (const text::jinja::Fault& fault) {
    fail(place + ": " + fault.what(), fault.got(), fault.expected());
  }
  return Chat(std::move(state));
}

Chat::Chat(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Chat Chat::parse(std::string_view json, const std::string& place) {
  const ordered_json row = parse_ordered_json_line(json, place, "");
  if (!row.is_object()) fail(place, row.type_name(), "a JSON object");
  return make_chat(row, place);
}

Chat Chat::of(const std::vector<ChatMessage>& messages) {
  auto state = std::make_shared<State>();
  for (const ChatMessage& message : messages) {
    state->messages.push_back(
        Value::dict({{Value::text("role"), Value::text(message.role)},
                     {Value::text("content"), Value::text(message.content)}}));
  }
  return Chat(std::move(state));
}

std::size_t Chat::size() const { return state_->messages.size(); }

std::string_view Chat::role(std::size_t index) const {
  const Value* role = state_->messages.at(index).as_dict()->find("role");
  const std::string* text = role ? role->as_text() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

bool Chat::has_tools() const {
  for (const auto& [name, value] : state_->variables) {
    if (name == "tools" && value.truth()) return true;
  }
  return false;
}

}  // namespace graft
