// Compiles and renders; puts template and line in front of what goes wrong.
#include "graft/text/chat_template.h"

#include <algorithm>
#include <array>
#include <utility>

#include "graft/base/error.h"
#include "io/json_file_internal.h"
#include "text/chat_internal.h"
#include "text/jinja_evaluator_internal.h"
#include "text/jinja_parser_internal.h"
#include "text/unicode_internal.h"

namespace graft {
namespace {

using text::jinja::Dict;
using text::jinja::Entry;
using text::jinja::Value;
using text::jinja::Values;
using Variables = std::vector<std::pair<std::string, Value>>;

constexpr std::size_t kSourceLimit = std::size_t{4} << 20;

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm out{};
  localtime_r(&now, &out);
  return out;
}

// transformers fills reasoning_content from its older names, and the name
// `thinking` for templates that read that.
void name_reasoning(std::vector<Entry>& entries, const Dict& message) {
  static constexpr std::array<std::string_view, 3> kNames = {
      "reasoning_content", "thinking", "reasoning"};
  for (const std::string_view name : kNames) {
    const Value* found = message.find(name);
    if (!found || found->is_none()) continue;
    if (!message.find("thinking") || message.find("thinking")->is_none()) {
      entries.insert(entries.begin(), {Value::text("thinking"), *found});
    }
    entries.emplace_back(Value::text("reasoning_content"), *found);
    return;
  }
}

Value as_transformers(const Value& message) {
  const Dict& dict = *message.as_dict();
  std::vector<Entry> entries;
  for (const Entry& entry : dict.entries) {
    if (!entry.second.is_none()) entries.push_back(entry);
  }
  name_reasoning(entries, dict);
  return Value::dict(std::move(entries));
}

Values chosen_messages(const Chat& chat, const RenderOptions& options) {
  const Values& all = chat.state().messages;
  const std::size_t count =
      std::min(options.messages.value_or(all.size()), all.size());
  Values out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(options.as_transformers ? as_transformers(all[i]) : all[i]);
  }
  return out;
}

Variables make_variables(const Chat& chat, const RenderOptions& options) {
  Variables out = {{"tools", Value::none()},
                   {"documents", Value::none()},
                   {"add_generation_prompt", Value::boolean(false)}};
  for (const auto& [name, token] : options.tokens) {
    out.emplace_back(name, Value::text(token));
  }
  for (const auto& variable : chat.state().variables) out.push_back(variable);
  out.emplace_back("messages", Value::list(chosen_messages(chat, options)));
  if (options.add_generation_prompt) {
    out.emplace_back("add_generation_prompt",
                     Value::boolean(*options.add_generation_prompt));
  }
  return out;
}

}  // namespace

struct ChatTemplate::State {
  text::jinja::Template parsed;
  std::string name;

  [[noreturn]] void fail(int line, const std::string& what,
                         const std::string& got,
                         const std::string& expected) const {
    throw FileError(ErrorText{
        .operation = "template",
        .what = name + ":" + std::to_string(line) + ": " + printable(what),
        .got = printable(got),
        .expected = printable(expected)});
  }
};

ChatTemplate::ChatTemplate(std::shared_ptr<const State> state)
    : state_(std::move(state)) {}

ChatTemplate ChatTemplate::compile(std::string_view source, std::string name) {
  auto state = std::make_shared<State>();
  state->name = std::move(name);
  if (source.size() > kSourceLimit) {
    state->fail(1, "the template is too large",
                std::to_string(source.size()) + " bytes",
                "at most " + std::to_string(kSourceLimit));
  }
  if (!text::is_valid_utf8(source)) {
    state->fail(1, "the template is not valid UTF-8", "", "");
  }
  try {
    state->parsed = text::jinja::parse(source);
  } catch (const text::jinja::SyntaxFault& fault) {
    state->fail(fault.line, fault.what, fault.got, fault.expected);
  }
  return ChatTemplate(std::move(state));
}

RenderedChat ChatTemplate::render(const Chat& chat,
                                  const RenderOptions& options) const {
  if (options.as_transformers && options.messages.value_or(chat.size()) == 0) {
    throw FileError(ErrorText{.operation = "template",
                              .what = "a chat without messages",
                              .expected = "at least one"});
  }
  text::jinja::Evaluator run(state_->parsed,
                             options.clock ? options.clock : local_time, {});
  try {
    text::jinja::Rendered rendered = run.run(make_variables(chat, options));
    RenderedChat out{std::move(rendered.text), {}, rendered.lost_generation};
    for (const auto& span : rendered.generations) {
      out.generations.push_back({span.begin, span.end});
    }
    return out;
  } catch (const text::jinja::Fault& fault) {
    state_->fail(run.line(), fault.what(), fault.got(), fault.expected());
  }
}

bool ChatTemplate::has_generation() const {
  return state_->parsed.has_generation;
}

ChatRenderer::ChatRenderer(const Tokenizer& tokenizer,
                           std::function<std::tm()> clock)
    : config_(tokenizer.config()), time_(clock ? clock() : local_time()) {}

const ChatTemplate& ChatRenderer::template_of(const Chat& chat) {
  if (config_.tool_template && chat.has_tools()) {
    if (!for_tools_) {
      for_tools_ = ChatTemplate::compile(*config_.tool_template,
                                         "chat template tool_use");
    }
    return *for_tools_;
  }
  if (!config_.chat_template) {
    throw ConfigError(ErrorText{
        .operation = "chat",
        .what = "the model has no chat template",
        .hint = "It belongs into chat_template.jinja beside tokenizer.json, "
                "or under 'chat_template' in tokenizer_config.json"});
  }
  if (!plain_) {
    plain_ = ChatTemplate::compile(*config_.chat_template, "chat template");
  }
  return *plain_;
}

RenderedChat ChatRenderer::render(const Chat& chat, RenderOptions options) {
  options.tokens = template_tokens(config_);
  options.clock = [this] { return time_; };
  return template_of(chat).render(chat, options);
}

std::vector<std::pair<std::string, std::string>> template_tokens(
    const TokenizerConfig& config) {
  std::vector<std::pair<std::string, std::string>> out;
  auto add = [&out](const char* name, const std::optional<std::string>& token) {
    if (token) out.emplace_back(name, *token);
  };
  add("bos_token", config.bos_token);
  add("eos_token", config.eos_token);
  add("pad_token", config.pad_token);
  add("unk_token", config.unk_token);
  add("sep_token", config.sep_token);
  add("cls_token", config.cls_token);
  add("mask_token", config.mask_token);
  return out;
}

}  // namespace graft
