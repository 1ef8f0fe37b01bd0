// JSON to a conversation.
#include "graft/text/chat.h"

#include <utility>

#include "graft/base/error.h"
#include "io/json_file_internal.h"
#include "text/chat_internal.h"

namespace graft {
namespace {

using nlohmann::ordered_json;
using text::jinja::Dict;
using text::jinja::Entry;
using text::jinja::Sequence;
using text::jinja::Value;
using text::jinja::Values;

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

Value with_entry(const Dict& dict, std::string_view key, Value value) {
  std::vector<Entry> entries = dict.entries;
  for (Entry& entry : entries) {
    const std::string* name = entry.first.as_text();
    if (name && *name == key) entry.second = value;
  }
  return Value::dict(std::move(entries));
}

// Where a message's words stand: part is set when content is a list.
struct Words {
  const Value* content = nullptr;
  std::optional<std::size_t> part;
  const std::string* text = nullptr;  // null: none, or several
};

const std::string* text_of(const Value& holder, std::string_view key) {
  const Dict* dict = holder.as_dict();
  const Value* value = dict ? dict->find(key) : nullptr;
  return value ? value->as_text() : nullptr;
}

Words find_words(const Value& message) {
  Words out;
  out.content = message.as_dict()->find("content");
  if (!out.content) return out;
  out.text = out.content->as_text();
  const Sequence* parts = out.content->as_list();
  if (!parts) return out;
  for (std::size_t i = 0; i < parts->items.size(); ++i) {
    const std::string* text = text_of(parts->items[i], "text");
    if (!text) continue;
    if (out.part) return {};
    out.part = i;
    out.text = text;
  }
  return out;
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

std::optional<std::string> Chat::text(std::size_t index) const {
  const Words words = find_words(state_->messages.at(index));
  if (!words.text) return std::nullopt;
  return *words.text;
}

bool is_left_out(const Chat& chat, std::size_t message) {
  const auto& dict = *chat.state().messages.at(message).as_dict();
  const Value* weight = dict.find("weight");
  return weight && weight->is_number() && weight->number() == 0.0;
}

std::optional<Chat> with_content(const Chat& chat, std::size_t message,
                                 const std::string& text) {
  auto state = std::make_shared<Chat::State>(chat.state());
  Value& changed = state->messages.at(message);
  const Words words = find_words(changed);
  if (!words.text) return std::nullopt;
  Value content = Value::text(text);
  if (words.part) {
    Values parts = words.content->as_list()->items;
    Value& part = parts.at(*words.part);
    part = with_entry(*part.as_dict(), "text", std::move(content));
    content = Value::list(std::move(parts));
  }
  changed = with_entry(*changed.as_dict(), "content", std::move(content));
  return Chat(std::move(state));
}

}  // namespace graft
